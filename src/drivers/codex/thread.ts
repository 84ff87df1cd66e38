/**
 * One thread of an app-server: its turns, prompts, approvals and usage, told as facts. Knows the protocol, not the process:
 * it is fed notifications and writes requests, so a recorded log drives it as well as a server does.
 */

import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { Launch } from '../driver.ts'
import type { BareFact, Recollection } from '../facts.ts'
import type { Rendering } from '../rendering.ts'
import { describeApproval, type Decision } from './approvals.ts'
import { toErrorText, toTurnFailure } from './failures.ts'
import { createHeldRequests } from './held.ts'
import { toCompletedOutput, toKnownItem, toPromptText, toStartedOutput, type Output } from './items.ts'
import { anyResult, terminalsResult, type ApprovalRequest, type KnownItem, type ThreadItem, type ThreadNotification } from './protocol.ts'
import { recallTurn } from './recall.ts'
import type { RequestId, Rpc, RpcResult } from './rpc.ts'
import { watchSilence } from './silence.ts'
import { toWants } from './wants.ts'
import type { UsageMeter } from './usage.ts'

export interface Thread {
  readonly id: string
  accept(notification: ThreadNotification): void
  /** A request the server waits on until it is answered. */
  hold(requestId: RequestId, request: ApprovalRequest): void
  submit(promptId: string, text: string): void
  /** Resolves when the running turn is over and the commands it had started are dead. False: there was no turn. */
  interrupt(): Promise<boolean>
  answer(approvalId: string, decision: Decision): void
  /** A turn of a person's at a terminal of the thread. Until it has begun, no prompt is taken. */
  startByPerson(params: object): Promise<RpcResult<unknown>>
  /** What a person there said to a request that is held, in codex's own form. False: it is not taken. */
  answerByPerson(requestId: RequestId, result: unknown): boolean
  /** A prompt was written and its turn has not begun. */
  isExpecting(): boolean
  /** What became of an earlier turn. Undefined: the server is gone, and its exit says why. */
  recall(markers: readonly string[]): Promise<Recollection | undefined>
  /** Its agent is ending: it waits for nothing any more. */
  close(): void
}

export interface ThreadOptions {
  readonly id: string
  readonly model: string
  readonly launch: Pick<Launch, 'cwd' | 'confinement'>
  readonly rpc: Pick<Rpc, 'request' | 'respond'>
  readonly tell: (fact: BareFact) => void
  readonly rendering: Rendering
  /** Where the thread's totals stood when it was opened. */
  readonly usage: UsageMeter
  readonly clock: Clock
  /** How long the model may owe a word before its turn is failed. Milliseconds. */
  readonly silenceMs: number
  readonly log: Log
}

interface Turn {
  readonly id: string
  /** Told as seen or started; an untold turn may still turn out to be the pending prompt's. */
  told: boolean
  promptId?: string
  lastText?: string
  /** Items of commands under way. */
  readonly commands: Set<string>
  /** Items of any kind under way: while there is one, the model is not who is waited for. */
  readonly items: Set<string>
  /** Changes of files under way, which a request to allow them only points to. */
  readonly changes: Map<string, Extract<KnownItem, { type: 'fileChange' }>>
  /** Why it is being ended, though nobody asked. */
  failure?: string
}

export function createThread({ id: threadId, model: firstModel, launch, rpc, tell, rendering, usage, clock, silenceMs, log }: ThreadOptions): Thread {
  const held = createHeldRequests(rpc, tell)
  let model = firstModel
  let turn: Turn | undefined
  let pendingPromptId: string | undefined
  let interruptDue = false
  /** A person's turn was asked for and has not begun. */
  let personBegins = false
  let awaitingEnd: (() => void)[] = []
  /** Items of commands that outlived the turn that started them. */
  const leftRunning = new Set<string>()

  const silence = watchSilence(clock, silenceMs, () => {
    if (!turn) return
    turn.failure = `The model API gave no sign of life for ${silenceMs / 1_000} s.`
    sendInterrupt(turn)
  })

  const finish = (): void => {
    turn = undefined
    interruptDue = false
    const waiting = awaitingEnd
    awaitingEnd = []
    for (const release of waiting) release()
  }

  const produce = (turnId: string, output: Output | undefined): void => {
    if (!output) return
    rendering.add(output.kind === 'tool_call' ? `• ${output.tool} ${output.content}` : output.content)
    tell({ type: 'outputProduced', turnId, ...output })
  }

  const sendInterrupt = (current: Turn): void => {
    interruptDue = false
    void rpc.request('turn/interrupt', { threadId, turnId: current.id }, anyResult).then(answer => {
      // Refused while the turn is not over: the server had announced the turn but not begun it. The next word of it is the time to ask again.
      if (!answer.ok && answer.reason === 'refused' && turn === current) interruptDue = true
    })
  }

  const tellBeginning = (current: Turn, item: KnownItem | undefined): void => {
    if (item?.type === 'userMessage' && item.clientId === pendingPromptId && pendingPromptId !== undefined) {
      current.promptId = pendingPromptId
      pendingPromptId = undefined
      current.told = true
      tell({ type: 'promptSeen', promptId: current.promptId, turnId: current.id })
    } else if (!current.told && (item?.type === 'userMessage' || pendingPromptId === undefined)) {
      current.told = true
      // A terminal attached to the thread, or the CLI's own doing (a goal it pursues).
      const byPerson = item?.type === 'userMessage'
      if (byPerson) rendering.add(`> ${toPromptText(item)}`)
      tell({ type: 'turnStarted', turnId: current.id, origin: byPerson ? 'person' : 'self' })
    } else if (item?.type === 'userMessage') rendering.add(`> ${toPromptText(item)}`) // said into a turn that runs, by a person or with a no
  }

  const onItemStarted = (turnId: string, raw: ThreadItem): void => {
    const item = toKnownItem(raw)
    if (turn?.id === turnId) {
      // What the user said is told as begun and done at once, and the model answers it.
      if (item?.type !== 'userMessage') turn.items.add(raw.id)
      tellBeginning(turn, item)
      if (item?.type === 'commandExecution') turn.commands.add(item.id)
      if (item?.type === 'fileChange') turn.changes.set(item.id, item)
    }
    if (item) produce(turnId, toStartedOutput(item))
  }

  const onItemCompleted = (turnId: string, raw: ThreadItem): void => {
    const item = toKnownItem(raw)
    turn?.items.delete(raw.id)
    turn?.changes.delete(raw.id)
    if (!item) return
    leftRunning.delete(item.id)
    if (turn?.id === turnId) {
      turn.commands.delete(item.id)
      if (item.type === 'agentMessage' && item.text !== '') turn.lastText = item.text
    }
    produce(turnId, toCompletedOutput(item))
  }

  const onTurnCompleted = ({ id, status, error }: Extract<ThreadNotification, { method: 'turn/completed' }>['params']['turn']): void => {
    const ended = turn?.id === id ? turn : undefined
    if (!ended) return log.warn('A codex turn ended that had not begun.', { threadId, turnId: id })
    held.resolveAll()
    const words = error ? toErrorText(error) : status === 'completed' ? undefined : ended.failure
    const cause = error && status === 'failed' ? toTurnFailure(error) : undefined
    if (words !== undefined) rendering.add(`! ${words}`)
    if (ended.told) {
      tell({
        type: 'turnEnded',
        turnId: id,
        ...(ended.promptId !== undefined && { promptId: ended.promptId }),
        status: words !== undefined && words === ended.failure ? 'failed' : status === 'failed' || status === 'interrupted' ? status : 'completed',
        ...(ended.lastText !== undefined && { finalText: ended.lastText }),
        ...(words !== undefined && { error: words }),
        ...(cause && { cause }),
        // Background terminals outlive turns, but codex never begins a turn when one ends: no answer may wait for them.
        background: [],
      })
    } else if (pendingPromptId !== undefined) unconfirm(words ?? `The turn was ${status ?? 'over'} before codex took the prompt up.`)
    if (status !== 'interrupted') for (const itemId of ended.commands) leftRunning.add(itemId)
    finish()
  }

  const unconfirm = (detail: string): void => {
    if (pendingPromptId === undefined) return
    tell({ type: 'promptUnconfirmed', promptId: pendingPromptId, detail })
    pendingPromptId = undefined
  }

  /**
   * An interrupt leaves a running command running. The server's list is asked, because a command may run that it had not announced
   * yet; what an earlier turn left behind on purpose stays.
   */
  const endCommands = async (): Promise<void> => {
    const running = await rpc.request('thread/backgroundTerminals/list', { threadId }, terminalsResult)
    if (!running.ok) return
    const cut = running.value.data.filter(({ itemId }) => !leftRunning.has(itemId) && !turn?.commands.has(itemId))
    await Promise.all(cut.map(({ processId }) => rpc.request('thread/backgroundTerminals/terminate', { threadId, processId }, anyResult)))
  }

  return {
    id: threadId,
    accept(notification) {
      const { method, params } = notification
      switch (method) {
        case 'turn/started':
          personBegins = false
          turn = { id: params.turn.id, told: false, commands: new Set(), items: new Set(), changes: new Map() }
          break
        case 'turn/completed': onTurnCompleted(params.turn); break
        case 'item/started': onItemStarted(params.turnId, params.item); break
        case 'item/completed': onItemCompleted(params.turnId, params.item); break
        case 'thread/tokenUsage/updated': {
          const spent = usage.read(params.turnId, params.tokenUsage.total, params.tokenUsage.last)
          if (spent) tell({ type: 'usageReported', model, ...spent })
          break
        }
        case 'serverRequest/resolved': held.resolve(params.requestId); break
        case 'model/rerouted': model = params.toModel; break
        // The end of a failed turn repeats the words; what is retried is for people who wonder why nothing happens.
        case 'error': if (params.willRetry) rendering.add(`! ${params.error.message} (retrying)`); break
        case 'thread/closed': break
      }
      silence.heard(turn !== undefined && turn.items.size === 0 && held.size === 0)
      if (interruptDue && turn) sendInterrupt(turn)
    },
    hold(requestId, request) {
      silence.heard(false)
      const change = 'itemId' in request.params ? turn?.changes.get(request.params.itemId) : undefined
      const { tool, detail } = describeApproval(request, change)
      if (held.hold(requestId, request, { tool, detail, wants: toWants(launch, request, change) })) rendering.add(`? ${tool} ${detail}`)
    },
    submit(promptId, text) {
      const reason = held.size > 0 ? 'awaiting_approval' : turn || personBegins || pendingPromptId !== undefined ? 'in_turn' : undefined
      if (reason) return tell({ type: 'promptRefused', promptId, reason })
      pendingPromptId = promptId
      rendering.add(`> ${text}`)
      const input = [{ type: 'text', text, text_elements: [] }]
      void rpc.request('turn/start', { threadId, input, clientUserMessageId: promptId }, anyResult).then(answer => {
        // A server that is gone is its agent's exit, which says more.
        if (answer.ok || answer.reason === 'gone' || pendingPromptId !== promptId) return
        unconfirm(answer.message)
        if (!turn) finish()
      })
      tell({ type: 'promptWritten', promptId })
    },
    async interrupt() {
      if (!turn && pendingPromptId === undefined) return false
      const ended = new Promise<void>(resolve => awaitingEnd.push(resolve))
      if (turn) sendInterrupt(turn)
      else interruptDue = true
      await ended
      await endCommands()
      return true
    },
    answer(approvalId, decision) {
      const tool = held.toolOf(approvalId)
      if (decision.decision === 'allow' || !decision.message || !turn || tool === undefined) return held.answer(approvalId, decision)
      // The protocol has no words for a no. Said before it, they are in the same request of the model's as the no itself.
      const input = [{ type: 'text', text: `The request to use ${tool} was denied: ${decision.message}`, text_elements: [] }]
      void rpc.request('turn/steer', { threadId, expectedTurnId: turn.id, input }, anyResult).then(() => held.answer(approvalId, decision))
    },
    async startByPerson(params) {
      personBegins = true
      const answer = await rpc.request('turn/start', params, anyResult)
      // Into the turn that runs, or nowhere.
      if (!answer.ok || turn) personBegins = false
      return answer
    },
    answerByPerson: held.answerAs,
    isExpecting: () => pendingPromptId !== undefined,
    async recall(markers) {
      const recalled = await recallTurn(rpc, threadId, markers)
      if (recalled.ok) return recalled.value
      if (recalled.reason === 'gone') return undefined
      log.warn('The record of a codex thread could not be read.', { threadId, error: recalled.message })
      return { status: 'cut' }
    },
    close: () => silence.heard(false),
  }
}
