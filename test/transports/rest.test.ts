/** REST on the real server, over the real system. */

import { request } from 'node:http'
import { pathToFileURL } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { errorCodes } from '../../src/errors.ts'
import { statusOf } from '../../src/transports/rest/status.ts'
import { stageAndServe, type Watched } from '../inspector/feed.ts'

type Body = Record<string, unknown>
interface Answer { readonly status: number; readonly headers: Headers; readonly body: Body }

async function get(stage: Watched, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(stage.server.url + path, init)
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body } // every answer is an object
}

const execute = (stage: Watched, tool: string, args: Body = {}, headers: Record<string, string> = {}): Promise<Answer> =>
  get(stage, '/tools/execute', { method: 'POST', headers, body: JSON.stringify({ tool, arguments: args }) })

interface Event { readonly event: string; readonly data: Body }

/** The events of a call, one at a time. */
async function openCall(stage: Watched, tool: string, args: Body, headers: Record<string, string> = {}): Promise<{ next(): Promise<Event | undefined>; leave(): void }> {
  const gone = new AbortController()
  onTestFinished(() => gone.abort())
  const response = await fetch(`${stage.server.url}/tools/execute`, { method: 'POST', headers: { accept: 'text/event-stream', ...headers }, body: JSON.stringify({ tool, arguments: args }), signal: gone.signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  return {
    leave: () => gone.abort(),
    async next() {
      while (!rest.includes('\n\n')) {
        const part = await reader?.read()
        if (!part || part.done) return undefined
        rest += part.value
      }
      const [, event = '', data = ''] = /^event: (.*)\ndata: (.*)\n\n/.exec(rest) ?? []
      rest = rest.slice(rest.indexOf('\n\n') + 2)
      return { event, data: JSON.parse(data) as Body }
    },
  }
}

/** A client of REST with an inbox. */
const named = (name: string, cwd: string): Record<string, string> => ({ 'x-madrox-client': name, 'x-madrox-cwd': pathToFileURL(cwd).href })

describe('reads', () => {
  test('GET /instances, /instances/:id, /screen, /output and /network/hierarchy give what their tools give', async () => {
    const stage = await stageAndServe()
    const lead = await stage.spawn('lead')
    const kid = await stage.spawn('kid', stage.as(lead))
    const one = await get(stage, '/instances/lead')
    expect(one).toMatchObject({ status: 200, body: { instance_id: lead, name: 'lead', state: 'idle' } })
    expect(one.body).toEqual((await stage.call(stage.me, 'get_instance_status', { instance_id: lead }) as { data?: unknown }).data)
    expect((await get(stage, '/instances')).body).toMatchObject({ total: 2, instances: [{ name: 'lead' }, { name: 'kid' }] })
    expect((await get(stage, '/network/hierarchy')).body).toMatchObject({ total: 2, hierarchy: [{ instance_id: lead, state: 'idle', children: [{ instance_id: kid, name: 'kid', children: [] }] }] })
    expect((await get(stage, `/instances/${lead}/output?limit=5`)).body).toEqual({ text: 'Nothing on record.' })
    const screen = get(stage, `/instances/${lead}/screen?lines=5`)
    await expect.poll(() => stage.commands.at(-1)).toMatchObject({ type: 'readScreen', lines: 5 })
    const asked = stage.commands.at(-1)
    stage.fact(lead, { type: 'screenRead', requestId: asked?.type === 'readScreen' ? asked.requestId : '', rendering: 'terminal', text: '$ ' })
    expect((await screen).body).toEqual({ text: '$ ' })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: kid })
    expect((await get(stage, '/instances?include_ended=true')).body).toMatchObject({ total: 2 })
    expect((await get(stage, '/instances?include_ended=false')).body).toMatchObject({ total: 1 })
  })

  test('GET /logs/audit, /logs/instances/:id and /logs/communication/:id give the logs', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    expect((await get(stage, '/logs/audit?event=agent_spawned&limit=1')).body).toMatchObject({ count: 1, entries: [{ event: 'agent_spawned', name: 'ada' }] })
    expect((await get(stage, '/logs/instances/ada?tail=0')).body).toMatchObject({ log_type: 'instance', name: 'ada' })
    expect((await get(stage, `/logs/communication/${ada}`)).body).toMatchObject({ log_type: 'communication', entries: [{ kind: 'message', text: 'x' }] })
  })

  test('GET /tools lists every tool with its schemas, aliases beside it', async () => {
    const stage = await stageAndServe()
    const { body } = await get(stage, '/tools')
    expect(body['tools']).toContainEqual(expect.objectContaining({ name: 'spawn_codex', aliases: ['spawn_codex_instance'], input_schema: expect.objectContaining({ type: 'object', required: ['name'] }) }))
  })

  test('what a query may not say is refused by the tool, not passed over', async () => {
    const stage = await stageAndServe()
    expect(await get(stage, '/instances?ended=true')).toMatchObject({ status: 400, body: { error: { code: 'invalid_input', message: expect.stringContaining('ended') } } })
    expect(await get(stage, '/instances/nobody/output?limit=many')).toMatchObject({ status: 400 })
    expect(await get(stage, '/instances/nobody')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
    expect(await get(stage, '/instances/%zz')).toMatchObject({ status: 400, body: { error: { code: 'invalid_input' } } })
  })
})

describe('refusals', () => {
  test('every code has a status that says refused', () => {
    expect(errorCodes.filter(code => !(statusOf(code) >= 400 && statusOf(code) < 600))).toEqual([])
  })

  test.each([
    ['not_found', 404, 'send_to_instance', { instance_id: 'nobody', message: 'x' }],
    ['invalid_input', 400, 'send_to_instance', { instance_id: 7 }],
    ['unknown_tool', 404, 'send_message', {}],
    ['parent_unknown', 422, 'spawn_agent', { harness: 'hand', name: 'ada' }],
  ])('%s is %d, with message and remedy', async (code, status, tool, args) => {
    expect(await execute(await stageAndServe(), tool, args)).toMatchObject({ status, body: { error: { code, message: expect.stringMatching(/\w/), remedy: expect.stringMatching(/\w/) } } })
  })

  test('an unknown path is 404 naming the nearest, a wrong method 405 naming the right one, a body that is none 400', async () => {
    const stage = await stageAndServe()
    expect(await get(stage, '/instance')).toMatchObject({ status: 404, body: { error: { code: 'not_found', remedy: expect.stringContaining('Did you mean /instances?'), data: { nearest: '/instances' } } } })
    expect(await get(stage, '/tools/execute')).toMatchObject({ status: 405, body: { error: { code: 'invalid_input' } } })
    expect((await get(stage, '/instances', { method: 'DELETE' })).headers.get('allow')).toBe('GET')
    expect(await get(stage, '/tools/execute', { method: 'POST', body: ' '.repeat(17 * 1024 * 1024) })).toMatchObject({ status: 413, body: { error: { code: 'invalid_input' } } })
    for (const body of ['{', '[]', '{"tool": "get_instance_tree", "args": {}}']) expect(await get(stage, '/tools/execute', { method: 'POST', body })).toMatchObject({ status: 400, body: { error: { code: 'invalid_input' } } })
  })

  test('who may not speak to the server is refused before anything is read, and who shows no token where one is set', async () => {
    const stage = await stageAndServe({ ownerTokens: { local: 'a-token-of-thirty-two-characters' } })
    const rebound = await new Promise<number | undefined>((resolve, reject) => {
      request(`${stage.server.url}/instances`, { headers: { host: 'evil.example' }, agent: false }, response => (response.destroy(), resolve(response.statusCode))).once('error', reject).end()
    })
    expect(rebound).toBe(403)
    expect(await get(stage, '/instances', { headers: { origin: 'http://evil.example' } })).toMatchObject({ status: 403, body: { error: { code: 'not_allowed' } } })
    const refused = await get(stage, '/instances')
    expect([refused.status, refused.headers.get('www-authenticate'), refused.body]).toEqual([401, 'Bearer realm="madrox"', { error: expect.objectContaining({ code: 'unauthenticated' }) }])
    expect(await get(stage, '/instances', { headers: { authorization: 'Bearer a-token-of-thirty-two-characters' } })).toMatchObject({ status: 200 })
  })
})

describe('who calls', () => {
  test('nobody in particular is the owner: sees all, and its agents stand under whom the design finds', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    expect(await execute(stage, 'spawn_agent', { harness: 'hand', name: 'main-orchestrator' })).toMatchObject({ status: 200, body: { parent_source: expect.stringMatching(/^name: /) } })
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false })
    stage.begin(ada)
    expect(await execute(stage, 'spawn_agent', { harness: 'hand', name: 'bob' })).toMatchObject({ status: 200, body: { parent_instance_id: ada, parent_source: expect.stringMatching(/^busy: /) } })
  })

  test('an agent by its credential, with its rights', async () => {
    const stage = await stageAndServe()
    await stage.spawn('ada')
    await stage.spawn('peer')
    const started = stage.commands.find(command => command.type === 'startAgent')
    const headers = { authorization: `Bearer ${started?.type === 'startAgent' ? started.launch.madrox?.token : ''}`, ...named('somebody', stage.home) }
    expect((await get(stage, '/instances', { headers })).body).toMatchObject({ instances: [{ name: 'ada' }], total: 1 })
    expect(await execute(stage, 'terminate_instance', { instance_id: 'peer' }, headers)).toMatchObject({ status: 403, body: { error: { code: 'not_allowed' } } })
  })

  test('one that names itself is a client: it stands somewhere, and its answers wait for it alone', async () => {
    const stage = await stageAndServe()
    const cli = named('cli', stage.home)
    const spawned = await execute(stage, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'shared' }, cli)
    expect(spawned).toMatchObject({ status: 200, body: { workspace: stage.home, parent_source: 'session: the calling client' } })
    await execute(stage, 'send_to_instance', { instance_id: 'ada', message: 'x', wait_for_response: false }, cli)
    stage.turn(stage.system.resolve(stage.me, 'ada'), 'done')
    expect((await execute(stage, 'get_pending_replies', {}, named('cli', '/elsewhere'))).body).toMatchObject({ count: 0 })
    expect((await get(stage, '/instances/ada', { headers: cli })).body).toMatchObject({ pending_replies: 1 })
    expect((await get(stage, '/network/hierarchy', { headers: cli })).body).toMatchObject({ total: 1, pending_replies: 1 })
    expect((await get(stage, '/instances/ada/output', { headers: cli })).body).toEqual({ text: expect.stringContaining('done'), pending_replies: 1 })
    expect((await execute(stage, 'get_pending_replies', {}, cli)).body).toMatchObject({ count: 1, replies: [{ response: 'done' }] })
    expect((await execute(stage, 'get_pending_replies', {}, cli)).body).toMatchObject({ count: 0 })
    expect(await execute(stage, 'get_pending_replies', {}, { 'x-madrox-client': '<cli>' })).toMatchObject({ status: 400 })
  })
})

describe('a wait', () => {
  test('as events tells that it goes on, then the result', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    const call = await openCall(stage, 'send_to_instance', { instance_id: ada, message: 'x' })
    expect(await call.next()).toEqual({ event: 'accepted', data: { tool: 'send_to_instance' } })
    const waitsFor = (await call.next())?.data['message']
    expect(waitsFor).toMatch(new RegExp(`^"${ada}" is to answer \\w+$`))
    stage.clock.advance(10_000)
    expect(await call.next()).toEqual({ event: 'progress', data: { message: `still waiting after 10 s: ${String(waitsFor)}` } })
    stage.turn(ada, 'done')
    expect(await call.next()).toMatchObject({ event: 'result', data: { status: 'answered', response: 'done' } })
    expect(await call.next()).toBeUndefined()
  })

  test('a refusal is an event too, with its status', async () => {
    const call = await openCall(await stageAndServe(), 'send_to_instance', { instance_id: 'nobody', message: 'x' })
    await call.next()
    expect(await call.next()).toMatchObject({ event: 'error', data: { status: 404, error: { code: 'not_found' } } })
  })

  test.each(['text/event-stream', 'application/json'])('whose caller (%s) goes away ends, and the work goes on: the answer is in the inbox', async accept => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    const headers = { accept, ...named('cli', stage.home) }
    const gone = new AbortController()
    const waiting = fetch(`${stage.server.url}/tools/execute`, { method: 'POST', headers, signal: gone.signal, body: JSON.stringify({ tool: 'send_to_instance', arguments: { instance_id: ada, message: 'x' } }) }).then(response => response.text())
    await expect.poll(() => stage.state(ada)).toBe('busy.delivering')
    gone.abort()
    await expect(waiting).rejects.toThrow()
    await expect.poll(() => stage.store.listClients().find(({ name }) => name === 'cli')?.disconnectedAt).toBeDefined() // the server has seen it go
    stage.turn(ada, 'done')
    expect((await execute(stage, 'get_pending_replies', {}, named('cli', stage.home))).body).toMatchObject({ count: 1, replies: [{ response: 'done' }] })
  })

  test('ends with the server', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    const call = await openCall(stage, 'send_to_instance', { instance_id: ada, message: 'x' })
    await call.next() // accepted
    await call.next() // what it waits for
    await stage.server.close()
    const last = await call.next().catch(() => undefined) // what is left of the stream is cut with it
    expect([undefined, 'result']).toContain(last?.event)
  })
})

test('an Idempotency-Key makes a repeated call the first one', async () => {
  const stage = await stageAndServe()
  const ada = await stage.spawn('ada')
  const send = (key: string) => execute(stage, 'send_to_instance', { instance_id: ada, message: 'x', wait_for_response: false }, { 'idempotency-key': key })
  const [first, again, other] = [await send('a'), await send('a'), await send('b')]
  expect(again.body['message_id']).toBe(first.body['message_id'])
  expect(other.body['message_id']).not.toBe(first.body['message_id'])
})
