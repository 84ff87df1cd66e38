/** Points where a scripted response waits for the test, and the test for the response: synchronisation without sleeps. */
export interface Gate {
  /** Resolves when a response first stands at the gate. */
  readonly reached: Promise<void>
  readonly opened: Promise<void>
  readonly arrive: () => void
  /** Lets through whatever waits here, now and later. */
  readonly open: () => void
}

export function createGates(): { gate: (name: string) => Gate; openAll: () => void } {
  const gates = new Map<string, Gate>()
  const gate = (name: string): Gate => {
    const known = gates.get(name)
    if (known) return known
    let arrive = () => {}
    let open = () => {}
    const reached = new Promise<void>(resolve => (arrive = resolve))
    const opened = new Promise<void>(resolve => (open = resolve))
    const created = { reached, opened, arrive, open }
    gates.set(name, created)
    return created
  }
  return { gate, openAll: () => gates.forEach(each => each.open()) }
}
