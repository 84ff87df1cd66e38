/** Who waits for whom, and whether one more wait could ever end. A pure look at plain data. */

export interface Wait {
  /** The waiting agent. */
  readonly by: string
  /** The agents whose answers it waits for; the first one ends the wait. */
  readonly on: readonly string[]
}

/**
 * The agents of a circle that `wait` would close, or none. An agent is stuck when one of its waits is, and a wait is stuck
 * when all it waits for are: a wait for any of several with one free among them can end.
 */
export function circleOf(waits: readonly Wait[], wait: Wait): readonly string[] | undefined {
  const blocked = (agent: string, path: readonly string[]): readonly string[] | undefined => {
    if (agent === wait.by) return path
    if (path.includes(agent)) return undefined
    for (const { by, on } of waits) {
      if (by !== agent) continue
      const circle = allBlocked(on, [...path, agent])
      if (circle) return circle
    }
    return undefined
  }
  const allBlocked = (agents: readonly string[], path: readonly string[]): readonly string[] | undefined => {
    let circle: readonly string[] | undefined
    for (const agent of agents) {
      circle = blocked(agent, path)
      if (!circle) return undefined
    }
    return circle
  }
  const circle = allBlocked(wait.on, [])
  return circle && [wait.by, ...circle, wait.by]
}
