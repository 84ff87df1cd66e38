/**
 * The traffic of the harness: keeps a number of messages under way, hears of each outcome in the way chosen for it, and notes all
 * of it. It lives through the server's generations: what was not heard to be accepted is sent again under its key.
 */

import { CallCut, type Session } from './client.ts'
import type { Entry, Journal, Way } from './journal.ts'
import type { Generation } from './server.ts'
import type { Data } from '../e2e/rig-client.ts'

export interface Task {
  readonly to: string
  readonly text: string
  /** What only this message can be answered with. */
  readonly expected: string
}

export interface MailOptions {
  readonly journal: Journal
  readonly nextTask: (number: number) => Task
  readonly nextWay: () => Way
  /** How many messages are kept under way. */
  readonly underWay: number
}

/** What a generation of the server is asked to carry. */
export interface Carrying {
  /** More of what was not heard is sent again, and new ones after them. */
  readonly sendsMore: boolean
  /** The inbox is emptied as it fills. */
  readonly collects: boolean
}

export interface Mail {
  /** Runs until the generation is being killed, or, without `sendsMore`, until nothing is left to hear. */
  carry(session: Session, generation: Generation, carrying: Carrying): Promise<void>
  /** Asks by name for what was accepted and not heard of. */
  ask(session: Session): Promise<void>
  /** Resolves with the next acceptance or outcome that is heard. */
  changed(): Promise<void>
  /** How many acceptances were heard in all. */
  readonly accepted: number
  /** How many outcomes. */
  readonly heard: number
}

interface Letter extends Task {
  readonly key: string
  readonly way: Way
  messageId: string | undefined
}

type Call = Extract<Entry, { type: 'cut' }>['call']

/** For an inbox or a wait to be asked again. Seconds. */
const waitSeconds = 5

export function createMail({ journal, nextTask, nextWay, underWay }: MailOptions): Mail {
  const letters: Letter[] = []
  const settled = new Set<string>()
  const news = createNews()
  const isOpen = (letter: Letter): boolean => letter.messageId === undefined || !settled.has(letter.messageId)
  const open = (): Letter[] => letters.filter(isOpen)

  const note = (entry: Entry): void => {
    journal.note(entry)
    if (entry.type === 'heard') settled.add(entry.messageId)
    news.tell()
  }
  const accept = (letter: Letter, messageId: string): void => {
    letter.messageId = messageId
    note({ type: 'accepted', key: letter.key, messageId })
  }
  const hear = (data: Data, by: Way): void => {
    if (data.status !== 'pending' && data.status !== 'accepted') note({ type: 'heard', messageId: data.message_id ?? '', status: data.status ?? '', response: data.response ?? '', by })
  }
  const write = (): Letter => {
    const letter: Letter = { ...nextTask(letters.length), key: `k${letters.length}`, way: nextWay(), messageId: undefined }
    letters.push(letter)
    return letter
  }

  const send = async (session: Session, letter: Letter): Promise<void> => {
    const waits = letter.way === 'call'
    note({ type: 'tried', key: letter.key, to: letter.to, expected: letter.expected, way: letter.way })
    const data = await session.call('send_to_instance', { instance_id: letter.to, message: letter.text, wait_for_response: waits, timeout_seconds: 600 }, letter.key)
    accept(letter, data.message_id ?? '')
    hear(data, letter.way)
  }
  const collect = async (session: Session, seconds: number): Promise<void> => {
    const { replies = [] } = await session.call('get_pending_replies', { wait_timeout: seconds })
    for (const { kind, message_id: messageId = '', status = '', response } of replies) {
      if (kind === 'outcome') note({ type: 'heard', messageId, status, response, by: 'inbox' })
      if (kind === 'follow_up') note({ type: 'followUp', messageId, response })
    }
  }

  const carry: Mail['carry'] = async (session, generation, { sendsMore, collects }) => {
    const failures: unknown[] = []
    const isOver = (): boolean => failures.length > 0 || generation.isDying || (!sendsMore && open().length === 0)
    const running = new Set<Promise<void>>()
    const start = (call: Call, work: Promise<void>): void => {
      const ended = untilCut(call, work)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => {
          running.delete(ended)
          news.tell()
        })
      running.add(ended)
    }
    const untilCut = async (call: Call, work: Promise<void>): Promise<void> => {
      try {
        await work
      } catch (error) {
        if (!(error instanceof CallCut)) throw error
        journal.note({ type: 'cut', call })
      }
    }
    const waitForAny = async (): Promise<void> => {
      while (!isOver()) {
        const ids = open().flatMap(letter => (letter.way === 'any' && letter.messageId !== undefined ? [letter.messageId] : [])).slice(0, 100)
        if (ids.length === 0) await news.next()
        else hear(await session.call('wait_for_any', { message_ids: ids, timeout_seconds: waitSeconds }), 'any')
      }
    }
    const empty = async (): Promise<void> => {
      while (!isOver()) await collect(session, waitSeconds)
    }
    void generation.dying.then(news.tell)
    for (const letter of letters) if (letter.messageId === undefined) start('send', send(session, letter))
    start('any', waitForAny())
    if (collects) start('inbox', empty())
    while (!isOver()) {
      if (sendsMore && open().length < underWay) start('send', send(session, write()))
      else await news.next()
    }
    if (failures.length > 0) throw failures[0]
    await Promise.all(running)
    if (failures.length > 0) throw failures[0]
  }

  return {
    carry,
    ask: async session => {
      for (const letter of open()) {
        if (letter.messageId !== undefined) hear(await session.call('wait_for_any', { message_ids: [letter.messageId], timeout_seconds: 1 }), 'asked')
      }
    },
    changed: () => news.next(),
    get accepted() {
      return letters.filter(letter => letter.messageId !== undefined).length
    },
    get heard() {
      return settled.size
    },
  }
}

/** Something has changed: whoever waits looks again. Nothing is missed between a look and the wait behind it, as nothing runs there. */
function createNews(): { next(): Promise<void>; tell(): void } {
  const waiting = new Set<() => void>()
  return {
    next: () => new Promise(resolve => waiting.add(resolve)),
    tell: () => {
      const all = [...waiting]
      waiting.clear()
      for (const resolve of all) resolve()
    },
  }
}
