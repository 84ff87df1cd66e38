/** People at agents' terminals, over a driver that does only what the test says: who may look and type, and what waits meanwhile. */
import { describe, expect, test } from 'vitest'
import type { TerminalEvent } from '../../src/actors/system.ts'
import { asOwnerId } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { createStage, type Stage } from './rig.ts'

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code // what is thrown here is a MadroxError, or the test fails

/** Asks to look; `painted` plays the driver. */
function attach(stage: Stage, caller: Caller, reference: string) {
  const heard: TerminalEvent[] = []
  const before = stage.commands.length
  const attachment = stage.system.attach(caller, reference, { columns: 80, rows: 24, hear: event => heard.push(event) })
  attachment.catch(() => {}) // judged by the test that awaits it
  const asked = stage.commands.slice(before).find(command => command.type === 'useTerminal')
  const viewerId = asked?.type === 'useTerminal' ? asked.viewerId : ''
  return { heard, attachment, viewerId, asked }
}
async function attached(stage: Stage, caller: Caller, id: Parameters<Stage['fact']>[0]) {
  const viewing = attach(stage, caller, id)
  stage.fact(id, { type: 'terminalOutput', viewerId: viewing.viewerId, data: 'picture' })
  return { ...viewing, attachment: await viewing.attachment }
}

describe('a person at an agent’s terminal', () => {
  test('is shown its pictures, told who has control, and what it types goes to the driver', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const { heard, attachment, viewerId, asked } = await attached(stage, stage.me, ada)
    expect(asked).toMatchObject({ agentId: ada, use: { action: 'attach', columns: 80, rows: 24 } })
    stage.commands.splice(0)
    attachment.takeControl()
    stage.fact(ada, { type: 'controlChanged', viewerId, holds: 'control' })
    attachment.type('x')
    attachment.resize(90, 30)
    attachment.repaint()
    attachment.releaseControl(true)
    expect(stage.commands.map(command => (command.type === 'useTerminal' ? command.use : command))).toEqual([
      { action: 'takeControl', answers: true }, { action: 'type', data: 'x' }, { action: 'resize', columns: 90, rows: 30 }, { action: 'attach', columns: 90, rows: 30 }, { action: 'releaseControl', clear: true },
    ])
    stage.fact(ada, { type: 'controlChanged', viewerId: 'somebody' , holds: 'control' })
    expect(heard).toEqual([{ type: 'output', data: 'picture' }, { type: 'control', by: 'nobody' }, { type: 'control', by: 'you', holds: 'control' }, { type: 'control', by: 'another', holds: 'control' }])
  })

  test('once detached hears and does nothing any more', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const { heard, attachment, viewerId } = await attached(stage, stage.me, ada)
    attachment.detach()
    stage.commands.splice(0)
    heard.splice(0)
    stage.fact(ada, { type: 'terminalOutput', viewerId, data: 'late' })
    attachment.type('late')
    attachment.detach()
    expect([heard, stage.commands]).toEqual([[], []])
  })

  test('hears that there is no terminal, or that nobody answers', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const none = attach(stage, stage.me, ada)
    stage.fact(ada, { type: 'terminalClosed', viewerId: none.viewerId, detail: 'It has no terminal: none.' })
    await expect(none.attachment).rejects.toThrow('The terminal of "ada" cannot be shown. It has no terminal: none.')
    const silent = attach(stage, stage.me, ada)
    stage.clock.advance(20_000)
    await expect(silent.attachment).rejects.toThrow('does not answer')
    expect(none.heard).toEqual([])
  })

  test('hears of the end of the process', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const { heard } = await attached(stage, stage.me, ada)
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(heard.at(-1)).toMatchObject({ type: 'closed' })
  })

  test('is told that a suspended agent has no process', async () => {
    const first = createStage()
    const ada = await first.spawn('ada')
    const stage = first.crash()
    await expect(attach(stage, stage.me, ada).attachment).rejects.toThrow('is suspended')
  })
})

describe('rights:', () => {
  test('an agent may look at itself and below, and take control below itself alone', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss))
    const peer = await stage.spawn('peer')
    const self = await attached(stage, stage.as(boss), boss)
    expect(() => self.attachment.takeControl()).toThrow('not type into its terminal')
    const below = await attached(stage, stage.as(boss), kid)
    stage.commands.splice(0)
    below.attachment.takeControl()
    expect(stage.commands).toMatchObject([{ agentId: kid, use: { action: 'takeControl', answers: false } }]) // no agent answers for a person
    expect(codeOf(await attach(stage, stage.as(boss), peer).attachment.catch((error: unknown) => error))).toBe('not_allowed')
    expect(codeOf(await attach(stage, stage.as(kid), boss).attachment.catch((error: unknown) => error))).toBe('not_allowed')
  })

  test('another owner sees no such agent', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const stranger = stage.client('stranger', { ownerId: asOwnerId('another') })
    expect(codeOf(await attach(stage, stranger, ada).attachment.catch((error: unknown) => error))).toBe('not_found')
  })

  test('an agent that ends looks no more', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const { heard, viewerId } = await attached(stage, stage.as(boss), boss)
    await stage.ask(stage.me, 'terminate_instance', { instance_id: boss })
    expect(heard.at(-1)?.type).toBe('closed')
    expect(stage.commands.filter(command => command.type === 'useTerminal' && command.viewerId === viewerId).length).toBeGreaterThan(0)
  })
})

describe('while a person holds an agent', () => {
  test('nothing is delivered, get_instance_status shows it, and what waited goes when the person has gone', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    stage.fact(ada, { type: 'controlChanged', viewerId: 'eve', holds: 'control' })
    stage.commands.splice(0)
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'later', wait_for_response: false })
    stage.clock.advance(60_000)
    expect([stage.commands, stage.state(ada)]).toEqual([[], 'idle.live'])
    expect(await stage.ask(stage.me, 'get_instance_status', { instance_id: ada })).toMatchObject({ health: 'held by a person', held_by_person: { why: 'control' } })
    stage.fact(ada, { type: 'controlChanged' })
    expect(stage.commands).toMatchObject([{ type: 'submitPrompt', text: expect.stringContaining('later') }])
  })

  test('a prompt that was refused because of it is not tried again and again, and goes at once afterwards', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'later', wait_for_response: false })
    const prompt = stage.commands.findLast(command => command.type === 'submitPrompt')
    stage.fact(ada, { type: 'controlChanged', viewerId: 'eve', holds: 'control' })
    stage.fact(ada, { type: 'promptRefused', promptId: prompt?.type === 'submitPrompt' ? prompt.promptId : '', reason: 'held_by_person' })
    stage.commands.splice(0)
    stage.clock.advance(600_000)
    expect(stage.commands).toEqual([])
    stage.fact(ada, { type: 'controlChanged' })
    expect(stage.commands).toMatchObject([{ type: 'submitPrompt' }])
  })

  test('a turn of the person settles nothing', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    stage.fact(ada, { type: 'controlChanged', viewerId: 'eve', holds: 'control' })
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'later', wait_for_response: false })
    stage.fact(ada, { type: 'turnStarted', turnId: 't', origin: 'person' })
    expect(stage.state(ada)).toBe('busy.working')
    stage.end(ada, { finalText: 'to the person' })
    expect(stage.store.listOpenMessages()).toHaveLength(1)
    stage.fact(ada, { type: 'controlChanged' })
    expect(stage.turn(ada, 'to the sender')).toContain('later')
    expect(stage.store.listOpenMessages()).toEqual([])
  })

  test('its supervisor is told of text that was left, once', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    for (const holds of ['control', 'unsent_text', 'unsent_text'] as const) stage.fact(ada, { type: 'controlChanged', holds })
    const { replies } = await stage.ask(stage.me, 'get_pending_replies')
    expect(replies).toMatchObject([{ response: expect.stringContaining('A person left unsent text in the input box of ada') }])
  })

  test('the death of its process ends that, and what waited is delivered to the next', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    stage.fact(ada, { type: 'controlChanged', holds: 'unsent_text' })
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'later', wait_for_response: false })
    stage.commands.splice(0)
    stage.fact(ada, { type: 'exited', expected: false, signal: '9' })
    await stage.settle()
    expect(stage.commands.map(command => command.type)).toEqual(['startAgent', 'submitPrompt'])
  })
})
