/**
 * The CLIs of a simulated world, behind the driver port. What they do keeps the port's contract, in every order and delay it
 * allows; a liar's words are twisted on their way out. Their processes die with the server, their sessions do not.
 */

import type { BackgroundTask, DriverCommand, DriverFact } from '../../src/drivers/driver.ts'
import type { BareFact } from '../../src/drivers/facts.ts'
import { type AgentId, asAgentId } from '../../src/ids.ts'
import { recallMs } from '../../src/machines/agent-context.ts'
import { twist } from './lies.ts'
import { createMind } from './mind.ts'
import type { Server } from './server.ts'
import { type Process, recall, type RecordedTurn, type Session, type Turn } from './session.ts'
import type { Stage } from './stage.ts'
import { readPrompt } from './words.ts'

export interface World {
  dispatch(server: Server, command: DriverCommand): void
  /** Every process goes with the server that ran it, without a word. */
  serverDied(): void
  /** It was up with its tools, and its session is kept. */
  canReturn(agentId: AgentId): boolean
}

/** Longer than the machine waits for an interrupt or a stop. */
const tooLateMs = 65_000

type CommandOf<Type extends DriverCommand['type']> = Extract<DriverCommand, { type: Type }>

export function createWorld(stage: Stage): World {
  const { agenda, journal, trace } = stage
  const random = stage.random.fork('world')
  const sessions = new Map<string, Session>()
  const processes = new Map<string, Process>()
  /** By agent: whether its driver lies is one of its traits, and how often it died since it last completed a turn. */
  const liars = new Map<string, boolean>()
  const deaths = new Map<string, number>()
  let count = 0

  const utter = (process: Process, fact: DriverFact): void => {
    trace.note('fact', fact)
    process.server.hear(fact)
  }
  const say = (process: Process, bare: BareFact): void => {
    const fact = { ...bare, agentId: process.agentId, source: 'self', at: agenda.now() } as DriverFact // the three fields Bare leaves out
    if (!process.lies || stage.weather().liar === 0) return utter(process, fact)
    for (const { fact: said, afterMs } of twist(fact, random)) {
      if (afterMs === 0) utter(process, said)
      else agenda.after(afterMs, () => utter(process, { ...said, at: agenda.now() }))
    }
  }
  /** Later, if the process is still there. */
  const later = (process: Process, act: () => void): void => agenda.after(random.delay(), () => process.phase !== 'gone' && act())

  /** Some take longer than anybody waits for. */
  const slowly = (process: Process, percent: number, act: () => void): void =>
    random.chance(percent) ? agenda.after(tooLateMs + random.delay(), () => process.phase !== 'gone' && act()) : later(process, act)

  const mind = createMind(stage, {
    random: stage.random.fork('minds'), say, later,
    end: (process, status, words) => endTurn(process, status, words),
    die: process => die(process),
    begin: process => beginWaiting(process),
  })

  function start(server: Server, { agentId, launch }: CommandOf<'startAgent'>): void {
    if (!liars.has(agentId)) liars.set(agentId, random.chance(stage.weather().liar))
    const known = launch.resume ? sessions.get(launch.sessionId) : undefined
    const session = known ?? { id: `session${++count}`, transcript: [], sentFor: new Map(), given: [], doubted: new Set(), done: new Map() }
    const process: Process = {
      agentId: asAgentId(agentId), server, session, token: launch.madrox?.token ?? '', phase: 'starting', lies: liars.get(agentId) ?? false, listed: false, stopping: false,
      turn: undefined, typed: undefined, late: undefined, background: new Map(), ended: new Map(),
    }
    if (process.lies) journal.lied(process.agentId)
    processes.set(agentId, process)
    later(process, () => {
      const { failedStart, lostSession } = stage.weather()
      // A CLI that died before its first turn was done may have saved nothing.
      const lost = launch.resume === true && (!known || random.chance(lostSession))
      if (lost || random.chance(failedStart)) return failStart(process, lost)
      if (process.stopping) return
      sessions.set(session.id, session)
      process.phase = 'ready'
      if (random.chance(50)) say(process, { type: 'processStarted', pid: 1_000 + random.roll(30_000) })
      say(process, { type: 'ready', sessionId: session.id })
      if (random.chance(failedStart)) journal.gaveCause(process.agentId, 'its tools were never listed')
      else later(process, () => (random.chance(stage.weather().death) ? die(process) : listTools(process)))
    })
  }

  function failStart(process: Process, lost: boolean): void {
    // The first cause of an end wins: one that is being stopped is told as failed alone.
    const fresh = !process.session.transcript.some(turn => turn.status === 'completed')
    if (!lost || !fresh) journal.gaveCause(process.agentId, 'it did not start')
    process.phase = 'gone'
    say(process, { type: 'startFailed', code: lost ? 'session_unknown' : 'exited', detail: 'weather' })
  }

  function listTools(process: Process): void {
    const caller = mind.callerOf(process)
    if (caller?.kind !== 'agent') return
    process.server.system.toolsListed(caller.agentId)
    // CLIs list them again when they please.
    if (process.listed) return
    process.listed = true
    if (random.chance(10)) later(process, () => listTools(process))
    mind.idle(process)
  }

  /** What a turn was completed on is not given again, unless another turn on it was cut off and it is said so. */
  function judgeRepeat({ agentId, session, server, lies }: Process, text: string): void {
    const { message } = readPrompt(text)
    const toldTo = message === undefined ? undefined : session.done.get(message)
    const wasCut = session.transcript.some(turn => turn.subject === message && turn.status === 'cut')
    if (lies || !toldTo || (session.doubted.has(message ?? '') && text.includes('(delivered again')) || ((toldTo !== server || wasCut) && text.includes('(delivered again'))) return
    journal.breach('P2', `message ${message} is given to ${agentId} again, whose turn on it was over`)
  }

  /** Commands are taken in their order: a prompt is on its way from here on, and an interrupt behind it finds it there. */
  function submit(process: Process, { promptId, text }: CommandOf<'submitPrompt'>): void {
    const refuse = (reason: 'not_ready' | 'in_turn' | 'held_by_person'): void => {
      if (process.typed?.promptId === promptId) process.typed = undefined
      say(process, { type: 'promptRefused', promptId, reason })
    }
    judgeRepeat(process, text)
    if (process.phase !== 'ready') return later(process, () => refuse('not_ready'))
    if (process.turn || process.typed) return later(process, () => refuse('in_turn'))
    const typed = { promptId, text, isWritten: false }
    process.typed = typed
    later(process, () => {
      if (process.stopping || process.typed !== typed) return
      const { refused, unconfirmed } = stage.weather()
      if (process.turn) return refuse('in_turn')
      if (random.chance(refused)) return refuse('held_by_person')
      if (random.chance(stage.weather().death)) return die(process)
      typed.isWritten = true
      if (random.chance(80)) say(process, { type: 'promptWritten', promptId })
      if (random.chance(unconfirmed)) return later(process, () => process.typed === typed && giveUp(process))
      later(process, () => beginWaiting(process))
    })
  }

  function giveUp(process: Process): void {
    const { typed } = process
    if (!typed) return
    process.typed = undefined
    // One that was written may be seen after all.
    if (typed.isWritten && random.chance(30)) process.late = typed
    say(process, { type: 'promptUnconfirmed', promptId: typed.promptId, detail: 'weather' })
    mind.idle(process)
  }

  /** The next turn begins, if there is one to begin: what was typed, what was thought lost, or what background work has to say. */
  function beginWaiting(process: Process): void {
    if (process.phase !== 'ready' || process.turn || process.stopping) return
    const { typed, late } = process
    if (typed?.isWritten) {
      process.typed = undefined
      return beginTurn(process, { text: typed.text, promptId: typed.promptId }, turnId => say(process, { type: 'promptSeen', promptId: typed.promptId, turnId }))
    }
    if (late) {
      process.late = undefined
      return beginTurn(process, { text: late.text }, turnId => say(process, { type: 'turnStarted', turnId, origin: 'self', causedByPromptId: late.promptId }))
    }
    const [task] = process.ended
    if (task) process.ended.delete(task[0])
    const own = task ? { origin: 'self' as const, backgroundTaskId: task[0] } : { origin: 'person' as const }
    if (task || random.chance(20)) beginTurn(process, { text: 'a turn of its own', subject: task?.[1] }, turnId => say(process, { type: 'turnStarted', turnId, ...own }))
  }

  function beginTurn(process: Process, { text, promptId, subject }: { text: string; promptId?: string; subject?: string | undefined }, announce: (turnId: string) => void): void {
    const { session } = process
    const read = readPrompt(text)
    const works = subject ?? read.message ?? subjectOfReplies(session, read.replies.map(reply => reply.messageId))
    const recorded: RecordedTurn = { text, subject: promptId?.split('.')[0] || works, status: 'cut' }
    session.transcript.push(recorded)
    if (read.message) session.given.push(read.message)
    const turn: Turn = { id: `turn${++count}`, subject: works, given: promptId ? read.message : undefined, recorded, over: new AbortController(), ...(promptId ? { promptId } : {}) }
    process.turn = turn
    if (works && session.done.delete(works)) turn.wasDone = true
    for (const { messageId, told } of read.replies) if (told) mind.told(process, messageId, told)
    announce(turn.id)
    mind.work(process, turn)
  }

  /** The one message for which all of them were sent; none, where they belong to several. */
  function subjectOfReplies({ sentFor }: Session, ids: readonly string[]): string | undefined {
    const subjects = new Set(ids.map(id => sentFor.get(id)))
    return subjects.size === 1 ? [...subjects][0] : undefined
  }

  function endTurn(process: Process, status: 'completed' | 'failed' | 'interrupted', words?: string): void {
    const { turn } = process
    if (!turn) return
    process.turn = undefined
    turn.over.abort()
    if (status !== 'interrupted') Object.assign(turn.recorded, { status, ...(words === undefined ? {} : { words }) })
    if (status === 'completed') deaths.delete(process.agentId)
    if (status !== 'interrupted' && turn.subject && (turn.given || turn.wasDone)) process.session.done.set(turn.subject, process.server)
    if (turn.approval) say(process, { type: 'approvalResolved', approvalId: turn.approval, decision: 'gone' })
    const background: BackgroundTask[] = [...process.background.keys()].map(id => ({ id }))
    const said = words === undefined ? {} : status === 'failed' ? { error: words } : { finalText: words }
    say(process, { type: 'turnEnded', turnId: turn.id, status, background, ...(turn.promptId ? { promptId: turn.promptId } : {}), ...said })
    mind.idle(process)
    if (process.typed?.isWritten) later(process, () => beginWaiting(process))
  }

  function interrupt(process: Process, { requestId }: CommandOf<'interrupt'>): void {
    // Taken too late it ends the agent, as what cannot be stopped at its limit.
    if (requestId.startsWith('limit.')) stage.journal.gaveCause(process.agentId, 'interrupted at its limit')
    slowly(process, stage.weather().slow, () => {
      if (process.stopping) return
      const wasInTurn = process.turn !== undefined
      if (wasInTurn) endTurn(process, 'interrupted')
      else if (process.typed) giveUp(process)
      say(process, { type: 'interruptFinished', requestId, wasInTurn })
    })
  }

  function stop(process: Process, { mode }: CommandOf<'stopAgent'>): void {
    if (process.stopping && mode === 'graceful') return
    process.stopping = true
    slowly(process, stage.weather().slow, () => {
      if (process.turn && mode === 'graceful') endTurn(process, random.chance(70) ? 'interrupted' : 'completed')
      leave(process)
      say(process, { type: 'exited', expected: true, code: 0 })
    })
  }

  function leave(process: Process): void {
    const { turn } = process
    turn?.over.abort()
    if (turn && process.server.isAlive()) mind.lastCall(process, turn)
    Object.assign(process, { phase: 'gone', turn: undefined, typed: undefined, late: undefined })
  }

  /** The process dies by itself. */
  function die(process: Process): void {
    if (process.phase === 'gone' || process.stopping) return
    const died = (deaths.get(process.agentId) ?? 0) + 1
    deaths.set(process.agentId, died)
    // It is resumed once, if it was whole and its session can be returned to.
    if (died > 1 || !process.listed) journal.gaveCause(process.agentId, 'its process died')
    leave(process)
    say(process, { type: 'exited', expected: false, signal: 'SIGKILL' })
  }

  const acts: { readonly [Type in DriverCommand['type']]: (process: Process, command: CommandOf<Type>) => void } = {
    startAgent: () => {},
    submitPrompt: submit,
    interrupt,
    stopAgent: stop,
    answerApproval: (process, { approvalId, decision }) => later(process, () => mind.approve(process, approvalId, decision)),
    readScreen: (process, { requestId }) => later(process, () => say(process, { type: 'screenRead', requestId, rendering: 'transcript', text: 'a screen' })),
    recallTurn: (process, { requestId, markers }) => {
      let told = false
      agenda.after(recallMs - 1, () => told || process.session.doubted.add(readPrompt(markers[0] ?? '').message ?? ''))
      later(process, () => {
        told = true
        say(process, { type: 'turnRecalled', requestId, ...recall(process.session, markers) })
      })
    },
    useTerminal: () => {}, // nobody looks
    returnToolResult: () => {},
  }

  return {
    dispatch: (server, command) => {
      trace.note('command', { ...command, ...('launch' in command ? { launch: { name: command.launch.name, resume: command.launch.resume ?? false } } : {}) })
      if (command.type === 'startAgent') return start(server, command)
      const process = processes.get(command.agentId)
      // Commands to a process that is gone are ignored; so the port has it.
      if (process && process.phase !== 'gone' && process.server === server) (acts[command.type] as (process: Process, command: DriverCommand) => void)(process, command) // each act under its own command's type
    },
    serverDied: () => {
      for (const process of processes.values()) leave(process)
    },
    canReturn: agentId => {
      const process = processes.get(agentId)
      return process !== undefined && process.listed && sessions.has(process.session.id)
    },
  }
}
