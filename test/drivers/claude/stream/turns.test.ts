/** Lines as Claude Code 2.1.328 wrote them in structured mode, cut down to what is read of them, in; turns out. */
import { expect, test } from 'vitest'
import { createTurnTracker, type TurnTracker } from '../../../../src/drivers/claude/stream/turns.ts'

function createScene(): { readonly turns: TurnTracker; readonly told: string[] } {
  const told: string[] = []
  let count = 0
  const turns = createTurnTracker(fact => {
    if (fact.type === 'promptSeen') told.push(`${fact.promptId} begins ${fact.turnId}`)
    if (fact.type === 'turnStarted') told.push(`${fact.turnId} starts itself for ${fact.backgroundTaskId ?? 'nothing'} of ${fact.causedByPromptId ?? 'nobody'}`)
    if (fact.type === 'turnEnded') told.push(`${fact.turnId} ${fact.status} for ${fact.promptId ?? 'nobody'}: ${fact.finalText ?? fact.error ?? ''} [${fact.background.map(task => task.id).join()}]`)
  }, () => `own${++count}`)
  return { turns, told }
}

const done = (finalText: string) => ({ status: 'completed', finalText }) as const
const started = (id: string) => ({ type: 'system', subtype: 'task_started', task_id: id, run_id: `run of ${id}` }) as const
const running = (...ids: string[]) => ({ type: 'system', subtype: 'background_tasks_changed', tasks: ids.map(id => ({ task_id: id })) }) as const
const over = (id: string, status = 'completed') => ({ type: 'system', subtype: 'task_notification', task_id: id, status }) as const

/** A prompt whose turn leaves tasks running. */
function leaveRunning(turns: TurnTracker, ...ids: string[]): void {
  turns.expect('p1', 'u1')
  turns.promptStarted('u1')
  turns.tasksChanged(running(...ids))
  for (const id of ids) turns.taskStarted(started(id))
  turns.ended(done('left it'))
}

test('a prompt is awaited until it is taken up, and its turn ends by its result', () => {
  const { turns, told } = createScene()
  turns.expect('p1', 'u1')
  expect([turns.promptStarted('of another'), turns.expected()?.promptId, turns.promptStarted('u1'), turns.expected()]).toEqual([false, 'p1', true, undefined])
  turns.workSeen(true)
  turns.ended(done('yes'))
  expect([told, turns.current()]).toEqual([['p1 begins u1', 'u1 completed for p1: yes []'], undefined])
})

test('a prompt that goes into a running turn ends that one, and has the result', () => {
  const { turns, told } = createScene()
  leaveRunning(turns, 'b1')
  turns.taskEnded(over('b1'))
  turns.workSeen(false)
  turns.expect('p2', 'u2')
  turns.promptStarted('u2')
  turns.ended(done('both'))
  expect(told.slice(2)).toEqual(['own1 starts itself for b1 of p1', 'own1 completed for nobody:  []', 'p2 begins u2', 'u2 completed for p2: both []'])
})

test('a task that ends wakes the agent for whoever had it started, and its turn may start another', () => {
  const { turns, told } = createScene()
  leaveRunning(turns, 'b1')
  turns.taskEnded(over('b1'))
  turns.tasksChanged(running())
  turns.workSeen(false)
  turns.workSeen(true)
  turns.tasksChanged(running('b2'))
  turns.taskStarted(started('b2'))
  turns.ended(done('again'))
  turns.taskEnded(over('b2', 'failed'))
  turns.workSeen(false)
  turns.ended(done('at last'))
  expect(told).toEqual([
    'p1 begins u1', 'u1 completed for p1: left it [b1]', 'own1 starts itself for b1 of p1', 'own1 completed for nobody: again [b2]',
    'own2 starts itself for b2 of p1', 'own2 completed for nobody: at last []',
  ])
})

test('two tasks that end together wake it twice, and what is still to come is named', () => {
  const { turns, told } = createScene()
  leaveRunning(turns, 'b1', 'b2')
  turns.taskEnded(over('b1'))
  turns.taskEnded(over('b2'))
  turns.tasksChanged(running())
  turns.workSeen(false)
  turns.ended(done('one'))
  turns.workSeen(false)
  turns.ended(done('two'))
  expect(told.slice(2)).toEqual(['own1 starts itself for b1 of p1', 'own1 completed for nobody: one [b2]', 'own2 starts itself for b2 of p1', 'own2 completed for nobody: two []'])
})

test.each([
  ['went into the running turn', (turns: TurnTracker) => turns.taskAbsorbed('run of b1'), over('b1')],
  ['was stopped', () => {}, over('b1', 'stopped')],
  ['ran in the foreground', () => {}, over('b9')],
])('a task that %s wakes nobody', (_, then, end) => {
  const { turns, told } = createScene()
  turns.expect('p1', 'u1')
  turns.promptStarted('u1')
  turns.tasksChanged(running('b1'))
  turns.taskStarted(started('b1'))
  turns.taskStarted(started('b9'))
  turns.taskEnded(end)
  turns.tasksChanged(running())
  then(turns)
  turns.ended(done('heard'))
  turns.workSeen(false)
  expect(told).toEqual(['p1 begins u1', 'u1 completed for p1: heard []'])
})

test('work that nobody announced, and a result without any, are turns of its own', () => {
  const { turns, told } = createScene()
  turns.workSeen(true)
  turns.ended({ status: 'failed', error: 'why' })
  turns.ended(done('what'))
  expect(told).toEqual(['own1 starts itself for nothing of nobody', 'own1 failed for nobody: why []', 'own2 starts itself for nothing of nobody', 'own2 completed for nobody: what []'])
})
