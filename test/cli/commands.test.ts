/** The commands for people, each as a process of its own, against a real server with scripted agents. */

import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import * as pty from 'node-pty'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectMcp } from '../../src/transports/mcp/client.ts'
import { createRepository } from '../actors/repositories.ts'
import { cli, runCli, runToEnd, temporaryHome } from './server.ts'
import { stageServer } from './stage.ts'

const { madrox, json, env, server } = stageServer('--max-instances', '50')
/** An agent of its own for a test. */
async function agent(name: string, ...more: string[]): Promise<string> {
  const { code, data } = await json('spawn', name, '--harness', 'scripted', '--workspace', 'isolated', ...more)
  expect(code).toBe(0)
  return String(data['instance_id'])
}

test('spawn starts an agent with a task and, with --wait, gives its answer; tree and status show it', async () => {
  const spawned = await madrox('spawn', 'ada', 'echo hello', '--harness', 'scripted', '--workspace', 'isolated', '--wait')
  expect(spawned).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^ada \(\w{8}\) .*\nworkspace .*hello\n$/s) })
  await madrox('send', 'ada', 'delegate kid {echo hi}')
  expect((await madrox('tree')).stdout).toMatch(/^ada \(\w{8}\) \[idle\] \(scripted\).*\n└── kid \(\w{8}\) \[idle\] \(scripted\)/m)
  expect((await json('tree')).data['hierarchy']).toContainEqual(expect.objectContaining({ name: 'ada', children: [expect.objectContaining({ name: 'kid' })] }))
  expect((await madrox('status')).stdout).toMatch(/^name +id +state +harness .*\nada /)
  expect((await madrox('status', 'ada')).stdout).toMatch(/^state +idle\n.*^workspace\.kind +isolated$/ms)
  expect((await json('status', 'ada')).data).toMatchObject({ name: 'ada', state: 'idle' })
})

describe('send', () => {
  test('gives the answer, also to what comes on stdin', async () => {
    await agent('bob')
    expect(await madrox('send', 'bob', 'echo hi')).toEqual({ code: 0, stdout: 'hi\n', stderr: '' })
    const child = runCli(['send', 'bob', '-', '--json'], env())
    let said = ''
    child.stdout?.on('data', part => (said += String(part)))
    child.stdin?.end('echo piped')
    expect(await once(child, 'close')).toEqual([0, null])
    expect(JSON.parse(said)).toMatchObject({ status: 'answered', response: 'piped' })
  })

  test('is refused whole where a number is none: nothing is sent', async () => {
    const id = await agent('zoe')
    expect(await madrox('send', id, 'echo hi', '--timeout-seconds', 'soon')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/send_to_instance do not fit: timeout_seconds.*nothing was changed/) })
    expect((await json('status', id)).data).toMatchObject({ request_count: 0 })
  })

  test('ends with 4 when the answer is not there in time, 1 when there is none, and says which message stays open', async () => {
    await agent('carl')
    expect(await madrox('send', 'carl', 'fail no such file')).toMatchObject({ code: 1, stdout: expect.stringMatching(/^failed .*no such file/) })
    expect(await madrox('send', 'carl', 'wait 600000', '--timeout-seconds', '0.2')).toMatchObject({ code: 4, stdout: expect.stringMatching(/message \w{16} stays open/) })
    expect(await madrox('interrupt', 'carl')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^carl interrupted, was busy/) })
    expect(await madrox('replies', '--wait')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^carl cancelled, message \w{16}, /) })
  })

  test('ended by Ctrl-C names the message, whose answer still comes', async () => {
    const id = await agent('dora')
    const child = runCli(['send', id, 'wait 600000'], env())
    let said = ''
    child.stderr?.on('data', part => (said += String(part)))
    await expect.poll(async () => (await json('status', id)).data['state'], { timeout: 20_000 }).toBe('busy')
    child.kill('SIGINT')
    expect(await once(child, 'close')).toEqual([130, null])
    const messageId = /message (\w{16}) stays open/.exec(said)?.[1]
    await madrox('interrupt', id)
    expect((await json('replies', '--wait')).data).toMatchObject({ replies: [{ message_id: messageId, status: 'cancelled' }] })
    expect((await json('replies')).data).toMatchObject({ count: 0 })
  })
})

describe('replies --wait', () => {
  test('ends when another session in this directory has something, and leaves it to that', async () => {
    const client = await connectMcp({ url: `${server().url}/mcp`, name: 'claude-code', roots: [process.cwd()] })
    onTestFinished(() => client.close())
    const spawned = await client.callTool('spawn_agent', { harness: 'scripted', name: 'eve', workspace: 'isolated' })
    const waiting = json('replies', '--wait')
    await client.callTool('send_to_instance', { instance_id: String(spawned.data?.['instance_id']), message: 'wait 500; echo for the session', wait_for_response: false })
    expect(await waiting).toMatchObject({ code: 0, data: { replies: [{ response: 'for the session' }], waiting_in: expect.stringContaining('another session') } })
    expect((await client.callTool('get_pending_replies')).data).toMatchObject({ count: 1, replies: [{ response: 'for the session' }] })
  })

  test('ends with 4 when nothing has come in time', async () => {
    expect(await madrox('replies', '--wait', '--timeout', '0.2')).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('Nothing has come within 0.2 s') })
  })
})

test('stop ends several and says of each what became of it; one that is none makes it 1', async () => {
  await agent('fay')
  await agent('gus')
  const ended = await madrox('stop', 'fay', 'gus', 'nobody', '--force')
  expect(ended).toMatchObject({ code: 1, stdout: expect.stringMatching(/^fay ended: .*\ngus ended: .*\nnobody: not_found: There is no agent "nobody"/) })
})

test('logs shows what an agent did, inspect where to watch it', async () => {
  const id = await agent('hal')
  await madrox('send', 'hal', 'echo noted')
  expect((await madrox('logs', 'hal', '--tail', '5')).stdout).toContain('] noted')
  expect((await madrox('logs', 'hal', '--type', 'communication')).stdout).toMatch(/ message madrox-cli → hal echo noted\n.* hal → madrox-cli noted$/m)
  expect((await json('logs', 'hal', '--type', 'instance')).data).toMatchObject({ log_type: 'instance', name: 'hal', entries: expect.arrayContaining([expect.objectContaining({ event: 'agent_spawned' })]) })
  expect((await madrox('logs', '--tail', '3')).stdout.trim().split('\n')).toHaveLength(3)
  expect(await madrox('inspect', 'hal')).toEqual({ code: 0, stdout: `${server().url}/?agent=${id}\n`, stderr: '' })
})

test('diff shows what an agent changed, and clean removes what holds no work, when it is told to', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'madrox-cli-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const repository = createRepository(join(dir, 'repository'))
  const spawned = await json('spawn', 'jil', '--harness', 'scripted', '--workspace', repository)
  expect(spawned.code).toBe(0)
  const kim = await json('spawn', 'kim', '--harness', 'scripted', '--workspace', 'worktree', '--parent-instance-id', 'jil')
  const workspace = String(kim.data['workspace'])
  writeFileSync(join(workspace, 'new.txt'), 'hello\n')
  expect(await madrox('diff', 'kim')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^diff --git a\/new\.txt .*\+hello\non madrox\/kim-\w+: 0 files changed \(\+0 -0\), 1 untracked, 0 commits ahead\n$/s) })
  expect((await madrox('diff', 'kim', '--stat')).stdout).toMatch(/^new\.txt {2}\+1 -0\n/)
  expect(await madrox('diff', 'nobody')).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no agent "nobody"') })
  await madrox('stop', 'jil')
  expect((await madrox('clean', '--yes')).stdout).toMatch(/^kim kept: untracked files: new\.txt \//m)
  rmSync(join(workspace, 'new.txt'))
  expect(await madrox('clean')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^kim removable \//m), stderr: expect.stringContaining('madrox clean --yes') })
  expect(existsSync(workspace)).toBe(true)
  expect((await json('clean', '--yes')).data['workspaces']).toContainEqual(expect.objectContaining({ name: 'kim', verdict: 'removed' }))
  expect(existsSync(workspace)).toBe(false)
  expect(await madrox('clean', '--yes', '--dry-run')).toMatchObject({ code: 2 })
})

test('clean asks at a terminal, and takes anything but yes for no', async () => {
  await agent('lea')
  await madrox('stop', 'lea')
  const answer = async (word: string): Promise<string> => {
    const terminal = pty.spawn(process.execPath, [cli, 'clean'], { env: { ...process.env, ...env() }, cols: 200 })
    let shown = ''
    terminal.onData(data => {
      if (!shown.includes('[y/N]') && (shown + data).includes('[y/N]')) terminal.write(`${word}\r`)
      shown += data
    })
    await new Promise(resolve => terminal.onExit(resolve))
    return shown
  }
  expect(stripVTControlCharacters(await answer(''))).not.toContain('lea removed')
  expect(stripVTControlCharacters(await answer('y'))).toContain('lea removed')
})

test('an --idempotency-key makes a repeated spawn, send or call the first one', async () => {
  const spawn = () => json('spawn', 'moe', 'echo once', '--harness', 'scripted', '--workspace', 'isolated', '--wait', '--idempotency-key', 'k1')
  const [first, again] = [await spawn(), await spawn()]
  expect(again.data).toMatchObject({ instance_id: first.data['instance_id'], message_id: first.data['message_id'], response: 'once' })
  const send = (key: string) => json('send', 'moe', 'echo more', '--idempotency-key', key)
  const sent = [await send('k1'), await send('k1'), await send('k2')].map(({ data }) => [data['message_id'], data['response']])
  expect(sent).toEqual([sent[0], sent[0], [expect.any(String), 'more']])
  expect(sent[2]).not.toEqual(sent[0])
  const call = () => json('call', 'send_to_instance', 'instance_id=moe', 'message=echo still', '--idempotency-key', 'k3')
  expect((await call()).data['message_id']).toBe((await call()).data['message_id'])
})

describe('call', () => {
  test('takes JSON, stdin and key=value, by what the tool wants', async () => {
    const id = await agent('ian')
    for (const words of [[`{"instance_id": "${id}"}`], [`instance_id=${id}`]]) expect((await json('call', 'get_instance_status', ...words)).data).toMatchObject({ name: 'ian' })
    expect((await json('call', 'send_to_multiple_instances', `instance_ids=${id}`, 'message=echo 7', 'wait_for_responses=true')).data).toMatchObject({ results: [{ status: 'answered', response: '7' }] })
    expect((await json('call', 'get_instance_tree')).data).toEqual({ text: expect.stringContaining('ian') })
  })

  test('shows a tool from its schema, without a server', async () => {
    const { code, stdout } = await runToEnd(['call', 'spawn_codex', '--help'], { MADROX_HOME: '/nonexistent' })
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^spawn_codex: .*spawn_codex_instance.*^name +string +needed\..*^sandbox_mode/ms)])
  })

  test('tells a refusal by its code and in words, as MCP does, and as it is with --json', async () => {
    expect(await madrox('call', 'get_instance_status', 'instance_id=nobody')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^madrox: not_found: There is no agent "nobody" .* get_instance_tree shows them all\.\n$/) })
    expect(await json('call', 'get_instance_status', 'instance_id=nobody')).toMatchObject({ code: 1, data: { error: { code: 'not_found', remedy: expect.any(String) } } })
  })
})

test.each([
  [['tree', '--prot'], "Unknown option '--prot'. See madrox tree --help."],
  [['spawn', 'ada', '--harnes', 'scripted'], 'Unknown option \'--harnes\'. Did you mean "--harness"? See madrox spawn --help.'],
  [['spawn', 'ada', '--wait'], '--wait is for the answer to a TASK; give one. See madrox spawn --help.'],
  [['send', 'ada'], 'MESSAGE is missing. See madrox send --help.'],
  [['status', 'a', 'b'], 'Unexpected word "b". See madrox status --help.'],
  [['call', 'get_instance_statu', 'a=b'], 'There is no tool "get_instance_statu". Did you mean "get_instance_status"? See madrox call --help.'],
  [['call', 'get_instance_status', 'ada'], '"ada" is neither JSON nor key=value. See madrox call --help.'],
  [['replies', '--wait', '--timeout', 'long'], '--timeout takes seconds, from above 0 to 86400. See madrox replies --help.'],
])('%j is not understood: 2', async (args, said) => {
  expect(await madrox(...args)).toEqual({ code: 2, stdout: '', stderr: `madrox: ${said}\n` })
})

test.each([['tree'], ['status'], ['replies'], ['stop', 'ada'], ['call', 'get_children']])('without a server %s says how to start one, starts none, and ends with 3', async (...args) => {
  const { path, remove } = await temporaryHome()
  onTestFinished(remove)
  for (const where of [['--home', path], ['--url', 'http://127.0.0.1:9']]) expect(await runToEnd([...args, ...where])).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('madrox serve') })
})

describe('top', () => {
  test('is a table as things are where nobody watches, and the data with --json', async () => {
    await agent('joe')
    expect((await madrox('top')).stdout).toMatch(/^madrox \d+ agents, \d+ busy, \$.*^joe /ms)
    expect((await json('top')).data['instances']).toContainEqual(expect.objectContaining({ name: 'joe', state: 'idle' }))
  })

  test('on a terminal follows what happens, until q', async () => {
    const terminal = pty.spawn(process.execPath, [cli, 'top'], { cols: 120, rows: 30, env: { ...env(), PATH: process.env['PATH'] ?? '', TERM: 'xterm' } })
    let shown = ''
    terminal.onData(text => (shown += text))
    const ended = new Promise<number>(resolve => terminal.onExit(({ exitCode }) => resolve(exitCode)))
    await expect.poll(() => shown, { timeout: 20_000 }).toContain('agents, ')
    await agent('kim')
    await expect.poll(() => shown, { timeout: 20_000 }).toMatch(/kim +\w{8} /)
    terminal.write('q')
    expect(await ended).toBe(0)
    expect(shown.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true)
  })
})
