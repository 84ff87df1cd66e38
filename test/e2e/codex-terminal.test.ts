/** People at the threads of the real app-server, by real codex terminals that are there while somebody looks. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DriverFact, FactOf, TerminalUse } from '../../src/drivers/driver.ts'
import { killLiving } from '../contracts/processes.ts'
import { createPerson } from '../cli/person.ts'
import { atGate, callTool, say } from '../fakes/openai/index.ts'
import { createCodexStage, type CodexStage } from './codex.ts'
import { isAlive, readPid, terminalsOf } from './processes.ts'
import { openRig } from './rig.ts'

const script = [
  { when: /^(\[MSG:\w+\] )?say /, then: ({ lastUserText }: { readonly lastUserText: string }) => [say(lastUserText.replace(/^(\[MSG:\w+\] )?say /, ''))] },
  { when: 'wait', then: [atGate('go'), say('waited for')] },
  { when: 'hold', then: [callTool('exec_command', { cmd: 'echo $$ > pid; exec sleep 600', yield_time_ms: 30_000 }), say('slept')] },
  { when: 'escalate', then: [callTool('exec_command', { cmd: 'true', sandbox_permissions: 'require_escalated', justification: 'told to' }), say('done')] },
]

let stage: CodexStage

const use = (viewerId: string, use: TerminalUse): void => stage.driver.dispatch({ type: 'useTerminal', agentId: 'ada', viewerId, use })
const type = (...keys: readonly string[]): void => keys.forEach(data => use('eve', { action: 'type', data }))
/** The first such fact behind what was told so far, when `act` is done. */
async function after<Type extends DriverFact['type']>(act: () => void, type: Type, matching: (fact: FactOf<Type>) => boolean = () => true): Promise<FactOf<Type>> {
  const before = new Set<DriverFact>(stage.facts.factsOf('ada'))
  act()
  return stage.facts.waitFor('ada', type, fact => !before.has(fact) && matching(fact))
}
const attach = (viewerId = 'eve') => after(() => use(viewerId, { action: 'attach', columns: 110, rows: 35 }), 'terminalOutput', fact => fact.viewerId === viewerId)
const takeControl = () => after(() => use('eve', { action: 'takeControl', answers: true }), 'controlChanged', fact => fact.viewerId === 'eve')
const release = () => after(() => use('eve', { action: 'releaseControl', clear: false }), 'controlChanged')
const sees = (text: string) => stage.facts.waitFor('ada', 'terminalOutput', fact => fact.data.includes(text))
const terminals = (): number[] => terminalsOf('MADROX_AGENT=ada')
/** Resolves when none of them lives, and nothing is left of them on the disk. */
const ended = async (pids: readonly number[]): Promise<void> => {
  await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([])
  await expect.poll(() => readdirSync(join(stage.home.dir, 'terminals')), { timeout: 10_000 }).toEqual([])
}

describe('by the driver', () => {
  beforeEach(async () => {
    stage = await createCodexStage({ script })
  })
  afterEach(() => stage.close())

  test('who attaches sees the past of the thread and the turn that runs, and no word of another thread; the terminal is gone with the last viewer', async () => {
    await stage.start('ada')
    await stage.start('bob')
    await stage.run('ada', 'say before you came')
    await stage.run('bob', 'say secret of bob')
    const promptId = stage.submit('ada', 'wait')
    await stage.api.gate('go').reached
    expect(terminals()).toEqual([])
    expect((await attach()).data).toContain('before you came')
    await attach('fay')
    const pids = terminals()
    expect(pids).toHaveLength(1)
    await stage.run('bob', 'say another secret of bob')
    stage.api.gate('go').open()
    await stage.facts.waitFor('ada', 'turnEnded', fact => fact.promptId === promptId)
    await sees('waited for')
    expect(stage.facts.factsOf('ada', 'terminalOutput').filter(fact => fact.data.includes('bob'))).toEqual([])
    use('eve', { action: 'detach' })
    await stage.run('ada', 'say for fay alone')
    await sees('for fay alone')
    expect(pids.filter(isAlive)).toEqual(pids)
    use('fay', { action: 'detach' })
    await ended(pids)
    expect((await stage.run('ada', 'say still here')).finalText).toBe('still here')
  })

  test('what a person has half typed holds no message back, is untouched by it, and is there for whoever attaches next', async () => {
    await stage.start('ada')
    await attach()
    await takeControl()
    type('say half a ')
    await sees('say half a')
    expect((await release()).holds).toBeUndefined()
    expect((await stage.run('ada', 'say between')).finalText).toBe('between')
    const pids = terminals()
    use('eve', { action: 'detach' })
    expect((await attach()).data).toContain('say half a')
    expect(terminals()).toEqual(pids)
    await takeControl()
    type('sentence')
    await sees('half a sentence')
    const { turnId } = await after(() => type('\r'), 'turnStarted', fact => fact.origin === 'person')
    expect(await stage.facts.waitFor('ada', 'turnEnded', fact => fact.turnId === turnId)).toMatchObject({ finalText: 'half a sentence' })
    use('eve', { action: 'detach' })
    await ended(pids)
  })

  test('a turn that a person cuts ends with its command, and a prompt follows it', async () => {
    await stage.start('ada', { confinement: { bypass: true } }) // a sandbox has pids of its own
    await attach()
    const promptId = stage.submit('ada', 'hold')
    const pid = await readPid(stage.home.cwd, 'pid')
    await takeControl()
    type('\x1b')
    expect(await stage.facts.waitFor('ada', 'turnEnded')).toMatchObject({ promptId, status: 'interrupted' })
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
    await release()
    expect((await stage.run('ada', 'say next')).finalText).toBe('next')
  })

  test('what the agent asks for approval is answered there by who has control, and no rule for later is offered', async () => {
    await stage.start('ada', { confinement: { permissionMode: 'on-request' } })
    const promptId = stage.submit('ada', 'escalate')
    const { approvalId } = await stage.facts.waitFor('ada', 'approvalRequested')
    const { data } = await attach()
    expect(data).toContain('run the following')
    expect(data).not.toContain("don't ask again")
    type('y') // without control
    await attach('fay')
    await after(() => use('fay', { action: 'takeControl', answers: false }), 'controlChanged', fact => fact.viewerId === 'fay')
    expect((await after(() => use('fay', { action: 'type', data: 'y' }), 'terminalClosed', fact => fact.viewerId === 'eve')).detail).toContain('still open')
    expect((await attach()).data).toContain('run the following')
    await takeControl()
    expect(await after(() => type('y'), 'approvalResolved')).toMatchObject({ approvalId, decision: 'allow' })
    expect(await stage.facts.waitFor('ada', 'turnEnded')).toMatchObject({ promptId, finalText: 'done' })
    expect(stage.facts.factsOf('ada', 'approvalRequested')).toHaveLength(1)
  })

  test('neither a shell nor another setting is to be had from there, and who quits it leaves the agent running', async () => {
    await stage.start('ada')
    await attach()
    await takeControl()
    type('!', `touch ${join(stage.home.cwd, 'escaped')}`)
    await sees('escaped')
    const pids = terminals()
    type('\r')
    expect((await stage.facts.waitFor('ada', 'terminalClosed')).detail).toMatch(/shellCommand failed[^]*The agent runs on/)
    expect(existsSync(join(stage.home.cwd, 'escaped'))).toBe(false)
    await ended(pids)
    await attach()
    await takeControl()
    type('/new')
    await sees('/new')
    type('\r')
    await sees('Not from here')
    expect((await after(() => type('\x03', '\x03'), 'terminalClosed')).detail).toBe('Its terminal was closed. The agent runs on; attach again to see it.')
    expect((await stage.run('ada', 'say alone')).finalText).toBe('alone')
    expect((await attach('fay')).data).toContain('alone')
  })

  test('the end of the app-server is the end of its terminals', async () => {
    await stage.start('ada')
    await attach()
    const pids = terminals()
    expect(pids).toHaveLength(1)
    killLiving(stage.facts.factsOf('ada', 'processStarted').flatMap(fact => fact.pid ?? []))
    expect(await stage.facts.waitFor('ada', 'exited')).toMatchObject({ expected: false })
    expect(pids.filter(isAlive)).toEqual([])
    expect(stage.facts.factsOf('ada', 'terminalClosed')).toHaveLength(1)
  })
})

test('by `madrox attach`: the past, a live turn, and control, by which messages wait until it is released; the terminal ends with the last viewer, and with a killed server', async () => {
  const { call, home, openai, restart } = await openRig({ openai: { script } })
  for (const [name, message] of [['ada', 'say before you came'], ['bob', 'say secret of bob']]) {
    await call('spawn_codex', { name })
    await call('send_to_instance', { instance_id: name, message })
  }
  const open = (): number[] => terminalsOf(`MADROX_OWNED_BY=${home}`)
  const people = [createPerson(['attach', 'ada', '--home', home], { columns: 96, rows: 28 })]
  const [eve] = people as [ReturnType<typeof createPerson>] // made in the line above
  try {
    await eve.sees('before you came')
    const pids = open()
    expect(pids).toHaveLength(1)
    await call('send_to_instance', { instance_id: 'ada', message: 'say while you looked' })
    await eve.sees('• while you looked')
    await eve.takesControl()
    const sent = await call('send_to_instance', { instance_id: 'ada', message: 'say to the sender', wait_for_response: false })
    eve.types('say typed by hand')
    await eve.sees('say typed by hand')
    eve.presses('\r')
    await openai.waitForRequest(({ view }) => view.lastUserText === 'say typed by hand')
    await eve.sees('• typed by hand')
    expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ mailbox: 1, held_by_person: { why: 'control' } })
    eve.presses('\x1c', 'r')
    expect(await call('wait_for_any', { message_ids: [sent.message_id] })).toMatchObject({ status: 'answered', response: 'to the sender' })
    await eve.sees('• to the sender')
    expect(eve.screen()).not.toContain('bob')
    eve.presses('\x1c', 'd')
    expect(await eve.leaves()).toEqual({ code: 0, line: 'Detached from ada; it runs on.' })
    await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([])
    people.push(createPerson(['attach', 'ada', '--home', home], { columns: 96, rows: 28 }))
    await people[1]?.sees('typed by hand')
    const again = open()
    expect(again).toHaveLength(1)
    await restart('SIGKILL')
    expect(again.filter(isAlive)).toEqual([])
    expect(await call('send_to_instance', { instance_id: 'ada', message: 'say still here' })).toMatchObject({ response: 'still here' })
  } finally {
    for (const person of people) await person.end()
  }
})
