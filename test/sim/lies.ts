/**
 * Weather keeps the driver's contract; lies break it. A lying driver says of its agent what is not so: facts that never come,
 * come twice, come late, in the wrong order, behind the end, or under names nobody knows.
 */

import type { DriverFact } from '../../src/drivers/driver.ts'
import type { Random } from './random.ts'

/** What is said in the place of the truth, and how long after. */
export interface Said {
  readonly fact: DriverFact
  readonly afterMs: number
}

const nobody = 'nobodyatall22222'
const now = (fact: DriverFact): Said => ({ fact, afterMs: 0 })

const twists: readonly ((fact: DriverFact, random: Random) => readonly Said[])[] = [
  () => [], // never said
  (fact, random) => [now(fact), { fact, afterMs: random.delay() }], // and again, perhaps when its process is long gone
  (fact, random) => [{ fact, afterMs: random.delay() }], // behind what came after it
  fact => [now(fact), now({ ...fact, agentId: nobody })],
  fact => [now('turnId' in fact ? { ...fact, turnId: 'noturn' } : fact)],
  fact => [now('promptId' in fact ? { ...fact, promptId: 'noprompt.1' } : fact)],
  fact => [now('requestId' in fact ? { ...fact, requestId: 'norequest' } : fact)],
  (fact, random) => [now(fact), { fact: { type: 'turnStarted', agentId: fact.agentId, source: 'self', at: fact.at, turnId: `phantom${random.roll(9)}`, origin: 'person' }, afterMs: random.delay() }],
  (fact, random) => [now(fact), { fact: { type: 'turnEnded', agentId: fact.agentId, source: 'self', at: fact.at, turnId: `phantom${random.roll(9)}`, status: 'completed', finalText: 'a phantom', background: [] }, afterMs: random.delay() }],
  // What no schema would let through: whoever reads it fails.
  (fact, random) => [now(fact), { fact: { type: 'turnEnded', agentId: fact.agentId, source: 'self', at: fact.at, turnId: 'broken', status: 'completed' } as unknown as DriverFact, afterMs: random.delay() }], // wrong on purpose
  (fact, random) => [now(fact), { fact: { type: 'exited', agentId: fact.agentId, source: 'self', at: fact.at, expected: random.chance(50) }, afterMs: random.delay() }],
]

/** One word in five of a liar's is twisted. */
export const twist = (fact: DriverFact, random: Random): readonly Said[] => (random.chance(80) ? [now(fact)] : (random.pick(twists)?.(fact, random) ?? []))
