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
    const reached = createLatch()
    const opened = createLatch()
    const created = { reached: reached.released, opened: opened.released, arrive: reached.release, open: opened.release }
    gates.set(name, created)
    return created
  }
  return { gate, openAll: () => gates.forEach(each => each.open()) }
}

/** Resolves once the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  const { released, release } = createLatch()
  if (signal.aborted) release()
  else signal.addEventListener('abort', release, { once: true })
  return released
}

function createLatch(): { released: Promise<void>; release: () => void } {
  let release = () => {}
  const released = new Promise<void>(resolve => (release = resolve))
  return { released, release }
}
