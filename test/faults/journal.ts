/**
 * What the harness's own client lived through, in order: what it tried, what it was told, what was killed meanwhile. Append-only,
 * in memory and in a file, and written by nobody but the client: the verdict rests on it, not on the store of those who are judged.
 */

import { appendFileSync } from 'node:fs'

/** How the client means to hear of an outcome. `asked`: in the end, by name, for what came no other way. */
export type Way = 'call' | 'any' | 'inbox' | 'asked'

export type Entry =
  | { readonly type: 'tried'; readonly key: string; readonly to: string; readonly expected: string; readonly way: Way }
  | { readonly type: 'accepted'; readonly key: string; readonly messageId: string }
  | { readonly type: 'heard'; readonly messageId: string; readonly status: string; readonly response: string; readonly by: Way }
  | { readonly type: 'followUp'; readonly messageId: string; readonly response: string }
  /** A call was on its way when the server was killed. */
  | { readonly type: 'cut'; readonly call: 'send' | 'any' | 'inbox' }
  | { readonly type: 'killed'; readonly what: Victim; readonly agent?: string }
  /** The model APIs are there again. */
  | { readonly type: 'risen' }

/** `cli`: one agent's own process; the others take many agents' turns with them. */
export type Victim = 'server' | 'cli' | 'app-server' | 'api'

export interface Journal {
  readonly entries: readonly Entry[]
  note(entry: Entry): void
}

export function openJournal(path: string): Journal {
  const entries: Entry[] = []
  return {
    entries,
    note: entry => {
      entries.push(entry)
      appendFileSync(path, `${JSON.stringify({ at: Date.now(), ...entry })}\n`)
    },
  }
}
