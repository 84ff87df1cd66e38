/** Facts on their way out of a driver: what happened is known before whose it is and when. */

import type { DriverFact, FactOf } from './driver.ts'

type Kind = DriverFact['type']
/** Distributes over the kinds of facts, so that each keeps its own fields. */
type Without<Fact, Fields extends PropertyKey> = Fact extends unknown ? Omit<Fact, Fields> : never

/** Told by something that knows its source. */
export type SourcedFact<Type extends Kind = Kind> = Without<FactOf<Type>, 'agentId' | 'at'>

/** What happened, and nothing else. */
export type BareFact<Type extends Kind = Kind> = Without<FactOf<Type>, 'agentId' | 'source' | 'at'>

/** What became of a turn, as the session's own record has it. */
export type Recollection = Omit<BareFact<'turnRecalled'>, 'type' | 'requestId'>
