/** What is exported of a real system's life, and what its tools give of it: whole, in order, without secrets, and never in an agent's way. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createMadrox, localOwner } from '../../src/index.ts'
import { createInspector } from '../../src/inspector/inspector.ts'
import type { Log } from '../../src/log.ts'
import { silentLog } from '../../src/log.ts'
import { createLogFiles } from '../../src/logs/files.ts'
import { redacted } from '../../src/redaction.ts'
import { createSimulatedClock } from '../../src/clock.ts'
import { newLines } from '../../src/actors/shown.ts'
import { createToolTable } from '../../src/tools/table.ts'
import { connect, serve } from '../transports/served.ts'
import { createStage, type Stage } from './rig.ts'

const temporary = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'madrox-export-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
const filesBelow = (dir: string): readonly string[] => readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap(entry => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []))

function createLoggedStage(retentionDays?: number) {
  const dir = temporary()
  const logs = createLogFiles({ dir, clock: createSimulatedClock(), log: silentLog })
  const stage = createStage({ logs, ...(retentionDays === undefined ? {} : { retentionDays }) })
  const text = (id: AgentId, name: string): string => readFileSync(join(dir, 'instances', id, name), 'utf8')
  const json = (id: AgentId): Record<string, unknown>[] => text(id, 'communication.jsonl').trimEnd().split('\n').map(line => JSON.parse(line) as Record<string, unknown>) // a line an object
  return { dir, logs, stage, text, json }
}

const send = (stage: Stage, to: AgentId, message: string) => stage.ask(stage.me, 'send_to_instance', { instance_id: to, message, wait_for_response: false })

/** Answers the look at the screen that a turn's end brings. */
async function show(stage: Stage, id: AgentId, text: string, rendering: 'terminal' | 'transcript' = 'terminal'): Promise<void> {
  const asked = stage.commands.findLast(command => command.type === 'readScreen' && command.agentId === id)
  stage.fact(id, { type: 'screenRead', requestId: asked?.type === 'readScreen' ? asked.requestId : '', rendering, text })
  await stage.settle()
}

describe('an agent’s files', () => {
  test('get_instance_logs and the files tell the same: what happened, what was said by whom to whom, what was shown', async () => {
    const { dir, logs, stage, text, json } = createLoggedStage()
    const lead = await stage.spawn('lead')
    const kid = await stage.spawn('kid', stage.as(lead))
    const { message_id: task } = await send(stage, lead, 'build\nit')
    stage.begin(lead)
    const { message_id: part } = await stage.ask(stage.as(lead), 'send_to_instance', { instance_id: kid, message: 'this part', wait_for_response: false })
    stage.turn(kid, 'part done')
    await show(stage, kid, 'line 1\nline 2\nprompt')
    stage.clock.advance(1_000)
    await stage.ask(stage.as(lead), 'reply_to_caller', { reply_message: 'built' })
    await stage.ask(stage.as(lead), 'reply_to_caller', { reply_message: 'and polished' })
    await send(stage, kid, 'go on')
    stage.turn(kid, 'more done')
    await show(stage, kid, 'line 2\nprompt\nline 3', 'transcript')
    const shown = await stage.ask(stage.me, 'get_instance_logs', { instance_id: kid, log_type: 'communication' })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: lead })
    await logs.close()

    expect(json(lead)).toEqual([
      expect.objectContaining({ kind: 'message', message_id: task, from: 'tester', to: 'lead', to_id: lead, text: 'build\nit', expects_reply: true }),
      expect.objectContaining({ kind: 'message', message_id: part, from: 'lead', from_id: lead, to: 'kid', caused_by: task }),
      expect.objectContaining({ kind: 'outcome', message_id: part, from: 'kid', to: 'lead', text: 'part done', status: 'answered', via: 'turn_end' }),
      expect.objectContaining({ kind: 'outcome', message_id: task, from: 'lead', to: 'tester', text: 'built', status: 'answered', via: 'reply_to_caller' }),
      expect.objectContaining({ kind: 'follow_up', message_id: task, text: 'and polished' }),
    ])
    expect(json(kid)).toEqual(shown['entries'])
    expect(text(kid, 'terminal.log').replace(/\d{4}-\S+Z/g, 'TIME')).toBe('--- TIME terminal ---\nline 1\nline 2\nprompt\n--- TIME transcript ---\nline 3\n')
    const happened = text(kid, 'instance.log').trimEnd().split('\n')
    expect(happened.every(line => /^2026-01-01T00:00:0[01]\.000Z (?:state|[a-z_]+) ?/.test(line))).toBe(true)
    expect(happened).toEqual(expect.arrayContaining([expect.stringContaining(`agent_spawned name="kid" harness="hand"`), expect.stringMatching(/ state busy\.delivering -> busy\.working by=promptSeen source=self$/), expect.stringContaining(`message_settled message="${String(part)}" status="answered"`), expect.stringContaining('agent_ended reason="')]))
    expect(JSON.parse(text(kid, 'metadata.json'))).toMatchObject({ id: kid, name: 'kid', parent: { kind: 'agent', id: lead }, session_id: expect.any(String), ended_at: '2026-01-01T00:00:01.000Z', end_reason: expect.stringMatching(/\w/) })
    const audit = readFileSync(join(dir, 'audit', 'audit_20260101.jsonl'), 'utf8').trimEnd().split('\n')
    expect(audit).toHaveLength(stage.store.listAudit({ limit: 1_000 }).length)
    expect(JSON.parse(audit[0] ?? '')).toMatchObject({ at: '2026-01-01T00:00:00.000Z', event: 'client_connected', name: 'tester' })
  })

  test('get_instance_logs is bounded by tail and time; terminal has the old name too, and ended agents are there', async () => {
    const { stage } = createLoggedStage()
    const ada = await stage.spawn('ada')
    await send(stage, ada, 'one')
    stage.turn(ada, 'first')
    await show(stage, ada, 'a\nb\nc')
    stage.clock.advance(60_000)
    await send(stage, ada, 'two')
    stage.turn(ada, 'second')
    await show(stage, ada, 'b\nc\nd')
    const logOf = async (more: Record<string, unknown>) => (await stage.ask(stage.me, 'get_instance_logs', { instance_id: ada, ...more }))['entries'] as Record<string, unknown>[] // as its output schema says
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect((await logOf({ log_type: 'communication', tail: 1 })).map(each => each['text'])).toEqual(['second'])
    expect((await logOf({ log_type: 'communication', tail: 0, until: '2026-01-01T00:00:30Z' })).map(each => each['text'])).toEqual(['one', 'first'])
    expect((await logOf({ log_type: 'instance', since: '2026-01-01T00:00:30Z', tail: 0 })).map(each => each['event'])).toEqual(['message_sent', 'agent_changed', 'message_settled', 'agent_changed', 'end_asked', 'agent_changed', 'agent_ended'])
    // Files are written behind the work; the answer is complete when they are.
    await expect.poll(() => logOf({ log_type: 'tmux_output', tail: 0 })).toEqual(['a', 'b', 'c'].map(line => ({ at: '2026-01-01T00:00:00.000Z', rendering: 'terminal', line })).concat({ at: '2026-01-01T00:01:00.000Z', rendering: 'terminal', line: 'd' }))
    expect(await logOf({ log_type: 'terminal', tail: 2 })).toEqual([{ at: '2026-01-01T00:00:00.000Z', rendering: 'terminal', line: 'c' }, { at: '2026-01-01T00:01:00.000Z', rendering: 'terminal', line: 'd' }])
    expect(await stage.ask(stage.me, 'get_instance_logs', { instance_id: ada, log_type: 'terminal' })).toMatchObject({ log_type: 'terminal', note: expect.stringContaining('not every byte it wrote') })
    expect(await logOf({ log_type: 'terminal', since: '2026-01-01T00:00:30Z' })).toHaveLength(1)
  })

  test('list_logged_instances names them, ended ones too, newest last, each to those who may see it', async () => {
    const { dir, stage } = createLoggedStage()
    const lead = await stage.spawn('lead')
    const kid = await stage.spawn('kid', stage.as(lead))
    const peer = await stage.spawn('peer')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: peer })
    const listed = async (by: Parameters<Stage['ask']>[0], more = {}) => (await stage.ask(by, 'list_logged_instances', more))['instances'] as { instance_id: AgentId; files: { name: string }[]; ended_at: string | null; directory: string }[] // as its output schema says
    await expect.poll(async () => (await listed(stage.me)).map(each => each.files.map(file => file.name))).toEqual(Array.from({ length: 3 }, () => ['instance.log', 'metadata.json']))
    expect((await listed(stage.me)).map(each => [each.instance_id, each.ended_at === null, each.directory])).toEqual([[lead, true, join(dir, 'instances', lead)], [kid, true, join(dir, 'instances', kid)], [peer, false, join(dir, 'instances', peer)]])
    expect((await listed(stage.as(lead))).map(each => each.instance_id)).toEqual([lead, kid])
    expect((await listed(stage.me, { limit: 1 })).map(each => each.instance_id)).toEqual([peer])
    expect(await stage.refusal(stage.as(kid), 'get_instance_logs', { instance_id: lead })).toBe('not_allowed')
  })

  test('stay until retention, then go with their agent; those of the living stay', async () => {
    const { dir, stage } = createLoggedStage(2)
    const gone = await stage.spawn('gone')
    const living = await stage.spawn('living')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: gone })
    const kept = (): readonly string[] => readdirSync(join(dir, 'instances')).toSorted()
    await expect.poll(kept).toEqual([gone, living].toSorted())
    stage.clock.advance(2 * 86_400_000)
    await stage.ask(stage.me, 'list_logged_instances')
    expect(kept()).toEqual([gone, living].toSorted())
    stage.clock.advance(86_400_000)
    await expect.poll(kept).toEqual([living])
  })

  test('get_instance_logs, get_audit_logs and list_logged_instances answer through MCP over HTTP in both forms', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const { mcpUrl } = await serve({ system: stage.system, tools: createToolTable(), clock: stage.clock })
    const { client } = await connect(mcpUrl)
    for (const [name, args, expected] of [
      ['get_instance_logs', { instance_id: ada }, { name: 'ada', log_type: 'instance', count: 4 }],
      ['get_audit_logs', { event: 'agent_spawned' }, { entries: [{ event: 'agent_spawned', instance_id: ada }] }],
      ['list_logged_instances', {}, { total: 1, instances: [{ instance_id: ada, files: [] }] }],
    ] as const) {
      const answer = await client.callTool({ name, arguments: args })
      expect(answer.structuredContent, name).toMatchObject(expected)
      expect(JSON.parse((answer.content as { text: string }[])[0]?.text ?? ''), name).toEqual(answer.structuredContent) // text alone, as the tools give it
    }
    const refused = await client.callTool({ name: 'get_instance_logs', arguments: { instance_id: 'nobody' } })
    expect([refused.isError, refused.structuredContent, refused.content]).toEqual([true, undefined, [{ type: 'text', text: expect.stringMatching(/^not_found: /) }]])
  })

  test('without exported logs the record answers, and what was shown is said to be unavailable', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    expect(await stage.refusal(stage.me, 'get_instance_logs', { instance_id: ada, log_type: 'terminal' })).toBe('unavailable')
    expect(await stage.refusal(stage.me, 'get_instance_logs', { instance_id: ada })).toBe('ok')
  })

  test('what was undone is not told', async () => {
    const { logs, stage, json } = createLoggedStage()
    const ada = await stage.spawn('ada')
    await send(stage, ada, 'stays')
    const { appendAudit } = stage.store
    Object.assign(stage.store, { appendAudit: () => { throw new RangeError('undone') } })
    await stage.call(stage.me, 'send_to_instance', { instance_id: ada, message: 'is undone', wait_for_response: false })
    Object.assign(stage.store, { appendAudit })
    await send(stage, ada, 'stays too')
    await logs.close()
    expect(json(ada).map(each => each['text'])).toEqual(['stays', 'stays too'])
  })

  test.each([
    [[], ['a'], ['a']], [['a', 'b'], ['a', 'b'], []], [['a', 'b', 'c'], ['b', 'c', 'd'], ['d']], [['a', 'b', 'prompt'], ['a', 'b', 'new', 'prompt'], ['new', 'prompt']], [['a'], ['x', 'a'], ['x', 'a']],
  ])('of a screen %j that became %j only what is new is logged', (before, now, expected) => {
    expect(newLines(before, now)).toEqual(expected)
  })
})

test('a secret of the environment, of an MCP server or of a known shape is in no log, feed or error, and reaches its agent byte for byte', async () => {
  const home = temporary()
  const secrets = ['planted-in-the-environment', 'planted-with-the-tracker', `sk-ant-api03-${'x1'.repeat(20)}`, 'the-token-of-the-owner']
  const all = secrets.join(' and ')
  const lines: unknown[] = []
  const tell = (...line: readonly unknown[]): void => void lines.push(line)
  const log: Log = { debug: tell, info: tell, warn: tell, error: tell }
  const madrox = await createMadrox({ home, log, env: { DEPLOY_TOKEN: 'planted-in-the-environment' }, ownerTokens: { local: 'the-token-of-the-owner' } })
  const me = { kind: 'client', clientId: madrox.system.connectClient({ ownerId: localOwner, name: 'tester' }), ownerId: localOwner } as const
  const heard: unknown[] = []
  const ask = async (tool: string, args: Record<string, unknown>) => {
    const outcome = await madrox.call(me, tool, args)
    return (outcome.ok ? outcome.data : { error: outcome.error }) ?? {}
  }
  const tracker = { tracker: { command: process.execPath, env: { TRACKER_API_KEY: 'planted-with-the-tracker' } } }
  const spawn = async (name: string, more = {}) => String((await ask('spawn_agent', { harness: 'scripted', name, workspace: 'isolated', mcp_servers: tracker, ...more }))['instance_id'])
  const ada = await spawn('ada')
  expect(await ask('send_to_instance', { instance_id: ada, message: `echo ${all}` })).toMatchObject({ status: 'answered', response: all })
  heard.push(await ask('send_to_instance', { instance_id: ada, message: `fail ${all}` }), await ask(all, {}), await ask('send_to_instance', { instance_id: all.slice(0, 150), message: 'x' }))
  heard.push(await ask('spawn_agent', { harness: 'scripted', name: 'bob', role: all.slice(0, 80), workspace: 'isolated' }))
  heard.push(await ask('get_instance_status', { instance_id: ada }))
  await expect.poll(async () => ((await ask('get_instance_logs', { instance_id: ada, log_type: 'terminal' }))['entries'] as unknown[]).length).toBeGreaterThan(0) // written behind the work
  for (const log_type of ['instance', 'communication', 'terminal']) heard.push(await ask('get_instance_logs', { instance_id: ada, log_type }))
  heard.push(await ask('get_audit_logs', {}), await ask('list_logged_instances', {}))
  const inspector = createInspector({ system: madrox.system })
  heard.push(await inspector.tree(me, new Request(`http://h/inspector/tree?agent=${ada}`)).text())
  const events = inspector.events(me, new Request('http://h/inspector/events')).body?.getReader()
  heard.push(new TextDecoder().decode((await events?.read())?.value))
  inspector.close()
  await ask('terminate_all', {})
  await madrox.close()

  const files = filesBelow(join(home, 'logs'))
  expect(files.map(file => file.split('/').at(-1))).toEqual(expect.arrayContaining(['instance.log', 'communication.jsonl', 'terminal.log', 'metadata.json', expect.stringMatching(/^audit_\d{8}\.jsonl$/)]))
  const told = [JSON.stringify(heard), JSON.stringify(lines), ...files.map(file => readFileSync(file, 'utf8'))]
  for (const secret of secrets) for (const text of told) expect(text).not.toContain(secret)
  expect(told.filter(text => text.includes(redacted)).length).toBeGreaterThan(3)
})

test('a log directory that cannot be written is a note of health, and agents go on as ever', async () => {
  const home = temporary()
  const logDir = join(home, 'in-its-place')
  writeFileSync(logDir, '')
  const madrox = await createMadrox({ home: join(home, 'home'), env: {}, logDir })
  const me = { kind: 'client', clientId: madrox.system.connectClient({ ownerId: localOwner, name: 'tester' }), ownerId: localOwner } as const
  expect(await madrox.call(me, 'spawn_agent', { harness: 'scripted', name: 'ada', workspace: 'isolated', initial_prompt: 'echo one', wait_for_response: true })).toMatchObject({ data: { response: 'one' } })
  await expect.poll(() => madrox.system.health()).toMatchObject({ status: 'ok', notes: [expect.stringContaining(logDir)] })
  expect(await madrox.call(me, 'send_to_instance', { instance_id: 'ada', message: 'echo two' })).toMatchObject({ data: { response: 'two' } })
  expect(await madrox.call(me, 'get_instance_logs', { instance_id: 'ada', log_type: 'communication' })).toMatchObject({ data: { count: 4 } })
  await madrox.close()
})
