/**
 * Random lives: a driver that keeps its contract and nothing else, callers who do what they like, in an order nobody chose. At
 * the end all comes to rest, and then every message must have had exactly one outcome and every reply must have been handed in.
 */

import { expect, test } from 'vitest'
import type { BackgroundTask } from '../../src/drivers/driver.ts'
import { asMessageId } from '../../src/ids.ts'
import { boss, createRig, peer, type Rig } from './rig.ts'

/** mulberry32: small, seeded, good enough to shuffle with. */
function createDice(seed: number): (sides: number) => number {
  let state = seed
  return sides => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides
  }
}

interface Cli {
  alive: boolean
  starting: boolean
  turn: { id: string; promptId?: string; causedBy?: string; approval?: string } | undefined
  prompt: string | undefined
  interrupt: string | undefined
  background: BackgroundTask[]
  stopping: boolean
  /** Given up as unseen, and perhaps seen after all. */
  late: string | undefined
}

/** Plays the driver's side by the port's contract. */
function createLife(seed: number) {
  const roll = createDice(seed)
  const rig = createRig({ restart: roll(2) ? 'permanent' : 'temporary' })
  const cli: Cli = { alive: false, starting: false, turn: undefined, prompt: undefined, interrupt: undefined, background: [], stopping: false, late: undefined }
  const settled = new Map<string, number>()
  const [accepted, arrived] = [[] as string[], [] as string[]]
  const seen = new Set<string>()
  // Messages a turn was completed on, replies to their tasks apart, and those that were given once more after that or after their outcome.
  const [given, done, again] = [new Map<string, string>(), new Set<string>(), [] as string[]]
  const history: string[] = []
  let [count, gone] = [0, false]

  const take = (): void => {
    for (const command of rig.commands()) {
      if (command.type === 'startAgent') Object.assign(cli, { starting: true, alive: false, turn: undefined, prompt: undefined, interrupt: undefined, background: [], stopping: false, late: undefined })
      if (command.type === 'submitPrompt') {
        const id = /^\[MSG:(\w+)\]/.exec(command.text)?.[1] ?? ''
        if (id && (settled.has(id) || done.has(id))) again.push(id)
        if (id) given.set(command.promptId, id)
        cli.prompt = command.promptId
      }
      if (command.type === 'interrupt') cli.interrupt = command.requestId
      if (command.type === 'stopAgent') cli.stopping = true
    }
    for (const _ of rig.fallen.splice(0)) rig.tell({ type: 'restartGranted', dueAt: rig.at + 1, at: rig.at })
    for (const record of rig.records()) {
      if (record.type === 'messageSettled') settled.set(record.messageId, (settled.get(record.messageId) ?? 0) + 1)
      if (record.type === 'repliesSeen') for (const id of record.ids) seen.add(id)
      if (record.type === 'agentEnded') gone = true
    }
  }
  const fact = (...[told]: Parameters<Rig['fact']>): void => {
    history.push(JSON.stringify(told))
    rig.fact(told)
    take()
  }
  const endTurn = (status: 'completed' | 'failed' | 'interrupted'): void => {
    const { turn } = cli
    if (!turn) return
    if (turn.approval) fact({ type: 'approvalResolved', approvalId: turn.approval, decision: 'gone' })
    cli.turn = undefined
    if (status === 'completed') done.add(given.get(turn.promptId ?? turn.causedBy ?? '') ?? '')
    fact({ type: 'turnEnded', turnId: turn.id, status, background: [...cli.background], ...(turn.promptId ? { promptId: turn.promptId } : {}), ...(roll(4) ? { finalText: 'words' } : {}) })
  }
  const begin = (): void => {
    const promptId = cli.prompt
    if (!cli.alive || cli.turn) return
    const id = `turn${++count}`
    if (promptId !== undefined && roll(3)) {
      cli.prompt = undefined
      cli.turn = { id, promptId }
      fact({ type: 'promptSeen', promptId, turnId: id })
      return
    }
    if (cli.late !== undefined) {
      const causedByPromptId = cli.late
      cli.late = undefined
      cli.turn = { id, causedBy: causedByPromptId }
      fact({ type: 'turnStarted', turnId: id, origin: 'self', causedByPromptId })
      return
    }
    const [task] = cli.background
    cli.turn = { id }
    if (task) cli.background = cli.background.slice(1)
    fact({ type: 'turnStarted', turnId: id, origin: task ? 'self' : 'person', ...(task ? { backgroundTaskId: task.id } : {}) })
  }
  const driverSteps: (() => void)[] = [
    () => {
      if (!cli.starting) return
      Object.assign(cli, { starting: false, alive: true })
      fact({ type: 'ready', sessionId: 's1' })
    },
    begin,
    begin,
    () => endTurn(roll(5) ? 'completed' : 'failed'),
    () => endTurn('completed'),
    () => {
      const promptId = cli.prompt
      if (promptId === undefined || !cli.alive) return
      cli.prompt = undefined
      const seen = !cli.turn && roll(2) === 0
      if (seen && roll(2)) cli.late = promptId
      fact(!seen ? { type: 'promptRefused', promptId, reason: cli.turn ? 'in_turn' : 'not_ready' } : { type: 'promptUnconfirmed', promptId, detail: 'no word' })
    },
    () => {
      if (cli.interrupt === undefined || !cli.alive) return
      const [requestId, promptId] = [cli.interrupt, cli.prompt]
      if (promptId !== undefined) fact({ type: 'promptUnconfirmed', promptId, detail: 'swept' })
      cli.prompt = undefined
      const wasInTurn = cli.turn !== undefined
      endTurn('interrupted')
      cli.interrupt = undefined
      fact({ type: 'interruptFinished', requestId, wasInTurn })
    },
    () => {
      if (!cli.stopping || !cli.alive) return
      Object.assign(cli, { stopping: false, alive: false, turn: undefined, prompt: undefined, background: [], late: undefined })
      fact({ type: 'exited', expected: true })
    },
    () => void (cli.turn && cli.background.length < 2 && cli.background.push({ id: `task${++count}` })),
    () => {
      if (!cli.turn || cli.turn.approval) return
      cli.turn.approval = `approval${++count}`
      fact({ type: 'approvalRequested', approvalId: cli.turn.approval, tool: 'Bash', detail: '' })
    },
    () => {
      if (!cli.turn?.approval) return
      const approvalId = cli.turn.approval
      delete cli.turn.approval
      fact({ type: 'approvalResolved', approvalId, decision: 'allow' })
    },
  ]
  const die = (): void => {
    if (!cli.alive || roll(6)) return
    Object.assign(cli, { alive: false, turn: undefined, prompt: undefined, interrupt: undefined, background: [] })
    fact({ type: 'exited', expected: false })
  }
  const callers: (() => void)[] = [
    () => {
      const id = `m${++count}`
      accepted.push(id)
      rig.accept(id, roll(2) ? { from: peer, fromAncestor: false } : {})
    },
    () => {
      const { turn } = rig.context
      const id = `r${++count}`
      // A task of the running turn's subject, and its reply later.
      const subject = turn?.turnId ? turn.subject : undefined
      if (subject) rig.tell({ type: 'taskSent', subject, messageId: asMessageId(`task-${id}`) })
      waiting.push({ id, ...(subject ? { subject } : {}) })
    },
    () => {
      const reply = waiting.shift()
      if (!reply) return
      arrived.push(reply.id)
      rig.reply(reply.id, reply.subject ? { subject: reply.subject } : {})
    },
    () => {
      const open = Object.values(rig.context.open).filter(message => !message.settled)
      if (cli.turn && open[0]) rig.tell({ type: 'replyGiven', messageId: open[0].message.id, text: 'answer', at: rig.at })
    },
    () => {
      if (rig.state.startsWith('busy') && roll(3) === 0) rig.tell({ type: 'interruptAsked', requestId: `i${++count}`, by: boss, then: (['hold', 'continue', 'clear'] as const)[roll(3)] ?? 'hold', at: rig.at })
    },
    () => rig.tell({ type: 'suspendAsked', why: 'asked', at: rig.at }),
    () => void (roll(3) || rig.tell({ type: 'resumeAsked', at: rig.at })),
    () => void (roll(8) || rig.context.restart === 'temporary' || rig.tell({ type: 'restartAsked', reason: 'its sibling went down', at: rig.at })),
    () => {
      // Collected in the turn.
      const [reply] = rig.context.inbox
      if (!cli.turn || !reply) return
      seen.add(reply.id)
      rig.tell({ type: 'repliesClaimed', ids: [reply.id], messageIds: reply.messageId ? [reply.messageId] : [], at: rig.at })
    },
    () => {
      if (roll(25) === 0) rig.tell({ type: 'limitReached', limit: 'max_total_tokens', detail: 'all of them', at: rig.at })
    },
  ]
  const waiting: { id: string; subject?: ReturnType<typeof asMessageId> }[] = []
  const time = (): void => {
    const names = [...rig.deadlines.keys()].map(key => key.slice('ada:'.length)).filter(name => name === 'retry' || name === 'restart' || name.startsWith('quiet'))
    const name = names[roll(Math.max(1, names.length))]
    if (name === undefined) return
    history.push(`due ${name}`)
    rig.due(name)
    take()
  }
  const step = (list: readonly (() => void)[]): void => {
    list[roll(list.length)]?.()
    take()
  }
  take()
  return { rig, cli, roll, take, step, driverSteps, callers, die, time, settled, accepted, arrived, seen, again, waiting, history, get gone() {
    return gone
  } }
}

test('150 random lives lose nothing, settle nothing twice and come to rest', { timeout: 60_000 }, () => {
  let survived = 0
  for (let seed = 1; seed <= 150; seed += 1) {
    const life = createLife(seed)
    const { rig, roll } = life
    for (let count = 0; count < 120 && !life.gone; count += 1) {
      const which = roll(10)
      if (which < 5) life.step(life.driverSteps)
      else if (which < 8) life.step(life.callers)
      else if (which < 9) life.time()
      else life.die()
    }
    if (rig.state.startsWith('terminated')) {
      // Its process comes up, if it was about to, and goes: nothing holds the end up.
      life.driverSteps[0]?.()
      life.driverSteps[7]?.()
      expect(life.gone, `seed ${seed}:\n${life.history.slice(-40).join('\n')}`).toBe(true)
    }
    if (life.gone) continue // what was open is the ledger's to end
    survived += 1
    // Everything still out comes in, whoever held lets go, and the CLI does its work.
    while (life.waiting.length > 0) life.callers[2]?.()
    rig.accept('last')
    life.accepted.push('last')
    life.take()
    for (let count = 0; count < 600; count += 1) {
      life.driverSteps[[0, 1, 4, 6, 10, 7, 1, 4][count % 8] ?? 0]?.()
      if (count % 5 === 0) life.time()
      if (rig.state === 'interrupted.live') {
        rig.accept(`release${count}`)
        life.accepted.push(`release${count}`)
        life.take()
      }
    }
    const told = `seed ${seed}:\n${life.history.slice(-40).join('\n')}`
    expect([rig.state, rig.context.mailbox.length, rig.context.inbox.length, Object.keys(rig.context.open)], told).toEqual([expect.stringMatching(/^idle\.live|^idle\.suspended|^busy\.working/), 0, 0, []])
    expect(life.accepted.filter(id => life.settled.get(id) !== 1).map(id => `${id} settled ${life.settled.get(id) ?? 0} times`), told).toEqual([])
    expect(life.again, told).toEqual([])
    expect(life.arrived.filter(id => !life.seen.has(id)), told).toEqual([])
  }
  expect(survived).toBeGreaterThan(50)
})
