/** `madrox attach` as a person meets it: the real command in a real terminal, on agents in real terminals. */

import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connectMcp, type McpConnection } from '../../src/transports/mcp/client.ts'
import { startServe, runToEnd, temporaryHome, type RunningServer } from './server.ts'
import { createPerson, type Person } from './person.ts'

let home: Awaited<ReturnType<typeof temporaryHome>>
let server: RunningServer
let client: McpConnection
const people: Person[] = []

beforeEach(async () => {
  home = await temporaryHome()
  server = await startServe(home.path)
  client = await connectMcp({ url: `${server.url}/mcp`, name: 'test' })
})
afterEach(async () => {
  await Promise.all(people.splice(0).map(person => person.end()))
  await client.close()
  await server.end('SIGTERM')
  await home.remove()
})

const call = async (tool: string, args: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>> => {
  const { ok, text, data } = await client.callTool(tool, args)
  expect(ok, text).toBe(true)
  return data ?? {}
}
const spawn = (name: string, harness = 'scripted-pty') => call('spawn_agent', { name, harness, workspace: 'isolated' })
const status = (name: string) => call('get_instance_status', { instance_id: name })
const ask = (name: string, message: string) => call('send_to_instance', { instance_id: name, message })

/** A person who runs `madrox attach` in a terminal of that size. */
async function attach(name: string, more: readonly string[] = [], size = { columns: 100, rows: 30 }): Promise<Person> {
  const person = createPerson(['attach', name, '--home', home.path, ...more], size)
  people.push(person)
  await person.sees(`${name} is ready.`)
  return person
}

async function sizeOf(name: string): Promise<string> {
  const { pid } = await status(name)
  return execFileSync('stty', ['-F', readlinkSync(`/proc/${String(pid)}/fd/0`), 'size'], { encoding: 'utf8' }).trim()
}

test('a person sees the screen, then what happens; detached, the terminal is as before and the agent runs on', async () => {
  await spawn('ada')
  await ask('ada', 'say before')
  const eve = await attach('ada')
  await eve.sees('before')
  expect(eve.title()).toContain('watching')
  await ask('ada', 'say while you look')
  await eve.sees('while you look')
  eve.types('not for ada')
  eve.presses('\x1c', 'd')
  expect(await eve.leaves()).toEqual({ code: 0, line: 'Detached from ada; it runs on.' })
  expect(eve.terminalIsAsBefore()).toEqual([])
  expect((await ask('ada', 'say still there'))['response']).toBe('still there')
})

test('in control a person types a prompt, which is nobody’s message; what was sent meanwhile is delivered on release', async () => {
  await spawn('ada')
  const eve = await attach('ada')
  await eve.takesControl()
  expect(await status('ada')).toMatchObject({ held_by_person: { why: 'control' }, health: 'held by a person' })
  const sent = await call('send_to_instance', { instance_id: 'ada', message: 'say for the sender', wait_for_response: false })
  eve.types('say typed by hand')
  eve.presses('\r')
  await eve.sees('typed by hand\n')
  expect(await status('ada')).toMatchObject({ state: 'idle', mailbox: 1 })
  eve.presses('\x1c', 'r')
  expect(await call('wait_for_any', { message_ids: [sent['message_id']] })).toMatchObject({ status: 'answered', response: 'for the sender' })
  expect(await status('ada')).not.toHaveProperty('held_by_person')
})

test('an agent without a terminal of its own is shown its conversation, and takes a person’s words and interrupts there', async () => {
  await spawn('bob', 'scripted')
  await ask('bob', 'say before')
  const eve = createPerson(['attach', 'bob', '--home', home.path], { columns: 60, rows: 20 })
  people.push(eve)
  await eve.sees('before\n── at rest ─')
  await eve.takesControl()
  const sent = await call('send_to_instance', { instance_id: 'bob', message: 'say for the sender', wait_for_response: false })
  eve.types('say typod')
  eve.presses('\x7f', '\x7f', 'e', 'd', '\r')
  await eve.sees('> say typed\ntyped\n── at rest ─')
  eve.types('say begun; hang')
  eve.presses('\r')
  await eve.sees('begun\n── in a turn · Esc interrupts it ─')
  eve.types('say later')
  eve.presses('\r') // not while it works: the words stay
  eve.presses('\x1b')
  await eve.sees('(interrupted)\n── at rest ')
  eve.presses('\r')
  await eve.sees('> say later\nlater\n── at rest ')
  eve.types('approval Deploy it')
  eve.presses('\r')
  await eve.sees('? Deploy it\n── waiting for an approval · y or n, and Enter, answers ')
  eve.presses('n', '\r')
  await eve.sees('\n── at rest ')
  expect(await call('list_approvals', {})).toMatchObject({ approvals: [], open: 0 })
  eve.presses('\x1c', 'r')
  expect(await call('wait_for_any', { message_ids: [sent['message_id']] })).toMatchObject({ status: 'answered', response: 'for the sender' })
  eve.presses('\x1c', 'd')
  expect(await eve.leaves()).toEqual({ code: 0, line: 'Detached from bob; it runs on.' })
})

/** A person in control of an agent without a terminal of its own. */
async function atConsole(name: string): Promise<Person> {
  await spawn(name, 'scripted')
  const person = createPerson(['attach', name, '--home', home.path], { columns: 60, rows: 20 })
  people.push(person)
  await person.takesControl()
  return person
}

test('a server killed in a person’s turn, with text half typed, has an agent that takes messages when it comes back', async () => {
  const eve = await atConsole('bob')
  eve.types('say begun; hang')
  eve.presses('\r')
  await eve.sees('── in a turn')
  eve.types('half a sent')
  await eve.sees('› half a sent')
  expect(await status('bob')).toMatchObject({ state: 'busy', held_by_person: { why: 'control' } })
  server.child.kill('SIGKILL')
  expect((await eve.leaves()).code).toBe(1)
  server = await startServe(home.path)
  client = await connectMcp({ url: `${server.url}/mcp`, name: 'test' })
  expect(await status('bob')).not.toHaveProperty('held_by_person')
  expect((await ask('bob', 'say back again'))['response']).toBe('back again')
})

test('an approval that a person’s words ask for is seen there; the agent’s end with it ends the view', async () => {
  const eve = await atConsole('bob')
  eve.types('approval Bash ls')
  eve.presses('\r')
  await eve.sees('? Bash ls')
  await eve.sees('── waiting for an approval')
  eve.types('say too early')
  eve.presses('\r')
  await eve.sees('› say too early')
  expect((await status('bob'))['state']).toBe('busy')
  await call('terminate_instance', { instance_id: 'bob' })
  expect(await eve.leaves()).toEqual({ code: 0, line: 'bob is not shown any more. Its script has ended.' })
})

test('a paste of a megabyte is in the box as far as it goes, while the server and its other agents go on', async () => {
  await spawn('cyd', 'scripted')
  const eve = await atConsole('bob')
  eve.types(`\x1b[200~say ${'a line of text, 漢字 and all\n'.repeat(40_000)}\x1b[201~`)
  expect((await ask('cyd', 'say unharmed'))['response']).toBe('unharmed')
  await eve.sees('the box is full')
  eve.presses('\x15')
  eve.types('say small')
  eve.presses('\r')
  await eve.sees('> say small\nsmall\n── at rest ─')
})

test('half-typed text is intact after a detach; messages wait, its supervisor is told, and they go when it is submitted', async () => {
  await spawn('ada')
  const eve = await attach('ada')
  await eve.takesControl()
  eve.types('say half a ')
  eve.presses('\x1c', 'd')
  expect((await eve.leaves()).line).toContain('text you did not submit')
  expect(await status('ada')).toMatchObject({ held_by_person: { why: 'unsent_text' } })
  const sent = await call('send_to_instance', { instance_id: 'ada', message: 'say for the sender', wait_for_response: false })
  const { replies } = await call('get_pending_replies', { wait_timeout: 30 })
  expect(JSON.stringify(replies)).toContain('left unsent text in the input box of ada')
  const fay = await attach('ada')
  await fay.titled('unsent text')
  await fay.takesControl()
  fay.types('sentence')
  fay.presses('\r')
  await fay.sees('\nhalf a sentence')
  fay.presses('\x1c', 'r')
  expect(await call('wait_for_any', { message_ids: [sent['message_id']] })).toMatchObject({ response: 'for the sender' })
})

test('a person says by a key that the box may be cleared', async () => {
  await spawn('ada')
  const eve = await attach('ada')
  await eve.takesControl()
  eve.types('never mind')
  eve.presses('\x1c', 'x')
  await eve.titled('watching')
  expect((await ask('ada', 'say clean'))['response']).toBe('clean')
})

test('the terminal has the size of who has control, follows it, and is given back', async () => {
  await spawn('ada')
  const own = await sizeOf('ada')
  const eve = await attach('ada', [], { columns: 91, rows: 27 })
  expect(await sizeOf('ada')).toBe(own)
  await eve.takesControl()
  expect(await sizeOf('ada')).toBe('27 91')
  eve.resizes({ columns: 77, rows: 33 })
  await expect.poll(() => sizeOf('ada'), { timeout: 10_000 }).toBe('33 77')
  eve.presses('\x1c', 'r')
  await eve.titled('watching')
  expect(await sizeOf('ada')).toBe(own)
})

test('a viewer smaller than the terminal sees its end, cut to its width', async () => {
  await spawn('ada')
  await ask('ada', `say ${'x'.repeat(100)}END`)
  const lines = Array.from({ length: 12 }, (_, line) => `say line ${line}`).join('; ')
  await ask('ada', lines)
  const eve = createPerson(['attach', 'ada', '--home', home.path], { columns: 40, rows: 6 })
  people.push(eve)
  await eve.sees('line 11')
  expect(eve.screen()).not.toContain('line 3\n')
  expect(eve.screen().split('\n').every(row => row.length <= 40)).toBe(true)
})

test('two people look; one has control at a time, and one killed outright loses it', async () => {
  await spawn('ada')
  const [eve, fay] = await Promise.all([attach('ada'), attach('ada')])
  await eve.takesControl()
  await fay.titled('another person has control')
  fay.presses('\x1c', 'c')
  fay.types('say from fay')
  fay.presses('\r')
  eve.types('say from eve')
  eve.presses('\r')
  await Promise.all([eve, fay].map(person => person.sees('\nfrom eve')))
  expect(fay.screen()).not.toContain('from fay')
  eve.kill('SIGKILL')
  await fay.titled('ada: watching · ')
  expect((await ask('ada', 'say free again'))['response']).toBe('free again')
})

test('bytes of keys and mouse pass through, the prefix itself when it is pressed twice', async () => {
  await spawn('ada')
  const eve = await attach('ada', ['--detach-key', 'ctrl-b'])
  await eve.takesControl('\x02')
  eve.types('say \x1b[<0;3;4Mé漢\x1c')
  eve.presses('\x02', '\x02', '\r')
  await eve.sees('> say ·[<0;3;4Mé漢··')
  eve.presses('\x02', 'D')
  expect((await eve.leaves()).code).toBe(0)
})

test('the end of the agent ends the view, in one line', async () => {
  await spawn('ada')
  const eve = await attach('ada')
  await eve.takesControl()
  await call('terminate_instance', { instance_id: 'ada' })
  expect(await eve.leaves()).toEqual({ code: 0, line: 'ada is not shown any more. Its program has ended.' })
  expect(eve.terminalIsAsBefore()).toEqual([])
})

test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('ended by %s it gives control and its terminal back', async signal => {
  await spawn('ada')
  const eve = await attach('ada')
  await eve.takesControl()
  eve.kill(signal)
  expect((await eve.leaves()).line).toBe('Detached from ada; it runs on.')
  expect(eve.terminalIsAsBefore()).toEqual([])
  expect(await status('ada')).not.toHaveProperty('held_by_person')
})

test('with --read-only control cannot be taken', async () => {
  await spawn('ada')
  const eve = await attach('ada', ['--read-only'])
  eve.presses('\x1c', 'c')
  eve.types('say no')
  eve.presses('\r', '\x1c', 'd')
  await eve.leaves()
  expect(eve.titles().some(title => title.includes('you have control'))).toBe(false)
})

test('a server that goes away ends the view, and the terminal is as before', async () => {
  await spawn('ada')
  const eve = await attach('ada')
  server.child.kill('SIGKILL')
  expect(await eve.leaves()).toMatchObject({ code: 1, line: expect.stringContaining('The connection to the server was lost.') })
  expect(eve.terminalIsAsBefore()).toEqual([])
  server = await startServe(home.path)
  client = await connectMcp({ url: `${server.url}/mcp`, name: 'test' })
})

describe('what cannot be attached to is refused in words, on the ordinary screen:', () => {
  const refusal = async (args: readonly string[]): Promise<string> => {
    const eve = createPerson(['attach', ...args], { columns: 200, rows: 30 })
    people.push(eve)
    const { code, line } = await eve.leaves()
    expect(code).not.toBe(0)
    expect(eve.wroteToAlternateScreen()).toBe(false)
    return line
  }

  test('an agent that is none', async () => expect(await refusal(['nobody', '--home', home.path])).toContain('There is no agent "nobody"'))

  test('a home without a server, an address that is none, one where nobody listens', async () => {
    expect(await refusal(['ada', '--home', `${home.path}/none`])).toContain('No Madrox server runs')
    expect(await refusal(['ada', '--url', 'nonsense'])).toContain('is not the address of a server')
    expect(await refusal(['ada', '--url', 'http://127.0.0.1:1'])).toContain('No Madrox server answers')
  })

  test('a detach key that is none', async () => expect(await refusal(['ada', '--home', home.path, '--detach-key', 'q'])).toContain('cannot be the detach key'))

  test('no agent, or two', async () => {
    expect(await refusal(['--home', home.path])).toContain('AGENT is missing')
    expect(await refusal(['ada', 'bob', '--home', home.path])).toContain('Unexpected word "bob"')
  })

  test('a place that is no terminal', async () => {
    const { code, stderr } = await runToEnd(['attach', 'ada', '--home', home.path])
    expect([code, stderr]).toEqual([1, expect.stringContaining('needs a terminal')])
  })
})
