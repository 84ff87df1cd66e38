/**
 * Which turn is which. Takes what hooks and transcript say of prompts and stops, and tells turns one after another, each
 * begun and ended once. Does no I/O and keeps no time.
 *
 * Measured on 2.1.328: a prompt's hook fires when Enter is pressed. If a turn runs then, it carries that turn's id, and the
 * prompt is either absorbed by it (before its next model call) or starts a turn of its own later, announced by no hook, only
 * by the transcript and by its own Stop. A finished background task behaves the same, except that its hook fires when it is
 * taken up.
 */

import type { BackgroundTask, FactSource, TurnFailure } from '../driver.ts'
import type { SourcedFact } from '../facts.ts'
import type { HookOf } from './hook-bodies.ts'

export type TurnFact = SourcedFact<'promptSeen' | 'turnStarted' | 'turnEnded'>

export type EndKind = 'stop' | 'failure' | 'interrupt'

export interface Ending {
  readonly kind: EndKind
  readonly source: FactSource
  readonly finalText?: string
  readonly error?: string
  readonly cause?: TurnFailure
  /** Undefined: nobody said; what was last known to run. */
  readonly background?: readonly BackgroundTask[]
}

export interface Turn {
  /** As facts name it. */
  readonly turnId: string
  readonly cliPromptId: string
  readonly promptId: string | undefined
  /** The prompt this turn works for: its own, or the one whose background task woke it. */
  readonly root: string | undefined
  readonly backgroundTaskId: string | undefined
  ending: Ending | undefined
}

interface Expected {
  readonly promptId: string
  readonly fingerprint: string
  /** The running turn whose id its hook carried. */
  queuedIn: string | undefined
}

export type TurnTracker = ReturnType<typeof createTurnTracker>

export function createTurnTracker(tell: (fact: TurnFact) => void) {
  /** The first has been told; the others wait for its end. */
  const turns: Turn[] = []
  const closed = new Set<string>()
  const running = new Map<string, BackgroundTask>()
  const roots = new Map<string, string>()
  /** Given up, but perhaps still in the CLI's queue. */
  const late = new Map<string, string>()
  let expected: Expected | undefined

  const find = (cliPromptId: string): Turn | undefined => turns.findLast(turn => turn.cliPromptId === cliPromptId)

  const tellBegin = (turn: Turn, source: FactSource): void => {
    if (turn.promptId !== undefined) return tell({ type: 'promptSeen', source, promptId: turn.promptId, turnId: turn.turnId })
    tell({
      type: 'turnStarted', source, turnId: turn.turnId, origin: turn.backgroundTaskId === undefined && turn.root === undefined ? 'person' : 'self',
      ...(turn.backgroundTaskId === undefined ? {} : { backgroundTaskId: turn.backgroundTaskId }),
      ...(turn.root === undefined ? {} : { causedByPromptId: turn.root }),
    })
  }

  const begin = (turn: Turn, source: FactSource): Turn => {
    turns.push(turn)
    if (turns.length === 1) tellBegin(turn, source)
    return turn
  }

  /** A turn the CLI began with this text: the expected prompt's, a background task's, or somebody else's. */
  const open = (cliPromptId: string, text: string, source: FactSource): Turn => {
    const backgroundTaskId = toTaskId(text)
    const isOurs = expected !== undefined && backgroundTaskId === undefined && isSame(expected.fingerprint, text)
    const promptId = isOurs ? expected?.promptId : undefined
    if (isOurs) expected = undefined
    if (backgroundTaskId !== undefined) running.delete(backgroundTaskId)
    const root = promptId ?? (backgroundTaskId === undefined ? late.get(toFingerprint(text)) : roots.get(backgroundTaskId))
    return begin({ turnId: cliPromptId, cliPromptId, promptId, root, backgroundTaskId, ending: undefined }, source)
  }

  return {
    /** A prompt was typed; the CLI's word on it is awaited. */
    expect(promptId: string, text: string): void {
      expected = { promptId, fingerprint: toFingerprint(text), queuedIn: undefined }
    },
    /** Undefined once it was seen. */
    expected: (): Readonly<Expected> | undefined => expected,
    giveUp(): void {
      if (expected) late.set(expected.fingerprint, expected.promptId)
      expected = undefined
    },

    promptSubmitted({ prompt_id, prompt }: HookOf<'UserPromptSubmit'>): void {
      if (find(prompt_id) === undefined && !closed.has(prompt_id)) return void open(prompt_id, prompt, 'hook')
      const taskId = toTaskId(prompt)
      if (taskId !== undefined) running.delete(taskId)
      else if (expected && isSame(expected.fingerprint, prompt)) expected.queuedIn = prompt_id
    },
    /** The transcript's word that a prompt was taken up; the hook's usually came before. */
    promptTaken(cliPromptId: string, text: string): void {
      if (find(cliPromptId) === undefined && !closed.has(cliPromptId)) open(cliPromptId, text, 'transcript')
    },
    /** The running turn goes on with the expected prompt: told as the end of the one and the begin of the other. */
    absorbed(text: string): void {
      if (expected?.queuedIn === undefined || !isSame(expected.fingerprint, text)) return
      const { promptId, queuedIn } = expected
      expected = undefined
      const host = find(queuedIn)
      const ending: Ending = { kind: 'stop', source: 'transcript', background: [...running.values()] }
      if (host) host.ending ??= ending
      const turn = { turnId: `${queuedIn}/${promptId}`, cliPromptId: queuedIn, promptId, root: promptId, backgroundTaskId: undefined }
      begin({ ...turn, ending: host ? undefined : ending }, 'transcript') // without a host its Stop has come already
    },

    taskStarted(task: BackgroundTask, cliPromptId: string | undefined): void {
      running.set(task.id, task)
      const root = cliPromptId === undefined ? undefined : find(cliPromptId)?.root
      if (root !== undefined) roots.set(task.id, root)
    },
    /** Stop or StopFailure. Of a turn nobody announced: a queued prompt's, or the CLI's own. */
    stopped(cliPromptId: string, ending: Ending): void {
      if (closed.has(cliPromptId) && find(cliPromptId) === undefined) return
      if (ending.background) {
        running.clear()
        for (const task of ending.background) running.set(task.id, task)
      }
      const turn = find(cliPromptId) ?? open(cliPromptId, expected?.queuedIn === undefined ? '' : expected.fingerprint, 'hook')
      turn.ending ??= ending
      for (const task of ending.background ?? []) if (turn.root !== undefined && !roots.has(task.id)) roots.set(task.id, turn.root)
    },

    /** The turn that has been told and not ended. */
    current: (): Turn | undefined => turns[0],
    /** Turns begun behind it, not yet told. */
    waiting: (): number => Math.max(0, turns.length - 1),
    isOpen: (turnId: string): boolean => turns.some(turn => turn.turnId === turnId),

    /** Tells the end of the current turn, which must have one, and the begin of the next. */
    endCurrent(): void {
      const turn = turns.shift()
      if (turn?.ending === undefined) throw new Error('The current turn has no ending to tell.')
      closed.add(turn.cliPromptId)
      const { kind, source, finalText, error, cause, background } = turn.ending
      // A task that is done and whose turn has already begun behind this one is not in the CLI's list any more, but its result is still to come.
      const awake = turns.flatMap(({ backgroundTaskId }) => (backgroundTaskId === undefined ? [] : [{ id: backgroundTaskId }]))
      tell({
        type: 'turnEnded', source, turnId: turn.turnId,
        status: kind === 'stop' ? 'completed' : kind === 'failure' ? 'failed' : 'interrupted',
        background: distinct([...(background ?? running.values()), ...awake]),
        ...(turn.promptId === undefined ? {} : { promptId: turn.promptId }),
        ...(finalText ? { finalText } : {}),
        ...(error === undefined ? {} : { error }),
        ...(cause ? { cause } : {}),
      })
      if (turns[0]) tellBegin(turns[0], 'hook')
    },
  }
}

const distinct = (tasks: readonly BackgroundTask[]): BackgroundTask[] => tasks.filter((task, at) => tasks.findIndex(each => each.id === task.id) === at)

/** What the CLI says to itself when background work is done. */
export const isTaskNotification = (text: string): boolean => toTaskId(text) !== undefined

const toTaskId = (text: string): string | undefined => /^\s*<task-notification>[\s\S]*?<task-id>([^<]+)<\/task-id>/.exec(text)?.[1]

/**
 * What survives the CLI's own changes to a prompt: it marks long pastes with tags, escapes such tags in the text, trims, and
 * takes out invisible characters. The start is enough, because only one prompt is ever awaited.
 */
export const toFingerprint = (text: string): string => toBare(text).slice(0, 256)

/** Whether `submitted` is `typed` with something stuck before it. */
export function hasStuckTo(typed: string, submitted: string): boolean {
  const [bare, whole] = [toBare(typed), toBare(submitted)]
  return whole.length > bare.length && whole.endsWith(bare)
}

const toBare = (text: string): string =>
  text
    .replace(/<\\?\/?pasted_content id="[^"]*">/g, '')
    .normalize('NFC')
    .replace(/[\s\p{Cf}\ufe00-\ufe0f]/gu, '')

const isSame = (fingerprint: string, text: string): boolean => fingerprint === toFingerprint(text)
