/**
 * The agent machine: five states, exactly. It is told facts by its driver, commands by the facade, and the fate of its
 * children by them; it decides, and its decisions leave as events for the system's hands. It does no I/O and reads no clock.
 *
 * Its parent actor is its supervisor. Ending is bottom-up by an explicit protocol (`terminateAsked` down, `agentFinished` up),
 * because XState's own stop is pre-order and skips exit actions.
 */

import { type ActorLogic, type ActorRef, type ActorSystem, type AnyActorRef, setup, type Snapshot } from 'xstate'
import * as decisions from './agent-decisions.ts'
import { type AgentContext, type AgentEmitted, type AgentEvent, type AgentInput, maxRevivals } from './agent-context.ts'
import { agentKey, type Decision, hands } from './effects.ts'
import { crashAftermath } from './supervision.ts'

// The machine spawns its own kind: the getter and this outside type break the circle that TypeScript cannot infer through.
export type AgentRef = ActorRef<Snapshot<unknown>, AgentEvent, AgentEmitted>
// XState's own ActorSystem takes `any` for its type parameter's bound; `AnyActorRef` maps say the same without it.
type AgentLogic = ActorLogic<Snapshot<unknown>, AgentEvent, AgentInput, ActorSystem<{ actors: Record<string, AnyActorRef> }>, AgentEmitted>

const agent = setup({
  types: {
    context: {} as AgentContext, // XState's way of declaring types
    events: {} as AgentEvent,
    input: {} as AgentInput,
    emitted: {} as AgentEmitted,
  },
  actors: {
    get agent(): AgentLogic {
      return agentMachine as unknown as AgentLogic // see AgentLogic
    },
  },
  guards: {
    hasWork: ({ context }) => decisions.hasWork(context),
    toolsListed: ({ context }) => context.toolsListed,
    held: ({ context }) => context.hold !== undefined,
    endsOurTurn: ({ context, event }) => event.type === 'turnEnded' && context.turn !== undefined && (event.turnId === context.turn.turnId || event.promptId === context.turn.promptId),
    isOurPrompt: ({ context, event }) => 'promptId' in event && event.promptId === context.turn?.promptId,
    diedUnasked: ({ event }) => event.type === 'exited' && !event.expected,
    canRevive: ({ context, event }) => event.type === 'exited' && !event.expected && context.sessionId !== undefined && context.revivals < maxRevivals,
    hasBackground: ({ context }) => context.background.length > 0,
  },
})

type Type = AgentEvent['type']
type EventOf<T extends Type> = Extract<AgentEvent, { type: T }>

/** An action from a decision: its context is assigned, its effects are sent. */
function by<T extends Type>(decide: (context: AgentContext, event: EventOf<T>) => Decision<AgentContext>) {
  return agent.enqueueActions(({ context, event, enqueue, self }) => {
    const { context: changes, effects = [] } = decide(context, event as EventOf<T>) // the chart names this action under that event only
    if (changes) enqueue.assign(changes)
    for (const effect of effects) {
      if (effect.to === 'supervisor') enqueue.sendTo(() => self._parent as AnyActorRef, effect.event) // always spawned by a supervisor
      else enqueue.sendTo(({ system }) => system.get(hands[effect.to]) as AnyActorRef, effect.event)
    }
  })
}

/** Since when, and by what, the state entered next was told. */
const told = agent.assign(({ event }) => ({
  ...('at' in event ? { since: event.at as number } : {}), // every event that enters a state carries its time
  source: 'source' in event ? (event.source as AgentContext['source']) : ('command' as const),
}))

const entered = (state: string) => by(context => decisions.stateEntered(context, state))
const ending = (reason: (context: AgentContext, event: AgentEvent) => string, options: { force: boolean; processGone: boolean }) =>
  [told, by((context, event) => decisions.toEnding(context, reason(context, event), options))]

const spawnChild = agent.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'spawnAsked') return
  const { input } = event
  enqueue.assign({ children: [...context.children, input.agentId] })
  enqueue.spawnChild('agent', { id: input.agentId, systemId: agentKey(input.agentId), input })
})

/** A child is finished, all of it: its actor can go. */
const dropChild = agent.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'agentFinished') return
  enqueue.stopChild(event.agentId)
  enqueue.assign({ children: context.children.filter(id => id !== event.agentId) })
})

const containCrash = agent.enqueueActions(({ context, event, enqueue, self }) => {
  if (!('actorId' in event)) return
  for (const { target, event: told } of crashAftermath(self.getSnapshot().children, event)) enqueue.sendTo(target, told)
  enqueue.stopChild(event.actorId)
  enqueue.assign({ children: context.children.filter(id => id !== event.actorId) })
})

const endChildren = agent.enqueueActions(({ context, enqueue }) => {
  for (const id of context.children) {
    enqueue.sendTo(({ system }) => system.get(agentKey(id)) as AnyActorRef, { type: 'terminateAsked', reason: `its supervisor ended: ${context.ending?.reason}`, force: context.ending?.force ?? false, at: context.since })
  }
})

const settleInterrupt = agent.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'interruptFinished' || !context.interrupting) return
  const { requestId, at, cut, cancelled = context.turn?.subject } = context.interrupting
  // A turn still held here never reported its end: the interrupt caught it before it began.
  const interrupted = cut ?? context.turn !== undefined
  enqueue.emit({ type: 'interruptSettled', requestId, interrupted, source: event.source, afterMs: event.at - at, ...(interrupted && cancelled ? { cancelledMessageId: cancelled } : {}) })
})

const passScreen = agent.enqueueActions(({ event, enqueue }) => {
  if (event.type === 'screenRead') enqueue.emit({ type: 'screenRead', requestId: event.requestId, rendering: event.rendering, text: event.text })
})

const crashed = (context: AgentContext, event: AgentEvent): string =>
  event.type === 'exited' ? `its CLI process died (${decisions.describeExit(event)})` : event.type === 'startFailed' ? `it did not start (${event.code}): ${event.detail}` : (context.lastError ?? 'it failed')

export const agentMachine = agent.createMachine({
  id: 'agent',
  context: ({ input }) => ({
    ...input,
    children: [], mailbox: [], inbox: [], open: {}, background: [],
    since: input.at, source: 'command', toolsListed: !input.awaitsTools, revivals: 0, requestCount: 0,
  }),
  initial: 'spawning',
  on: {
    messageAccepted: { actions: by(decisions.queueMessage) },
    messageExpired: { actions: by(decisions.expireMessage) },
    replyArrived: { actions: by(decisions.takeReply) },
    repliesClaimed: { actions: by(decisions.releaseReplies) },
    replyGiven: { actions: by(decisions.giveReply) },
    taskSent: { actions: by(decisions.noteTask) },
    toolsListed: { actions: agent.assign({ toolsListed: true }) },
    processStarted: { actions: by(decisions.processStarted) },
    outputProduced: { actions: by(decisions.outputProduced) },
    screenRead: { actions: passScreen },
    quietPassed: { actions: by(decisions.quietPassed) },
    spawnAsked: { actions: spawnChild },
    agentFinished: { actions: dropChild },
    'xstate.error.actor.*': { actions: containCrash },
    terminateAsked: { target: '.terminated', actions: [told, by<'terminateAsked'>((context, event) => decisions.toEnding(context, event.reason, { force: event.force, processGone: false }))] },
    // A death that no state below can mend.
    exited: { target: '.terminated', actions: ending(crashed, { force: true, processGone: true }) },
  },
  states: {
    spawning: {
      initial: 'launching',
      entry: entered('spawning'),
      on: {
        startFailed: { target: 'terminated', actions: ending(crashed, { force: true, processGone: true }) },
        handshakeExpired: { target: 'terminated', actions: [agent.assign({ lastError: 'its CLI never listed its Madrox tools' }), ...ending(crashed, { force: true, processGone: false })] },
      },
      states: {
        launching: {
          entry: by(context => decisions.launch(context, false)),
          on: { ready: { target: 'handshaking', actions: by(decisions.ready) } },
        },
        handshaking: {
          always: { guard: 'toolsListed', target: '#agent.idle', actions: by(decisions.shaken) },
          on: { toolsListed: { actions: [told, agent.assign({ toolsListed: true })] } },
        },
        resuming: {
          entry: by(context => decisions.launch(context, true)),
          on: { ready: { target: 'handshaking', actions: by(decisions.ready) } },
        },
      },
    },
    idle: {
      initial: 'live',
      entry: entered('idle'),
      on: { exited: [{ guard: 'canRevive', target: 'spawning.resuming', actions: [told, by(decisions.revive)] }, { target: 'terminated', actions: ending(crashed, { force: true, processGone: true }) }] },
      states: {
        live: {
          // Held by an interrupt that found no turn, or still held after a turn of its own: back to where nothing is delivered.
          always: [{ guard: 'held', target: '#agent.interrupted' }, { guard: 'hasWork', target: '#agent.busy' }],
          on: {
            turnStarted: { target: '#agent.busy.working', actions: [told, by(decisions.turnStarted)] },
            suspendAsked: { guard: ({ context }) => context.background.length === 0 && context.sessionId !== undefined, target: 'suspending', actions: told },
          },
        },
        /** The CLI was not where it was thought to be; its next fact, or a deadline, says when to try again. */
        deferred: {
          on: {
            turnStarted: { target: '#agent.busy.working', actions: [told, by(decisions.turnStarted)] },
            deliveryRetried: { target: 'live', actions: told },
            turnEnded: { target: 'live', actions: told },
          },
        },
        suspending: {
          entry: by(context => ({ effects: [{ to: 'drivers', event: { type: 'dispatch', harness: context.harness, command: { type: 'stopAgent', agentId: context.agentId, mode: 'graceful', graceMs: 5_000 } } }] })),
          on: { exited: { target: 'suspended', actions: [told, agent.assign({ pid: undefined })] } },
        },
        suspended: {
          always: { guard: 'hasWork', target: '#agent.spawning.resuming' },
          on: { terminateAsked: { target: '#agent.terminated', actions: [told, by<'terminateAsked'>((context, event) => decisions.toEnding(context, event.reason, { force: event.force, processGone: true }))] } },
        },
      },
    },
    busy: {
      initial: 'delivering',
      entry: entered('busy'),
      on: {
        exited: [{ guard: 'canRevive', target: 'spawning.resuming', actions: [told, by(decisions.revive)] }, { target: 'terminated', actions: ending(crashed, { force: true, processGone: true }) }],
        interruptAsked: { target: '.interrupting', actions: by(decisions.interrupt) },
        turnEnded: { guard: 'endsOurTurn', target: 'idle', actions: [told, by(decisions.turnEnded)] },
        approvalRequested: { target: '.awaitingApproval', actions: [told, by(decisions.approvalRequested)] },
      },
      states: {
        delivering: {
          entry: by(decisions.deliver),
          on: {
            promptWritten: { actions: by(decisions.promptWritten) },
            promptSeen: { guard: 'isOurPrompt', target: 'working', actions: [told, by(decisions.promptSeen)] },
            promptRefused: { guard: 'isOurPrompt', target: '#agent.idle.deferred', actions: [told, by(decisions.promptRefused)] },
            promptUnconfirmed: { guard: 'isOurPrompt', target: '#agent.idle', actions: [told, by(decisions.promptUnconfirmed)] },
          },
        },
        working: {},
        awaitingApproval: {
          exit: agent.assign({ approval: undefined }),
          on: {
            approvalAnswered: { actions: by(decisions.answerApproval) },
            approvalResolved: { target: 'working', actions: told },
          },
        },
        interrupting: {
          on: {
            interruptAsked: {},
            approvalRequested: {},
            promptSeen: { guard: 'isOurPrompt', actions: by(decisions.promptSeen) },
            promptUnconfirmed: {},
            turnEnded: { guard: 'endsOurTurn', actions: by(decisions.turnCut) },
            interruptFinished: [
              { guard: ({ context }) => context.interrupting?.then === 'continue', target: '#agent.idle', actions: [told, settleInterrupt, by(decisions.interruptFinished)] },
              { target: '#agent.interrupted', actions: [told, settleInterrupt, by(decisions.interruptFinished)] },
            ],
          },
        },
      },
    },
    interrupted: {
      entry: entered('interrupted'),
      // The interrupter, or an ancestor, has sent.
      always: { guard: ({ context }) => context.hold === undefined, target: 'idle' },
      on: {
        turnStarted: { target: 'busy.working', actions: [told, by(decisions.turnStarted)] },
        exited: [{ guard: 'canRevive', target: 'spawning.resuming', actions: [told, by(decisions.revive)] }, { target: 'terminated', actions: ending(crashed, { force: true, processGone: true }) }],
      },
    },
    terminated: {
      initial: 'draining',
      entry: entered('terminated'),
      on: {
        terminateAsked: { actions: by<'terminateAsked'>((context, event) => (event.force ? { context: { ending: { reason: context.ending?.reason ?? event.reason, processGone: context.ending?.processGone ?? false, force: true } } } : {})) },
        spawnAsked: {},
        exited: { actions: agent.assign(({ context }) => ({ ending: { reason: 'ended', force: true, ...context.ending, processGone: true } })) },
        startFailed: { actions: agent.assign(({ context }) => ({ ending: { reason: 'ended', force: true, ...context.ending, processGone: true } })) },
      },
      states: {
        draining: {
          entry: endChildren,
          always: { guard: ({ context }) => context.children.length === 0, target: 'stopping' },
        },
        stopping: {
          entry: by(decisions.stopProcess),
          always: { guard: ({ context }) => context.ending?.processGone === true, target: 'final' },
          on: { stopExpired: { target: 'final', actions: agent.assign({ lastError: 'its driver never reported the process gone' }) } },
        },
        final: { entry: by(decisions.finish) },
      },
    },
  },
})
