/**
 * The agent machine: five states, exactly. It is told facts by its driver, commands by the facade, and the fate of its
 * children by them; it decides, and its decisions leave as events for the system's hands. It does no I/O and reads no clock.
 *
 * Its parent actor is its supervisor. Ending is bottom-up by an explicit protocol (`terminateAsked` down, `agentFinished` up),
 * because XState's own stop is pre-order and skips exit actions.
 */

import { and, type ActorLogic, type ActorRef, type ActorSystem, type AnyActorRef, setup, type Snapshot } from 'xstate'
import * as decisions from './agent-decisions.ts'
import type { FactOf } from '../drivers/driver.ts'
import { type AgentContext, type AgentEmitted, type AgentEvent, type AgentInput, type Ending, maxRevivals } from './agent-context.ts'
import { agentKey, type Decision, hands } from './effects.ts'
import { childrenAfter, crashAftermath, livingParent, spentCrashes } from './supervision.ts'

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
    endsOurTurn: ({ context, event }) => event.type === 'turnEnded' && endsOurTurn(context, event),
    leavesAside: ({ context, event }) => event.type === 'turnEnded' && endsOurTurn(context, event) && context.aside !== undefined,
    endsAside: ({ context, event }) => event.type === 'turnEnded' && event.turnId === context.aside?.turnId,
    beginsAnother: ({ context, event }) => event.type === 'turnStarted' && event.turnId !== context.turn?.turnId,
    answersOurPrompt: ({ context, event }) => answersOurPrompt(context, event),
    leavesPromptAside: ({ context, event }) => answersOurPrompt(context, event) && context.aside !== undefined,
    returnsReplies: ({ context, event }) => answersOurPrompt(context, event) && context.turn?.work?.kind === 'replies',
    isOurApproval: ({ context, event }) => event.type === 'approvalResolved' && event.approvalId === context.approval?.approvalId,
    isOurInterrupt: ({ context, event }) => 'requestId' in event && event.requestId === context.interrupting?.requestId,
    canRevive: ({ context, event }) => event.type === 'exited' && !event.expected && context.sessionId !== undefined && context.revivals < maxRevivals,
    continues: ({ context }) => context.interrupting?.then === 'continue',
    /** One that began by itself while the interrupt was on its way. */
    ownTurnGoesOn: ({ context }) => context.aside !== undefined || decisions.isOwnTurnBegunSince(context),
    turnGoesOn: ({ context }) => context.aside !== undefined || context.turn?.turnId !== undefined,
    /** A CLI that died in its first turn may have saved nothing yet; then a new session loses nothing. */
    hasNothingToReturnTo: ({ context, event }) => event.type === 'startFailed' && event.code === 'session_unknown' && !context.hasHistory,
    wasWoken: ({ context }) => context.revivals === 0,
    forces: ({ event }) => event.type === 'terminateAsked' && event.force,
  },
})

function endsOurTurn({ turn }: AgentContext, { turnId, promptId }: FactOf<'turnEnded'>): boolean {
  return turn !== undefined && (turnId === turn.turnId || (promptId !== undefined && promptId === turn.promptId))
}

/** What became of the prompt that is on its way: heard once. */
function answersOurPrompt({ turn }: AgentContext, event: AgentEvent): boolean {
  return turn?.promptId !== undefined && turn.turnId === undefined && 'promptId' in event && event.promptId === turn.promptId
}

type Type = AgentEvent['type']
type EventOf<T extends Type> = Extract<AgentEvent, { type: T }>

/** An action from a decision: its context is assigned, its effects are sent. */
function by<T extends Type>(decide: (context: AgentContext, event: EventOf<T>) => Decision<AgentContext>) {
  return agent.enqueueActions(({ context, event, enqueue, self }) => {
    const { context: changes, effects = [] } = decide(context, event as EventOf<T>) // the chart names this action under that event only
    if (changes) enqueue.assign(changes)
    for (const effect of effects) {
      if (effect.to === 'supervisor') enqueue.sendTo(() => livingParent(self) as AnyActorRef, effect.event) // always spawned by a supervisor, and the root lives longest
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
/** An end nobody asked for. One that was never ready is its spawner's to hear of, as a failed spawn. */
const dying = (processGone: boolean) =>
  [told, by((context, event) => decisions.toEnding(context, { reason: crashed(context, event), force: true, processGone, unasked: context.sessionId !== undefined }))]
const dead = { target: '#agent.terminated', actions: dying(true) }
const revival = { guard: 'canRevive', target: '#agent.spawning.resuming', actions: [told, by(decisions.revive)] } as const
const asked = (processGone: boolean) =>
  [told, by<'terminateAsked'>((context, { reason, force }) => decisions.toEnding(context, { reason, force, processGone, unasked: false }))]
const gone = agent.assign(({ context }) => ({ ending: { reason: 'ended', force: true, unasked: false, ...context.ending, processGone: true } satisfies Ending }))

const spawnChild = agent.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'spawnAsked') return
  const { input } = event
  enqueue.assign({ children: [...context.children, input.agentId] })
  enqueue.spawnChild('agent', { id: input.agentId, systemId: agentKey(input.agentId), input })
})

/** A child is finished, all of it: its actor can go. */
const dropChild = agent.enqueueActions(({ context, event, enqueue, self }) => {
  if (event.type !== 'agentFinished') return
  const left = context.children.filter(id => id !== event.agentId)
  enqueue.stopChild(event.agentId)
  for (const id of spentCrashes(self.getSnapshot().children, left)) enqueue.stopChild(id)
  enqueue.assign({ children: left })
})

const containCrash = agent.enqueueActions(({ context, event, enqueue, self }) => {
  if (!('actorId' in event)) return
  const { children } = self.getSnapshot()
  for (const { target, event: told } of crashAftermath(children, event)) enqueue.sendTo(target, told)
  const left = childrenAfter(context.children, children, event)
  for (const id of spentCrashes(children, left)) enqueue.stopChild(id)
  enqueue.assign({ children: left })
})

const endChildren = agent.enqueueActions(({ context, enqueue }) => {
  for (const id of context.children) {
    enqueue.sendTo(({ system }) => system.get(agentKey(id)) as AnyActorRef, { type: 'terminateAsked', reason: `its supervisor ended: ${context.ending?.reason}`, force: context.ending?.force ?? false, at: context.since })
  }
})

const settleInterrupt = agent.enqueueActions(({ context, event, enqueue }) => {
  if (!('at' in event) || !context.interrupting) return
  const { requestId, at, cut, cancelled = cut === undefined ? context.turn?.subject : undefined } = context.interrupting
  // A turn still held here never reported its end: the interrupt caught it before it began.
  const interrupted = cut ?? context.turn !== undefined
  const how = interrupted ? 'cut' : 'endedBefore'
  enqueue.emit({ type: 'interruptSettled', requestId, how, source: 'source' in event ? event.source : 'clock', afterMs: event.at - at, ...(interrupted && cancelled ? { cancelledMessageId: cancelled } : {}) })
})

const giveInterruptUp = agent.enqueueActions(({ context, event, enqueue }) => {
  if (event.type !== 'interruptExpired' || !context.interrupting) return
  enqueue.emit({ type: 'interruptSettled', requestId: context.interrupting.requestId, how: 'notTaken', source: 'clock', afterMs: event.at - context.interrupting.at })
})

/** Supervisor and all: whoever crashed above cannot stop it, and an actor nobody stops stays in the system. */
const leave = agent.sendTo(({ self }) => self, { type: 'xstate.stop' } as unknown as AgentEvent) // XState's own event, which its types keep to itself

const passScreen = agent.enqueueActions(({ event, enqueue }) => {
  if (event.type === 'screenRead') enqueue.emit({ type: 'screenRead', requestId: event.requestId, rendering: event.rendering, text: event.text })
})

const crashed = (context: AgentContext, event: AgentEvent): string =>
  event.type === 'exited' ? `its CLI process died (${decisions.describeExit(event)})` : event.type === 'startFailed' ? `it did not start (${event.code}): ${event.detail}` : (context.lastError ?? 'it failed')

const ourTurnEnds = [
  { guard: 'leavesAside', target: '#agent.busy.working', actions: [told, by(decisions.turnEnded)] },
  { guard: 'endsOurTurn', target: '#agent.idle', actions: [told, by(decisions.turnEnded)] },
  { actions: by(decisions.foreignTurnEnded) },
] as const
const interruptIsOver = [settleInterrupt, by(decisions.interruptOver)] as const

export const agentMachine = agent.createMachine({
  id: 'agent',
  context: ({ input }) => ({
    ...input,
    children: [], mailbox: [], inbox: [], open: {}, background: [],
    since: input.at, source: 'command', toolsListed: !input.awaitsTools, hasHistory: false, revivals: 0, requestCount: 0, prompts: 0,
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
    turnEnded: { actions: by(decisions.foreignTurnEnded) },
    spawnAsked: { actions: spawnChild },
    agentFinished: { actions: dropChild },
    'xstate.error.actor.*': { actions: containCrash },
    terminateAsked: { target: '.terminated', actions: asked(false) },
    // A death that no state below can mend.
    exited: dead,
  },
  states: {
    spawning: {
      initial: 'launching',
      entry: entered('spawning'),
      on: {
        startFailed: dead,
        handshakeExpired: { target: 'terminated', actions: [agent.assign({ lastError: 'its CLI never listed its Madrox tools' }), ...dying(false)] },
      },
      states: {
        launching: {
          entry: by(context => decisions.launch(context, false)),
          on: { ready: { target: 'handshaking', actions: [told, by(decisions.ready)] } },
        },
        handshaking: {
          always: { guard: 'toolsListed', target: '#agent.idle', actions: by(decisions.shaken) },
          on: { toolsListed: { actions: [told, agent.assign({ toolsListed: true })] } },
        },
        resuming: {
          entry: by(context => decisions.launch(context, true)),
          on: {
            ready: { target: 'handshaking', actions: [told, by(decisions.ready)] },
            startFailed: [{ guard: 'hasNothingToReturnTo', target: 'launching', actions: [told, agent.assign({ sessionId: undefined })] }, { guard: 'wasWoken', target: '#agent.idle.suspended.unwakeable', actions: [told, by(decisions.wakeFailed)] }, dead],
          },
        },
      },
    },
    idle: {
      initial: 'live',
      entry: entered('idle'),
      on: { exited: [revival, dead] },
      states: {
        live: {
          // Held by an interrupt that found no turn, or still held after a turn of its own: back to where nothing is delivered.
          always: [{ guard: 'held', target: '#agent.interrupted', actions: told }, { guard: 'hasWork', target: '#agent.busy', actions: told }],
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
            turnEnded: { target: 'live', actions: [told, by(decisions.foreignTurnEnded)] },
          },
        },
        suspending: {
          entry: by(context => ({ effects: [{ to: 'drivers', event: { type: 'dispatch', harness: context.harness, command: { type: 'stopAgent', agentId: context.agentId, mode: 'graceful', graceMs: 5_000 } } }] })),
          on: { exited: { target: 'suspended', actions: [told, agent.assign({ pid: undefined, revivals: 0 })] } },
        },
        suspended: {
          initial: 'resting',
          // No process is left to die.
          on: { exited: {}, terminateAsked: { target: '#agent.terminated', actions: asked(true) } },
          states: {
            resting: { always: { guard: 'hasWork', target: '#agent.spawning.resuming', actions: told } },
            /** The last wake failed; the next word for it tries again. */
            unwakeable: {
              on: {
                messageAccepted: { target: 'resting', actions: by(decisions.queueMessage) },
                replyArrived: { target: 'resting', actions: by(decisions.takeReply) },
              },
            },
          },
        },
      },
    },
    busy: {
      initial: 'delivering',
      entry: entered('busy'),
      on: {
        exited: [revival, dead],
        interruptAsked: { target: '.interrupting', actions: by(decisions.interrupt) },
        turnStarted: { guard: 'beginsAnother', actions: by(decisions.turnStarted) },
        turnEnded: [{ guard: 'endsAside', actions: by(decisions.asideEnded) }, ...ourTurnEnds],
        approvalRequested: { target: '.awaitingApproval', actions: [told, by(decisions.approvalRequested)] },
        // What becomes of a prompt on its way may be told in any state below: a turn of the CLI's own, or its dialog, can come between.
        promptWritten: { actions: by(decisions.promptWritten) },
        promptSeen: { guard: 'answersOurPrompt', target: '.working', actions: [told, by(decisions.promptSeen)] },
        promptRefused: [
          { guard: 'leavesPromptAside', target: '.working', actions: [told, by(decisions.promptRefused)] },
          { guard: 'answersOurPrompt', target: 'idle.deferred', actions: [told, by(decisions.promptRefused)] },
        ],
        promptUnconfirmed: [
          { guard: 'leavesPromptAside', target: '.working', actions: [told, by(decisions.promptUnconfirmed)] },
          { guard: 'returnsReplies', target: 'idle.deferred', actions: [told, by(decisions.promptUnconfirmed)] },
          { guard: 'answersOurPrompt', target: 'idle', actions: [told, by(decisions.promptUnconfirmed)] },
        ],
      },
      states: {
        delivering: { entry: by(decisions.deliver) },
        working: {},
        awaitingApproval: {
          exit: agent.assign({ approval: undefined }),
          on: {
            approvalAnswered: { actions: by(decisions.answerApproval) },
            approvalResolved: { guard: 'isOurApproval', target: 'working', actions: told },
            turnEnded: [{ guard: 'endsAside', target: 'working', actions: [told, by(decisions.asideEnded)] }, ...ourTurnEnds],
            // The dialog is that of the turn of its own: what is on its way waits behind it.
            promptRefused: { guard: 'leavesPromptAside', actions: by(decisions.promptRefused) },
            promptUnconfirmed: { guard: 'leavesPromptAside', actions: by(decisions.promptUnconfirmed) },
          },
        },
        interrupting: {
          on: {
            interruptAsked: {},
            approvalRequested: {},
            promptSeen: { guard: 'answersOurPrompt', actions: by(decisions.promptSeen) },
            // What was on its way is cut with the rest, when the interrupt is over.
            promptRefused: {},
            promptUnconfirmed: {},
            turnEnded: [{ guard: 'endsAside', actions: by(decisions.asideEnded) }, { guard: 'endsOurTurn', actions: by(decisions.turnCut) }, { actions: by(decisions.foreignTurnEnded) }],
            exited: [{ ...revival, actions: [settleInterrupt, ...revival.actions] }, dead],
            interruptFinished: [
              { guard: and(['isOurInterrupt', 'ownTurnGoesOn']), target: 'working', actions: [told, ...interruptIsOver] },
              { guard: and(['isOurInterrupt', 'continues']), target: '#agent.idle', actions: [told, ...interruptIsOver] },
              { guard: 'isOurInterrupt', target: '#agent.interrupted', actions: [told, ...interruptIsOver] },
            ],
            interruptExpired: [
              { guard: and(['isOurInterrupt', 'turnGoesOn']), target: 'working', actions: [told, giveInterruptUp, by(decisions.interruptGivenUp)] },
              { guard: and(['isOurInterrupt', 'continues']), target: '#agent.idle', actions: [told, ...interruptIsOver] },
              { guard: 'isOurInterrupt', target: '#agent.interrupted', actions: [told, ...interruptIsOver] },
            ],
          },
        },
      },
    },
    interrupted: {
      entry: entered('interrupted'),
      // The interrupter, or an ancestor, has sent.
      always: { guard: ({ context }) => context.hold === undefined, target: 'idle', actions: told },
      on: {
        turnStarted: { target: 'busy.working', actions: [told, by(decisions.turnStarted)] },
        exited: [revival, dead],
      },
    },
    terminated: {
      initial: 'draining',
      entry: entered('terminated'),
      on: {
        terminateAsked: { actions: by(decisions.hasten) },
        spawnAsked: {},
        // The last words of a turn that ends while it is being ended are still its answer.
        turnEnded: { guard: ({ context, event }) => event.status === 'completed' && endsOurTurn(context, event), actions: by(decisions.turnEnded) },
        exited: { actions: gone },
        startFailed: { actions: gone },
      },
      states: {
        draining: {
          entry: endChildren,
          always: { guard: ({ context }) => context.children.length === 0, target: 'stopping' },
          on: { terminateAsked: { guard: 'forces', actions: [by(decisions.hasten), endChildren] } },
        },
        stopping: {
          entry: by(decisions.stopProcess),
          always: { guard: ({ context }) => context.ending?.processGone === true, target: 'final' },
          on: {
            terminateAsked: { guard: 'forces', target: 'stopping', reenter: true, actions: by(decisions.hasten) },
            stopExpired: { target: 'final', actions: by(decisions.stopGivenUp) },
          },
        },
        final: { entry: [by(decisions.finish), leave] },
      },
    },
  },
})
