/**
 * The agent machine: five states, exactly. It is told facts by its driver, commands by the facade, and the fate of its
 * children by them; it decides, and its decisions leave as events for the system's hands. It does no I/O and reads no clock.
 * The chart here says when a decision applies; what it means stands in `agent-life`, `agent-mail`, `agent-turns`,
 * `agent-interrupts` and `agent-vigil`, as pure functions.
 *
 * Its parent actor is its supervisor. Ending is bottom-up by an explicit protocol (`terminateAsked` down, `agentFinished` up),
 * because XState's own stop is pre-order and skips exit actions.
 */

import { and, type ActorLogic, type ActorSystem, type AnyActorRef, setup, type Snapshot } from 'xstate'
import * as approvals from './agent-approvals.ts'
import type { AgentContext, AgentEmitted, AgentEvent, AgentInput } from './agent-context.ts'
import { type AgentDecision, clear } from './agent-effects.ts'
import { endsOurTurn, guards } from './agent-guards.ts'
import * as interrupts from './agent-interrupts.ts'
import * as life from './agent-life.ts'
import * as limits from './agent-limits.ts'
import * as mail from './agent-mail.ts'
import { controlChanged } from './agent-person.ts'
import * as recovery from './agent-recovery.ts'
import * as turns from './agent-turns.ts'
import * as vigil from './agent-vigil.ts'
import { carryOut } from './decision.ts'
import { type Children, containCrash, decideRestart, dropChild, refuseRestart, spawnChild } from './supervision.ts'

// The machine spawns its own kind: the getter below and this outside type break the circle that TypeScript cannot infer through.
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
  guards,
})

type Type = AgentEvent['type']
type EventOf<T extends Type> = Extract<AgentEvent, { type: T }>

/** An action from a decision. Whatever a fact means, it is a sign of life. */
function by<T extends Type>(decide: (context: AgentContext, event: EventOf<T>, children: Children) => AgentDecision) {
  return agent.enqueueActions(({ context, event, enqueue, self }) => {
    const heard = vigil.noteFact(context, event)
    carryOut(enqueue, heard)
    carryOut(enqueue, decide({ ...context, ...heard.context }, event as EventOf<T>, () => self.getSnapshot().children)) // the chart names this action under that event only
  })
}

/** Since when, and by what, the state entered next was told. */
const told = agent.assign(({ event }) => ({
  ...('at' in event ? { since: event.at as number } : {}), // every event that enters a state carries its time
  source: 'source' in event ? (event.source as AgentContext['source']) : ('command' as const),
}))

const entered = (state: string) => by(context => life.stateEntered(context, state))
const dying = (processGone: boolean) => [told, by((context, event) => life.die(context, event, processGone))]
const dead = { target: '#agent.terminated', actions: dying(true) }
const revival = { guard: 'canRevive', target: '#agent.spawning.resuming', actions: [told, by(life.revive)] } as const
const restart = { guard: 'wantsRestart', target: '#agent.spawning.awaitingRestart', actions: [told, by(life.fall)] } as const
/** OTP's: a temporary child is ended where its siblings are restarted. */
const withSiblings = [
  { guard: 'isTemporary', target: '#agent.terminated', actions: [told, by<'restartAsked'>((context, { reason }) => life.toEnding(context, { reason: `${reason}; it is temporary`, force: false, processGone: false, unasked: true }))] },
  { target: '#agent.spawning.restarting', actions: [by(interrupts.settleInterrupt), told, by(life.beRestarted)] },
] as const
const asked = (processGone: boolean) =>
  [told, by<'terminateAsked'>((context, { reason, force }) => life.toEnding(context, { reason, force, processGone, unasked: false }))]

const spent = (processGone: boolean) => [told, by<'limitReached'>((context, event) => life.limitReached(context, event, processGone))]

/** Supervisor and all: whoever crashed above cannot stop it, and an actor nobody stops stays in the system. */
const leave = agent.sendTo(({ self }) => self, { type: 'xstate.stop' } as unknown as AgentEvent) // XState's own event, which its types keep to itself

const ourTurnEnds = [
  { guard: 'failsSpawn', target: '#agent.terminated', actions: [told, by(life.modelRejected)] },
  { guard: 'leavesAside', target: '#agent.busy.working', actions: [told, by(turns.turnEnded)] },
  { guard: 'endsOurTurn', target: '#agent.idle', actions: [told, by(turns.turnEnded)] },
  { actions: by(turns.foreignTurnEnded) },
] as const
/** A resumed session may begin a turn of its own before anything is given to it: it is under way when the agent is ready whole. */
const ownTurns = {
  turnStarted: { actions: by(turns.turnStarted) },
  turnEnded: [{ guard: 'endsAside', actions: by(turns.asideEnded) }, { guard: 'endsOurTurn', actions: by(turns.turnEnded) }, { actions: by(turns.foreignTurnEnded) }],
  approvalRequested: { actions: by(approvals.opened) },
} as const
const goneByWish = [told, agent.assign({ pid: undefined, revivals: 0 }), by(context => ({ effects: [clear(context, 'stop')] }))] as const
const suspends = { guard: 'maySuspend', target: 'suspending', actions: [told, by(vigil.suspend)] } as const
/** Its process goes, and then there is none; told to come up meanwhile, it does so at once. */
const whileSuspending = {
  exited: { target: 'suspended', actions: goneByWish },
  stopExpired: { actions: by(vigil.forceSuspension) },
  resumeAsked: { target: '#agent.spawning.relaunching', actions: told },
} as const
const resumes = { target: '#agent.spawning.resuming', actions: told } as const
const relaunches = { guard: 'maySuspend', target: '#agent.spawning.relaunching', actions: told } as const
const interruptIsOver = [by(interrupts.settleInterrupt), by(interrupts.interruptOver)] as const

export const agentMachine = agent.createMachine({
  id: 'agent',
  context: ({ input }) => ({
    ...input,
    children: [], mailbox: [], inbox: [], open: {}, background: [], approvals: [],
    since: input.at, source: 'command', heardAt: input.at, atLimit: [], cuts: 0, waits: 0, toolsListed: !input.awaitsTools, hasHistory: false, established: false, uncertain: [], revivals: 0, restarts: [], requestCount: 0, prompts: 0,
    ...recovery.contextOf(input.recovered),
  }),
  initial: 'spawning',
  on: {
    messageAccepted: { actions: by(mail.queueMessage) },
    messageExpired: { actions: by(mail.expireMessage) },
    messageWithdrawn: { actions: by(mail.withdrawMessage) },
    replyArrived: { actions: by(mail.takeReply) },
    repliesClaimed: { actions: by(mail.releaseReplies) },
    replyGiven: { actions: by(mail.giveReply) },
    taskSent: { actions: by(mail.noteTask) },
    toolsListed: { actions: agent.assign({ toolsListed: true }) },
    processStarted: { actions: by(life.processStarted) },
    outputProduced: { actions: by(turns.outputProduced) },
    controlChanged: { actions: by(controlChanged) },
    screenRead: { actions: by<'screenRead'>((_, { requestId, rendering, text }) => ({ emits: [{ type: 'screenRead', requestId, rendering, text }] })) },
    approvalResolved: { actions: by(approvals.closed) },
    approvalAnswered: { actions: by(approvals.answered) },
    approvalExpired: { actions: by(approvals.expired) },
    quietPassed: { actions: by(mail.quietPassed) },
    turnEnded: { actions: by(turns.foreignTurnEnded) },
    usageReported: { actions: by(() => ({})) },
    waitBegan: { actions: by(vigil.waitBegan) },
    waitEnded: { actions: by(vigil.waitEnded) },
    respecified: { actions: by(vigil.respecify) },
    spawnAsked: { actions: by(spawnChild) },
    agentFinished: { actions: by(dropChild) },
    childDied: { actions: by(decideRestart) },
    'xstate.error.actor.*': { actions: by(containCrash) },
    terminateAsked: { target: '.terminated', actions: asked(false) },
    limitReached: { target: '.terminated', actions: spent(false) },
    limitsTold: { actions: by(limits.told) }, timeUp: { actions: by(limits.timeUp) },
    // A death that no state below can mend.
    exited: dead,
  },
  states: {
    spawning: {
      initial: 'arriving',
      entry: entered('spawning'),
      on: {
        exited: [revival, restart, dead],
        startFailed: [restart, dead],
        handshakeExpired: { target: 'terminated', actions: [agent.assign({ lastError: 'its CLI never listed its Madrox tools' }), ...dying(false)] },
      },
      states: {
        /** An agent on record rests until there is something for it to do; a new one is launched. */
        arriving: {
          entry: by(recovery.arrive),
          always: [
            { guard: 'isHeldOnRecord', target: '#agent.interrupted.suspended' },
            { guard: 'isOnRecord', target: '#agent.idle.suspended' },
            { target: 'launching' },
          ],
        },
        launching: {
          entry: by(context => life.launch(context, false)),
          on: { ready: { target: 'handshaking', actions: [told, by(life.ready)] } },
        },
        handshaking: {
          always: [{ guard: 'mustRecall', target: 'recalling', actions: by(life.shaken) }, { guard: 'toolsListed', target: '#agent.idle', actions: by(life.shaken) }],
          on: { ...ownTurns, toolsListed: { actions: [told, agent.assign({ toolsListed: true })] } },
        },
        resuming: {
          entry: by(context => life.launch(context, true)),
          on: {
            ready: { target: 'handshaking', actions: [told, by(life.ready)] },
            startFailed: [{ guard: 'hasNothingToReturnTo', target: 'launching', actions: [told, agent.assign({ sessionId: undefined })] }, restart, { guard: 'wasWoken', target: '#agent.idle.suspended.unwakeable', actions: [told, by(life.wakeFailed)] }, dead],
          },
        },
        /** What became of the messages an earlier server had handed it: one question at a time. */
        recalling: {
          entry: by(recovery.recall),
          on: {
            ...ownTurns,
            turnRecalled: { guard: 'isOurRecall', target: 'handshaking', actions: [told, by(recovery.recalled)] },
            recallExpired: { guard: 'isOurRecall', target: 'handshaking', actions: [told, by(recovery.recalled)] },
          },
        },
        /** Down, and its supervisor decides when it comes back, if it does. */
        awaitingRestart: {
          on: {
            exited: {},
            restartGranted: { actions: by(life.restartGranted) },
            restartRefused: dead,
            restartDue: { target: 'resuming', actions: told },
            terminateAsked: { target: '#agent.terminated', actions: asked(true) },
            limitReached: { target: '#agent.terminated', actions: spent(true) },
          },
        },
        /** Well, but restarted with its siblings: its process goes first. */
        restarting: {
          entry: by(life.stopForRestart),
          on: {
            exited: { target: 'resuming', actions: [told, agent.assign({ pid: undefined }), by(context => ({ effects: [clear(context, 'stop')] }))] },
            stopExpired: { target: '#agent.terminated', actions: dying(false) },
          },
        },
        /** Well, and to be launched otherwise, or wanted again while it was put away: once its process has gone. */
        relaunching: {
          entry: by(life.stopForRestart),
          on: {
            exited: { target: 'resuming', actions: goneByWish },
            stopExpired: { actions: by(vigil.forceSuspension) },
          },
        },
      },
    },
    idle: {
      initial: 'live',
      entry: entered('idle'),
      on: { exited: [revival, restart, dead] },
      states: {
        live: {
          entry: by(vigil.rest),
          always: [
            // One of its own, begun while it came up.
            { guard: 'awaitsApproval', target: '#agent.busy.awaitingApproval' },
            { guard: 'inTurn', target: '#agent.busy.working' },
            // Held by an interrupt that found no turn, or still held after a turn of its own: back to where nothing is delivered.
            { guard: 'held', target: '#agent.interrupted', actions: told },
            { guard: 'mayDeliver', target: '#agent.busy', actions: told },
          ],
          on: {
            turnStarted: { target: '#agent.busy.working', actions: [told, by(turns.turnStarted)] },
            restartAsked: withSiblings,
            suspendAsked: suspends,
            resumeAsked: relaunches,
            idleLong: { actions: by(vigil.considerSuspending) },
            // Each may end what kept it up.
            controlChanged: { actions: [by(controlChanged), by(vigil.restAgain)] },
            childRested: { actions: by(vigil.restAgain) },
            agentFinished: { actions: [by(dropChild), by(vigil.restAgain)] },
            replyGiven: { actions: [by(mail.giveReply), by(vigil.restAgain)] },
            repliesClaimed: { actions: [by(mail.releaseReplies), by(vigil.restAgain)] },
            quietPassed: { actions: [by(mail.quietPassed), by(vigil.restAgain)] },
            turnEnded: { actions: [by(turns.foreignTurnEnded), by(vigil.restAgain)] },
          },
        },
        /** The CLI was not where it was thought to be; its next fact, or a deadline, says when to try again. */
        deferred: {
          on: {
            turnStarted: { target: '#agent.busy.working', actions: [told, by(turns.turnStarted)] },
            deliveryRetried: { target: 'live', actions: told },
            limitsTold: { target: 'live', actions: [told, by(limits.told)] },
            controlChanged: { target: 'live', actions: [told, by(controlChanged)] },
            restartAsked: withSiblings,
            turnEnded: { target: 'live', actions: [told, by(turns.foreignTurnEnded)] },
          },
        },
        suspending: { on: whileSuspending },
        suspended: {
          initial: 'resting',
          always: { guard: 'atLimit', target: '#agent.interrupted.suspended', actions: told },
          // No process is left to die.
          on: { exited: {}, resumeAsked: resumes, terminateAsked: { target: '#agent.terminated', actions: asked(true) }, limitReached: { target: '#agent.terminated', actions: spent(true) } },
          states: {
            resting: { always: { guard: 'wakes', target: '#agent.spawning.resuming', actions: told } },
            /** The last wake failed; the next word for it tries again. */
            unwakeable: {
              on: {
                messageAccepted: { target: 'resting', actions: by(mail.queueMessage) },
                replyArrived: { target: 'resting', actions: by(mail.takeReply) },
              },
            },
          },
        },
      },
    },
    busy: {
      initial: 'delivering',
      entry: entered('busy'),
      always: { guard: 'runsAtLimit', target: '.interrupting', actions: [told, by(interrupts.cutAtLimit)] },
      on: {
        exited: [revival, restart, dead],
        restartAsked: withSiblings,
        interruptAsked: { target: '.interrupting', actions: by(interrupts.interrupt) },
        stillnessDue: { actions: by(vigil.judgeStillness) },
        turnStarted: { guard: 'beginsAnother', actions: by(turns.turnStarted) },
        turnEnded: [{ guard: 'endsAside', actions: by(turns.asideEnded) }, ...ourTurnEnds],
        approvalRequested: { target: '.awaitingApproval', actions: [told, by(approvals.opened)] },
        // What becomes of a prompt on its way may be told in any state below: a turn of the CLI's own, or its dialog, can come between.
        promptWritten: { actions: by(turns.promptWritten) },
        promptSeen: { guard: 'answersOurPrompt', target: '.working', actions: [told, by(turns.promptSeen)] },
        promptRefused: [
          { guard: 'leavesPromptAside', target: '.working', actions: [told, by(turns.promptRefused)] },
          { guard: 'answersOurPrompt', target: 'idle.deferred', actions: [told, by(turns.promptRefused)] },
        ],
        promptUnconfirmed: [
          { guard: 'leavesPromptAside', target: '.working', actions: [told, by(turns.promptUnconfirmed)] },
          { guard: 'returnsReplies', target: 'idle.deferred', actions: [told, by(turns.promptUnconfirmed)] },
          { guard: 'answersOurPrompt', target: 'idle', actions: [told, by(turns.promptUnconfirmed)] },
        ],
      },
      states: {
        delivering: { entry: [by(vigil.watch), by(turns.deliver)] },
        // A dialog may still be open when something else takes the agent back to work.
        working: { entry: by(vigil.watch), always: { guard: 'awaitsApproval', target: 'awaitingApproval' } },
        awaitingApproval: {
          on: {
            // It waits for a word, not for itself.
            stillnessDue: {},
            approvalResolved: [{ guard: 'isLastApproval', target: 'working', actions: [told, by(approvals.closed)] }, { actions: by(approvals.closed) }],
            turnEnded: [{ guard: 'endsAside', target: 'working', actions: [told, by(turns.asideEnded)] }, ...ourTurnEnds],
            // The dialog is that of the turn of its own: what is on its way waits behind it.
            promptRefused: { guard: 'leavesPromptAside', actions: by(turns.promptRefused) },
            promptUnconfirmed: { guard: 'leavesPromptAside', actions: by(turns.promptUnconfirmed) },
          },
        },
        interrupting: {
          on: {
            // The interrupt has a deadline of its own.
            stillnessDue: {},
            interruptAsked: {},
            approvalRequested: { actions: by(approvals.opened) },
            promptSeen: { guard: 'answersOurPrompt', actions: by(turns.promptSeen) },
            // What was on its way is cut with the rest, when the interrupt is over.
            promptRefused: {},
            promptUnconfirmed: {},
            turnEnded: [{ guard: 'endsAside', actions: by(turns.asideEnded) }, { guard: 'endsOurTurn', actions: by(interrupts.turnCut) }, { actions: by(turns.foreignTurnEnded) }],
            exited: [{ ...revival, actions: [by(interrupts.settleInterrupt), ...revival.actions] }, { ...restart, actions: [by(interrupts.settleInterrupt), ...restart.actions] }, dead],
            interruptFinished: [
              { guard: and(['isOurInterrupt', 'ownTurnGoesOn']), target: 'working', actions: [told, ...interruptIsOver] },
              { guard: and(['isOurInterrupt', 'continues']), target: '#agent.idle', actions: [told, ...interruptIsOver] },
              { guard: 'isOurInterrupt', target: '#agent.interrupted', actions: [told, ...interruptIsOver] },
            ],
            interruptExpired: [
              { guard: and(['isOurInterrupt', 'turnGoesOn', 'atLimit']), target: '#agent.terminated', actions: [told, by(interrupts.interruptGivenUp), by(life.notStopped)] },
              { guard: and(['isOurInterrupt', 'turnGoesOn']), target: 'working', actions: [told, by(interrupts.interruptGivenUp)] },
              { guard: and(['isOurInterrupt', 'continues']), target: '#agent.idle', actions: [told, ...interruptIsOver] },
              { guard: 'isOurInterrupt', target: '#agent.interrupted', actions: [told, ...interruptIsOver] },
            ],
          },
        },
      },
    },
    interrupted: {
      initial: 'live',
      entry: entered('interrupted'),
      states: {
        live: {
          // The interrupter, or an ancestor, has sent.
          always: { guard: 'released', target: '#agent.idle', actions: told },
          on: {
            turnStarted: { target: '#agent.busy.working', actions: [told, by(turns.turnStarted)] },
            restartAsked: withSiblings,
            exited: [revival, restart, dead],
            suspendAsked: suspends,
            resumeAsked: relaunches,
          },
        },
        suspending: { always: { guard: 'released', target: '#agent.idle.suspending', actions: told }, on: whileSuspending },
        /** No process is left to die. */
        suspended: {
          always: { guard: 'released', target: '#agent.idle.suspended', actions: told },
          on: { exited: {}, resumeAsked: resumes, terminateAsked: { target: '#agent.terminated', actions: asked(true) }, limitReached: { target: '#agent.terminated', actions: spent(true) } },
        },
      },
    },
    terminated: {
      initial: 'draining',
      entry: entered('terminated'),
      on: {
        terminateAsked: { actions: by(life.hasten) },
        childDied: { actions: by(refuseRestart) },
        limitReached: {}, limitsTold: {}, timeUp: {}, spawnAsked: {},
        // The last words of a turn that ends while it is being ended are still its answer.
        turnEnded: { guard: ({ context, event }) => event.status === 'completed' && endsOurTurn(context, event), actions: by(turns.turnEnded) },
        exited: { actions: by(life.gone) }, startFailed: { actions: by(life.gone) },
      },
      states: {
        draining: {
          entry: by(life.endChildren),
          always: { guard: ({ context }) => context.children.length === 0, target: 'stopping' },
          on: { terminateAsked: { guard: 'forces', actions: [by(life.hasten), by(life.endChildren)] } },
        },
        stopping: {
          entry: by(life.stopProcess),
          always: { guard: ({ context }) => context.ending?.processGone === true, target: 'final' },
          on: {
            terminateAsked: { guard: 'forces', target: 'stopping', reenter: true, actions: by(life.hasten) },
            stopExpired: { target: 'final', actions: by(life.stopGivenUp) },
          },
        },
        final: { entry: [by(life.finish), leave] },
      },
    },
  },
})
