import { describe, expect, test } from 'vitest'
import { getShortestPaths } from 'xstate/graph'
import type { DriverFact } from '../../src/drivers/driver.ts'
import { agentMachine } from '../../src/machines/agent.ts'
import { asMessageId } from '../../src/ids.ts'
import type { AgentContext, AgentEvent, AgentInput, Recovered } from '../../src/machines/agent-context.ts'
import { boss, ended, inputOf, messageOf, replyOf } from './rig.ts'

/** Everything that can be told to an agent of one message and one reply, in every order. */
function eventsFor(context: AgentContext): AgentEvent[] {
  const fact = (event: object): AgentEvent => ({ agentId: 'ada', source: 'self', at: 1, ...event }) as DriverFact // the three fields every fact has
  const promptId = context.turn?.promptId ?? 'none'
  const turnIds = [context.turn?.turnId, context.aside?.turnId, 'foreign'].filter(id => id !== undefined)
  const once = context.requestCount > 0 ? [] : [{ type: 'messageAccepted', message: messageOf('m1'), fromAncestor: true, at: 1 } as const]
  return [
    ...once,
    ...(context.inbox.length === 0 && context.prompts < 2 ? [{ type: 'replyArrived', reply: replyOf('r1'), at: 1 } as const] : []),
    fact({ type: 'ready', sessionId: 's1' }), fact({ type: 'startFailed', code: 'timeout', detail: '' }),
    { type: 'toolsListed', at: 1 }, { type: 'handshakeExpired', at: 1 },
    { type: 'suspendAsked', why: 'asked', at: 1 }, { type: 'resumeAsked', at: 1 }, { type: 'idleLong', at: 1 }, { type: 'stillnessDue', at: 1 }, { type: 'terminateAsked', reason: '', force: false, at: 1 }, { type: 'limitReached', limit: 'max_cost', detail: '', at: 1 },
    { type: 'interruptAsked', requestId: 'i', by: boss, then: 'hold', at: 1 }, { type: 'interruptExpired', requestId: 'i', at: 1 },
    fact({ type: 'interruptFinished', requestId: 'i', wasInTurn: true }),
    ...(context.prompts < 3 ? [fact({ type: 'promptRefused', promptId, reason: 'in_turn' })] : []),
    fact({ type: 'promptSeen', promptId, turnId: 't1' }), fact({ type: 'promptUnconfirmed', promptId, detail: '' }),
    { type: 'deliveryRetried', at: 1 },
    fact({ type: 'turnStarted', turnId: 'own', origin: 'self' }),
    ...turnIds.map(turnId => fact(ended(turnId))),
    fact({ type: 'approvalRequested', approvalId: 'a', tool: '', detail: '' }), fact({ type: 'approvalResolved', approvalId: 'a', decision: 'allow' }),
    fact({ type: 'exited', expected: false }), { type: 'stopExpired', at: 1 },
    { type: 'restartAsked', reason: '', at: 1 }, { type: 'restartGranted', dueAt: 1, at: 1 }, { type: 'restartRefused', reason: '', at: 1 }, { type: 'restartDue', at: 1 },
    ...context.uncertain.slice(0, 1).flatMap(({ messageId }) => (['absent', 'cut', 'completed', 'failed'] as const).map(status => fact({ type: 'turnRecalled', requestId: `recall.${messageId}`, status }))),
    ...(context.uncertain[0] ? [{ type: 'recallExpired', requestId: `recall.${context.uncertain[0].messageId}`, at: 1 } as const] : []),
  ]
}

const path = (value: unknown): string => (typeof value === 'object' && value !== null ? Object.entries(value).map(([key, inner]) => `${key}.${path(inner)}`).join('|') : String(value))

// What tells states apart here: where it is, and what of its context decides anything.
const keyOf = ({ value, context }: { value: unknown; context: AgentContext }): string =>
  JSON.stringify([value, context.turn, context.aside?.turnId, context.mailbox.length, context.inbox.length, context.hold !== undefined, context.uncertain.length, Object.keys(context.open).length, context.established, context.interrupting?.cut, context.revivals, context.sessionId, context.ending?.processGone, context.requestCount, context.toolsListed, Math.min(context.prompts, 3)])

const walk = (input: Partial<AgentInput>) =>
  getShortestPaths(agentMachine, {
    input: inputOf('ada', { awaitsTools: true, ...input }),
    events: state => eventsFor(state.context),
    serializeState: state => keyOf(state as never), // a snapshot of this machine
    limit: 400_000,
  })

/** Of an earlier server: `m1` was handed over, and what became of it is not on record. */
const recovered: Recovered = {
  sessionId: 's1', hasHistory: true, mailbox: [], inbox: [], requestCount: 1,
  open: { m1: { message: messageOf('m1'), settled: false, tasks: [], background: [] } }, uncertain: [{ messageId: asMessageId('m1'), deliveries: 1, markers: ['[MSG:m1]'] }],
}
const held: Recovered = { ...recovered, open: {}, uncertain: [], requestCount: 0, hold: { by: boss, at: 0 } }

const paths = [...walk({}), ...walk({ restart: 'permanent' }), ...walk({ restart: 'transient', recovered }), ...walk({ recovered: held })]

describe('the states that can be reached', () => {
  test('are many: the walk was not cut short', () => expect(paths.length).toBeGreaterThan(1_000))

  test('are the five of the design, each with all its inner ones', () => {
    const reached = new Set(paths.map(({ state }) => path(state.value)))
    expect([...reached].toSorted()).toEqual([
      'busy.awaitingApproval', 'busy.delivering', 'busy.interrupting', 'busy.working',
      'idle.deferred', 'idle.live', 'idle.suspended.resting', 'idle.suspended.unwakeable', 'idle.suspending',
      'interrupted.live', 'interrupted.suspended', 'interrupted.suspending', 'spawning.awaitingRestart', 'spawning.handshaking', 'spawning.launching', 'spawning.recalling', 'spawning.relaunching', 'spawning.restarting', 'spawning.resuming', 'terminated.final', 'terminated.stopping',
    ])
  })

  test('are consistent: a turn where one runs, none where none does, and never two in one', () => {
    const wrong = paths.filter(({ state: { value, context } }) => {
      const where = path(value)
      if (where === 'busy.delivering') return context.turn?.work === undefined
      if (where === 'busy.working' || where === 'busy.awaitingApproval') return context.turn === undefined
      if (where === 'busy.interrupting') return context.interrupting === undefined
      // A resumed session may be in a turn of its own before it is ready whole.
      if (where === 'spawning.handshaking' || where === 'spawning.recalling') return context.interrupting !== undefined || (context.turn === undefined && context.aside !== undefined)
      if (where.startsWith('interrupted')) return context.turn !== undefined || context.hold === undefined || context.interrupting !== undefined
      return !where.startsWith('terminated') && (context.turn !== undefined || context.aside !== undefined || context.interrupting !== undefined || context.approvals.length > 0)
    })
    expect(wrong.map(({ state, steps }) => `${path(state.value)} by ${steps.map(step => step.event.type).join(', ')}`)).toEqual([])
  })

  test('lose nothing: the one message is waiting, open, or was settled, and so are replies', () => {
    // A reply that was seen is handed out; before that it is in the inbox or on its way.
    const lost = paths.filter(({ state: { context }, steps }) => {
      const arrived = steps.some(step => step.event.type === 'replyArrived')
      const handed = steps.some(step => step.event.type === 'promptSeen' || step.event.type === 'turnEnded')
      return arrived && !handed && context.inbox.length === 0 && context.turn?.work?.kind !== 'replies'
    })
    expect(lost.map(({ steps }) => steps.map(step => step.event.type).join(', '))).toEqual([])
  })
})
