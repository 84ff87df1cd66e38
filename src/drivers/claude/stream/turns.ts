/**
 * Which turn is which, from what the CLI says of its queue and its tasks: each begun and ended once. Does no I/O and keeps no time.
 *
 * Measured on 2.1.328: a prompt is `queued`, then `started`, before its model is called; its echo comes with the model's first
 * byte. Started inside a running turn, it has gone into that one, which goes on with it. A finished background task starts a turn
 * of its own, announced by nothing but `init`, or goes into the running one, which its echo tells; one that was stopped does neither.
 */

import type { BackgroundTask } from '../../driver.ts'
import type { SourcedFact } from '../../facts.ts'
import type { SystemEventOf } from './protocol.ts'

export interface Ending {
  readonly status: 'completed' | 'failed' | 'interrupted'
  readonly finalText?: string
  readonly error?: string
  readonly cause?: 'model_rejected'
}

interface Turn {
  readonly turnId: string
  readonly promptId: string | undefined
  /** The prompt this turn works for: its own, or the one whose background task woke it. */
  readonly root: string | undefined
}

interface Expected {
  /** Undefined: a person's. */
  readonly promptId: string | undefined
  readonly uuid: string
}

export type TurnTracker = ReturnType<typeof createTurnTracker>

export function createTurnTracker(tell: (fact: SourcedFact<'promptSeen' | 'turnStarted' | 'turnEnded'>) => void, newId: () => string) {
  const source = 'protocol'
  let current: Turn | undefined
  let expected: Expected | undefined
  let running: readonly BackgroundTask[] = []
  /** Ended, with a turn of their own still to come, oldest first. */
  let awaking: readonly string[] = []
  const background = new Set<string>()
  const roots = new Map<string, string>()
  const runs = new Map<string, string>()

  const end = (ending: Ending): void => {
    if (!current) return
    const { turnId, promptId } = current
    current = undefined
    tell({ type: 'turnEnded', source, turnId, ...ending, background: [...running, ...awaking.map(id => ({ id }))], ...(promptId === undefined ? {} : { promptId }) })
  }

  const beginOwn = (): void => {
    const [taskId, ...others] = awaking
    awaking = others
    const root = taskId === undefined ? undefined : roots.get(taskId)
    current = { turnId: newId(), promptId: undefined, root }
    tell({
      type: 'turnStarted', source, turnId: current.turnId, origin: 'self',
      ...(taskId === undefined ? {} : { backgroundTaskId: taskId }),
      ...(root === undefined ? {} : { causedByPromptId: root }),
    })
  }

  return {
    expect(promptId: string | undefined, uuid: string): void {
      expected = { promptId, uuid }
    },
    /** Undefined once the CLI has taken it up. */
    expected: (): Expected | undefined => expected,
    giveUp(): void {
      expected = undefined
    },

    /** False: no prompt that is awaited. */
    promptStarted(uuid: string): boolean {
      if (expected?.uuid !== uuid) return false
      const { promptId } = expected
      expected = undefined
      end({ status: 'completed' })
      current = { turnId: uuid, promptId, root: promptId }
      if (promptId === undefined) tell({ type: 'turnStarted', source, turnId: uuid, origin: 'person' })
      else tell({ type: 'promptSeen', source, promptId, turnId: uuid })
      return true
    },
    /** A model call is under way: of the running turn, or of one that nobody announced. `isSure`: an answer is there already. */
    workSeen(isSure: boolean): void {
      if (!current && (isSure || awaking.length > 0)) beginOwn()
    },
    /** The end of a task went into the running turn. */
    taskAbsorbed(runId: string | undefined): void {
      const taskId = runId === undefined ? undefined : runs.get(runId)
      awaking = awaking.filter(id => id !== taskId)
    },

    tasksChanged({ tasks }: SystemEventOf<'background_tasks_changed'>): void {
      running = tasks.map(({ task_id: id, description }) => ({ id, ...(description ? { description } : {}) }))
      for (const { id } of running) background.add(id)
    },
    taskStarted({ task_id: taskId, run_id: runId }: SystemEventOf<'task_started'>): void {
      if (runId !== undefined) runs.set(runId, taskId)
      if (current?.root !== undefined) roots.set(taskId, current.root)
    },
    taskEnded({ task_id: taskId, status }: SystemEventOf<'task_notification'>): void {
      running = running.filter(task => task.id !== taskId)
      // A command that ran in the foreground is told of too, and one that was stopped wakes nobody.
      if (background.has(taskId) && status !== 'stopped') awaking = [...awaking, taskId]
    },

    /** The turn that has begun and not ended. */
    current: (): Turn | undefined => current,
    /** A result came; without a turn, one had begun unseen. */
    ended(ending: Ending): void {
      if (!current) beginOwn()
      end(ending)
    },
  }
}
