/**
 * One scripted conversation: takes prompts, plays them, remembers them, and tells what happened. Owns turns, background tasks
 * and usage; knows neither agents nor processes, so the in-process driver and the program in the PTY run the same one.
 */

import type { Clock } from '../../clock.ts'
import type { BareFact } from '../facts.ts'
import type { Answer, Effect, Performance, Verdict } from './performance.ts'
import { perform } from './play.ts'
import { toPrompt, type Prompt } from './prompt.ts'
import type { Script } from './script.ts'
import type { Transcript } from './transcript.ts'
import { createUsageMeter, toReport, type Spent, type UsageMeter } from './usage.ts'

/** `crashed` ends the session: nothing comes behind it. */
export type SessionEvent = BareFact | { readonly type: 'crashed'; readonly words: string }

export interface Session {
  readonly state: 'idle' | 'inTurn' | 'awaitingApproval'
  /** The approval it stands at. */
  readonly approvalId: string | undefined
  /** Only when idle. Without an id: a person's. */
  submit(text: string, promptId?: string): void
  /** Cuts the running turn; the context stays. False: there was none. */
  interrupt(): boolean
  returnToolResult(callId: string, ok: boolean, result: string): void
  answerApproval(approvalId: string, decision: 'allow' | 'deny'): void
  /** Stops timers and tells nothing more. */
  end(): void
}

export interface SessionOptions {
  readonly agentName: string
  readonly sessionId: string
  readonly script: Script
  readonly transcript: Transcript
  readonly clock: Clock
  readonly tell: (event: SessionEvent) => void
}

interface Turn {
  readonly id: string
  readonly promptId: string | undefined
  readonly performance: Performance
  readonly usage: UsageMeter
  readonly said: string[]
  awaiting: { readonly kind: 'tool' | 'approval'; readonly id: string; readonly tool: string } | undefined
  timer: unknown
  steps: number
}

interface Running {
  readonly id: string
  readonly description: string
  readonly timer: unknown
  readonly text: string
  readonly startedBy: string | undefined
}

/** A resumed one tells at once what it had spent before: the server that should have counted it may have been killed. */
export function createSession(options: SessionOptions): Session {
  const { clock, transcript, tell, sessionId } = options
  const background = new Map<string, Running>()
  const finished: Running[] = []
  let turn: Turn | undefined
  let ended = false
  let turnCount = transcript.earlierTurns

  const spend = (spent: Spent): void => {
    transcript.append({ type: 'usageSpent', at: clock.now(), ...spent })
    tell(toReport(spent))
  }

  const begin = (performance: Performance, prompt: { readonly id: string | undefined; readonly text: string } | undefined): Turn => {
    const id = `${sessionId}.${++turnCount}`
    transcript.append({ type: 'turnBegan', turnId: id, at: clock.now(), ...(prompt && { prompt: prompt.text }) })
    const usage = createUsageMeter(id, spend)
    usage.read(prompt?.text ?? '')
    return { id, promptId: prompt?.id, performance, usage, said: [], awaiting: undefined, timer: undefined, steps: 0 }
  }

  const advance = (current: Turn, answer: Answer): void => {
    current.awaiting = undefined
    current.timer = undefined
    for (let next = current.performance.next(answer); ; next = current.performance.next(undefined)) {
      if (next.done) return endTurn(current, next.value)
      if (carryOut(current, next.value) === 'suspended') return
    }
  }

  const carryOut = (current: Turn, effect: Effect): 'done' | 'suspended' => {
    switch (effect.type) {
      case 'say':
        current.usage.write(effect.text)
        if (effect.isFinal) current.said.push(effect.text)
        else current.usage.report()
        tell({ type: 'outputProduced', turnId: current.id, kind: 'text', content: effect.text })
        return 'done'
      case 'startBackground':
        startBackground(effect.ms, effect.text, current.promptId)
        return 'done'
      case 'wait':
        current.timer = clock.setTimeout(() => advance(current, undefined), effect.ms)
        return 'suspended'
      case 'callTool':
        callTool(current, effect.tool, effect.arguments)
        return 'suspended'
      case 'askApproval':
        current.awaiting = { kind: 'approval', id: `${current.id}.approval${++current.steps}`, tool: effect.tool }
        tell({ type: 'approvalRequested', approvalId: current.awaiting.id, tool: effect.tool, detail: effect.detail })
        return 'suspended'
      case 'crash':
        end()
        tell({ type: 'crashed', words: effect.words })
        return 'suspended'
      case 'hang':
        return 'suspended'
    }
  }

  const callTool = (current: Turn, tool: string, args: Readonly<Record<string, unknown>>): void => {
    const callId = `${current.id}.call${++current.steps}`
    const content = JSON.stringify(args)
    current.awaiting = { kind: 'tool', id: callId, tool }
    current.usage.write(content)
    current.usage.report()
    tell({ type: 'outputProduced', turnId: current.id, kind: 'tool_call', callId, tool, content })
    tell({ type: 'toolCallRequested', callId, tool, arguments: { ...args } })
  }

  const endTurn = (current: Turn, verdict: Verdict | { readonly status: 'interrupted' }): void => {
    turn = undefined
    if (verdict.status !== 'interrupted') current.usage.report() // what a cut call used is never reported
    const finalText = current.said.length === 0 ? undefined : current.said.join('\n')
    const said = { ...(finalText !== undefined && { finalText }), ...(verdict.status === 'failed' && { error: verdict.error }) }
    transcript.append({ type: 'turnEnded', turnId: current.id, status: verdict.status, at: clock.now(), ...said })
    tell({
      type: 'turnEnded',
      turnId: current.id,
      status: verdict.status,
      background: [...background.values(), ...finished].map(({ id, description }) => ({ id, description })), // a finished one has yet to say so
      ...(current.promptId !== undefined && { promptId: current.promptId }),
      ...said,
      ...(verdict.status === 'failed' && verdict.cause && { cause: verdict.cause }),
    })
    const next = finished.shift()
    if (next) reportBackground(next)
  }

  const startBackground = (ms: number, text: string, startedBy: string | undefined): void => {
    const id = `${sessionId}.background${turnCount}.${background.size + finished.length + 1}`
    const timer = clock.setTimeout(() => {
      background.delete(id)
      if (turn) finished.push(task)
      else reportBackground(task)
    }, ms)
    const task: Running = { id, description: `${ms} ms`, text, timer, startedBy }
    background.set(id, task)
  }

  const reportBackground = (task: Running): void => {
    const said = function* (): Performance {
      yield { type: 'say', text: task.text, isFinal: true }
      return { status: 'completed' }
    }
    turn = begin(said(), undefined)
    const cause = task.startedBy === undefined ? {} : { causedByPromptId: task.startedBy }
    tell({ type: 'turnStarted', turnId: turn.id, origin: 'self', backgroundTaskId: task.id, ...cause })
    advance(turn, undefined)
  }

  const end = (): void => {
    ended = true
    if (turn?.timer !== undefined) clock.clearTimeout(turn.timer)
    for (const task of background.values()) clock.clearTimeout(task.timer)
    background.clear()
    finished.length = 0
    turn = undefined
  }

  for (const entry of transcript.readEntries()) if (entry.type === 'usageSpent') tell(toReport(entry))

  return {
    get state() {
      return turn === undefined ? 'idle' : turn.awaiting?.kind === 'approval' ? 'awaitingApproval' : 'inTurn'
    },
    get approvalId() {
      return turn?.awaiting?.kind === 'approval' ? turn.awaiting.id : undefined
    },
    submit: (text, promptId) => {
      if (ended || turn) return
      const earlier = (): Prompt[] => toPrompts(transcript).slice(0, -1) // the last is the one that asks
      turn = begin(perform(options.script, { agentName: options.agentName, prompt: toPrompt(text), earlier }), { id: promptId, text })
      tell(promptId === undefined ? { type: 'turnStarted', turnId: turn.id, origin: 'person' } : { type: 'promptSeen', promptId, turnId: turn.id })
      advance(turn, undefined)
    },
    interrupt: () => {
      const current = turn
      if (!current) return false
      if (current.timer !== undefined) clock.clearTimeout(current.timer)
      if (current.awaiting?.kind === 'approval') tell({ type: 'approvalResolved', approvalId: current.awaiting.id, decision: 'gone' })
      endTurn(current, { status: 'interrupted' })
      return true
    },
    returnToolResult: (callId, ok, result) => {
      if (turn?.awaiting?.kind !== 'tool' || turn.awaiting.id !== callId) return // the turn it was for has been cut
      tell({ type: 'outputProduced', turnId: turn.id, kind: 'tool_result', callId, tool: turn.awaiting.tool, content: result })
      turn.usage.read(result)
      advance(turn, { ok, text: result })
    },
    answerApproval: (approvalId, decision) => {
      if (turn?.awaiting?.kind !== 'approval' || turn.awaiting.id !== approvalId) return
      tell({ type: 'approvalResolved', approvalId, decision })
      advance(turn, { ok: true, text: decision })
    },
    end,
  }
}

const toPrompts = (transcript: Transcript): Prompt[] =>
  transcript.readEntries().flatMap(entry => (entry.type === 'turnBegan' && entry.prompt !== undefined ? [toPrompt(entry.prompt)] : []))
