/** What is measured: somebody who starts agents and sends them messages. */
export interface Subject<Agent> {
  readonly name: string
  /** Resolves when the agent is ready for a message. */
  spawn(): Promise<Agent>
  /** Resolves with the agent's reply. */
  send(agent: Agent): Promise<void>
  /** Resolves when the agent is idle again: not timed. */
  settled(agent: Agent): Promise<void>
  stop(agent: Agent): Promise<void>
  close(): Promise<void>
}

/** The protocol's own pause between a paste and Enter; both subjects wait it out, so it is in neither's difference. */
export const enterDelayMs = 40
