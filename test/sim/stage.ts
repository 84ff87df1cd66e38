/** What all parts of one simulated life share. */

import type { Store } from '../../src/store/store.ts'
import type { Agenda } from './agenda.ts'
import type { Journal } from './journal.ts'
import type { Random } from './random.ts'
import type { Server } from './server.ts'
import type { Trace } from './trace.ts'
import type { Weather } from './weather.ts'

export interface Stage {
  readonly random: Random
  /** What clients give their agents of tokens, and when they give more; none: this life knows no limits. A stream of its own: the other lives are what they were. */
  readonly limits?: Random
  readonly agenda: Agenda
  readonly trace: Trace
  readonly journal: Journal
  /** The record that outlives servers; the judge reads it, and nobody else but a server. */
  readonly durable: Store
  /** What it is like now. */
  weather(): Weather
  /** The server that runs, if one does. */
  server(): Server | undefined
}
