/** What a simulated agent does in a turn: it calls tools by its own credential, works, asks for permission, and says its last words. */

import type { BareFact } from '../../src/drivers/facts.ts'
import { asMessageId } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { createErrands, type Party, run } from './errands.ts'
import type { Told } from './journal.ts'
import type { Random } from './random.ts'
import type { Process, Turn } from './session.ts'
import type { Stage } from './stage.ts'
import { answerText, errorText } from './words.ts'

export interface Body {
  readonly random: Random
  say(process: Process, fact: BareFact): void
  later(process: Process, act: () => void): void
  end(process: Process, status: 'completed' | 'failed', words?: string): void
  die(process: Process): void
  /** Begins the next turn, if there is one to begin. */
  begin(process: Process): void
}

export interface Mind {
  work(process: Process, turn: Turn): void
  /** Between turns: something may come up by itself. */
  idle(process: Process): void
  told(process: Process, messageId: string, told: Told): void
  /** A call its process made before it was gone, which arrives behind its end. */
  lastCall(process: Process, turn: Turn): void
  approve(process: Process, approvalId: string, decision: 'allow' | 'deny'): void
  /** Who its credential says it is; nobody, once it has ended. */
  callerOf(process: Process): Caller | undefined
}

export function createMind(stage: Stage, { random, say, later, end, die, begin }: Body): Mind {
  const { journal } = stage
  const errands = createErrands(stage)
  let count = 0
  const isOver = (process: Process, turn: Turn): boolean => process.turn !== turn
  const isCalm = (): boolean => stage.weather().calls === 0

  const callerOf = ({ server, token, agentId }: Process): Caller | undefined => {
    if (!server.isAlive()) return undefined
    try {
      const caller = server.system.authenticate(token, 'loopback')
      if (caller.kind !== 'agent' || caller.agentId !== agentId) journal.breach('P7', `the credential of ${agentId} was taken for ${JSON.stringify(caller)}`)
      return caller
    } catch {
      return undefined // refused: it has ended, and its process has yet to go
    }
  }

  /** A call in the course of a turn. Its answer reaches nobody once the turn is over. */
  async function ask(process: Process, turn: Turn, tool: string, args: Record<string, unknown>): Promise<void> {
    const caller = callerOf(process)
    if (!caller) return
    const party: Party = { address: { kind: 'agent', id: process.agentId }, sent: [], random }
    // A CLI whose turn was cut drops the call, or goes on without saying so.
    const dropped = random.chance(70) ? { signal: turn.over.signal } : {}
    await run(stage, party, caller, { tool, args }, { leaves: () => !isOver(process, turn) && !random.chance(stage.weather().brokenAnswer), ...dropped, ...(random.chance(30) ? { callKey: `key${++count}` } : {}) })
    const { sentFor } = process.session
    for (const id of party.sent) if (turn.subject && !sentFor.has(id)) sentFor.set(id, turn.subject)
  }

  const reply = (process: Process, turn: Turn, unnamed = 25): Promise<void> => {
    const about = random.roll(10) < 7 ? turn.subject : random.pick(process.session.given)
    const named = about !== undefined && !random.chance(unnamed)
    // Unnamed, it answers what Madrox takes for the one meant: the message it was just given, if there is one.
    const words = answerText(process.agentId, named ? about : (turn.given ?? 'any'), ++count)
    return ask(process, turn, 'reply_to_caller', { reply_message: words, ...(named ? { correlation_id: about } : {}) })
  }
  const errand = async (process: Process, turn: Turn): Promise<void> => {
    const drawn = errands.ofAgent({ address: { kind: 'agent', id: process.agentId }, sent: [...process.session.sentFor.keys()].map(asMessageId), random })
    if (drawn) await ask(process, turn, drawn.tool, drawn.args)
  }
  const output = async (process: Process, turn: Turn): Promise<void> => {
    say(process, { type: 'outputProduced', turnId: turn.id, kind: 'tool_call', callId: `call${++count}`, tool: 'Bash', content: 'ls' })
    say(process, { type: 'usageReported', unitId: `unit${random.roll(50)}`, model: 'sim', inputTokens: 3, outputTokens: 2, cacheReadTokens: 1, cacheCreationTokens: 0 })
  }
  const background = async (process: Process, turn: Turn): Promise<void> => {
    const id = `task${++count}`
    process.background.set(id, turn.subject)
    later(process, () => {
      if (!process.background.delete(id)) return
      process.ended.set(id, turn.subject)
      later(process, () => begin(process))
    })
  }
  const approval = (process: Process, turn: Turn): Promise<void> =>
    new Promise(resolve => {
      const approvalId = `approval${++count}`
      turn.approval = approvalId
      say(process, { type: 'approvalRequested', approvalId, tool: 'Bash', detail: 'rm' })
      // Somebody at the terminal decides.
      later(process, () => {
        approve(process, approvalId, random.chance(80) ? 'allow' : 'deny')
        resolve()
      })
    })

  function approve(process: Process, approvalId: string, decision: 'allow' | 'deny'): void {
    const { turn } = process
    if (turn?.approval !== approvalId) return
    delete turn.approval
    say(process, { type: 'approvalResolved', approvalId, decision })
  }

  const nextAct = (): ((process: Process, turn: Turn) => Promise<void>) => {
    const kind = random.roll(20)
    const replying = (process: Process, turn: Turn): Promise<void> => reply(process, turn)
    if (isCalm()) return kind < 10 ? replying : output
    if (kind < 9) return errand
    if (kind < 13) return replying
    if (kind < 15) return output
    return kind < 18 ? background : approval
  }

  function finish(process: Process, turn: Turn): void {
    const about = turn.subject ?? 'any'
    if (!isCalm() && random.chance(8)) return end(process, 'failed', errorText(process.agentId, about))
    if (random.chance(8)) return end(process, 'completed')
    end(process, 'completed', answerText(process.agentId, about, ++count))
  }

  /** One act after the other, until the last words. */
  function goOn(process: Process, turn: Turn, left: number): void {
    later(process, () => {
      if (isOver(process, turn)) return
      if (random.chance(stage.weather().death)) return die(process)
      if (left === 0) return finish(process, turn)
      const done = nextAct()(process, turn)
      // At times it does not wait for the answer before it goes on.
      if (random.chance(10)) goOn(process, turn, left - 1)
      else void done.then(() => goOn(process, turn, left - 1))
    })
  }

  return {
    callerOf, approve,
    lastCall: (process, turn) => {
      // Named: which message an unnamed one means, nobody could tell any more.
      if (random.chance(20) && process.session.given.length > 0) stage.agenda.after(random.delay(), () => void reply(process, turn, 0))
    },
    work: (process, turn) => goOn(process, turn, random.roll(isCalm() ? 2 : 5)),
    idle: process => {
      if (isCalm()) return process.late || process.ended.size > 0 ? later(process, () => begin(process)) : undefined
      if (random.chance(stage.weather().death)) return later(process, () => die(process))
      if (process.late || process.ended.size > 0 || random.chance(10)) later(process, () => begin(process))
    },
    told: (process, messageId, told) => journal.told(asMessageId(messageId), told, { kind: 'agent', id: process.agentId }),
  }
}
