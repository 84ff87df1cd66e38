/** The people at the other end of clients' sessions, and putting questions to them: what is asked in one breath is one question. */

import type { Log } from '../log.ts'
import { wordsOf } from '../errors.ts'
import type { ClientId } from '../ids.ts'
import { canonicalClient, type Core } from './core.ts'
import type { Person, PersonAnswer } from './controlling.ts'

/** One of the things a question asks for. */
export interface Asked {
  readonly text: string
  readonly expiresAt: number
  /** Fires when it needs no answer any more. */
  readonly over: AbortSignal
  answered(answer: PersonAnswer): void
  /** The question could not be put. */
  unasked(): void
}

export function createPersons(core: Core) {
  const present = new Map<Person, ClientId>()
  const batches = new Map<Person, Asked[]>()

  /** The person who sits at that client now: at the newest of its sessions that takes questions. */
  const personOf = (id: ClientId): Person | undefined =>
    [...present].findLast(([person, at]) => canonicalClient(core, at) === canonicalClient(core, id) && person.able())?.[0]

  const put = (person: Person, asked: Asked): void => {
    const batch = batches.get(person)
    if (batch) return void batch.push(asked)
    batches.set(person, [asked])
    // A batch of spawns asks in one breath.
    queueMicrotask(() => {
      const all = batches.get(person) ?? []
      batches.delete(person)
      void putAll(person, all, core.log)
    })
  }

  return {
    personOf,
    put,
    personAt: (id: ClientId, person: Person) => {
      present.set(person, id)
      return () => void present.delete(person)
    },
  }
}

export type Persons = ReturnType<typeof createPersons>

/** One question for all of them, and one answer. It is taken back when none of them needs it any more. */
async function putAll(person: Person, all: readonly Asked[], log: Log): Promise<void> {
  const open = all.filter(({ over }) => !over.aborted)
  const takenBack = new AbortController()
  const check = (): void => {
    if (open.every(({ over }) => over.aborted)) takenBack.abort()
  }
  for (const { over } of open) over.addEventListener('abort', check, { once: true })
  if (open.length === 0) return
  let answer: PersonAnswer | undefined
  try {
    answer = await person.ask({ text: textOf(open), expiresAt: Math.max(...open.map(({ expiresAt }) => expiresAt)) }, takenBack.signal)
  } catch (error) {
    log.error('a question could not be put to a person', { reason: wordsOf(error) })
  }
  for (const each of open) {
    if (each.over.aborted) continue
    if (answer) each.answered(answer)
    else each.unasked()
  }
}

const textOf = (asked: readonly Asked[]): string => (asked.length === 1 ? (asked[0]?.text ?? '') : `${asked.length} requests, answered together:\n${asked.map(({ text }) => `- ${text}`).join('\n')}`)
