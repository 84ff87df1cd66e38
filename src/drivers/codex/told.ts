import type { DriverFact } from '../driver.ts'

/** A fact before anyone has said whose it is, and when. */
export type Told<Fact = DriverFact> = Fact extends unknown ? Omit<Fact, 'agentId' | 'source' | 'at'> : never
