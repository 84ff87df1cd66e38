/** The inspector's three paths on the real server, over the real system. */
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { Watcher } from '../../src/actors/system.ts'
import { asAgentId } from '../../src/ids.ts'
import type { TreeView } from '../../src/inspector/web/wire.ts'
import type { HttpServer } from '../../src/transports/http.ts'
import { openFeed, stageAndServe } from './feed.ts'

const readTree = async (server: HttpServer, query = '', headers: Record<string, string> = {}): Promise<TreeView> => {
  const response = await fetch(`${server.url}/inspector/tree${query}`, { headers })
  expect(response.status).toBe(200)
  return (await response.json()) as TreeView // what the page reads it as
}
/** fetch sets Host by itself; an attacker's browser does not ask us. */
const statusOf = (url: string, headers: Record<string, string>): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(url, { headers, agent: false }, response => {
      response.destroy()
      resolve(response.statusCode)
    }).once('error', reject).end()
  })
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const ownerToken = 'a-token-of-thirty-two-characters'

describe('the page', () => {
  test('lets its own script and style run and nothing else, and asks nothing of another server', async () => {
    const { server } = await stageAndServe()
    const response = await fetch(`${server.url}/?agent=whoever`)
    const html = await response.text()
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    for (const tag of ['script', 'style']) {
      const texts = [...html.matchAll(new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, 'gs'))].map(([, text = '']) => text)
      expect(texts).toHaveLength(1)
      expect(policy).toContain(`${tag}-src 'sha256-${createHash('sha256').update(texts[0] ?? '').digest('base64')}'`)
    }
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe')
    expect(html).not.toMatch(/https?:|\ssrc=|\son\w+=|innerHTML|sourceMappingURL/)
  })

  test('a spawn names it, with its agent', async () => {
    const { server, ask, me } = await stageAndServe()
    const spawned = await ask(me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' })
    expect(spawned['inspector_url']).toBe(`${server.url}/?agent=${String(spawned['instance_id'])}`)
    const batch = await ask(me, 'spawn_multiple_instances', { instances: [{ instance_type: 'hand', name: 'bob', workspace: 'isolated' }] })
    expect(batch['spawned']).toEqual([expect.objectContaining({ inspector_url: expect.stringContaining(`${server.url}/?agent=`) })])
  })
})

describe('who may look', () => {
  test.each(['/', '/inspector/tree', '/inspector/events'])('%s is refused to a rebound name and to another site’s page', async path => {
    const { server } = await stageAndServe()
    expect(await statusOf(server.url + path, { host: 'evil.example' })).toBe(403)
    expect(await statusOf(server.url + path, { origin: 'http://evil.example' })).toBe(403)
    expect(await statusOf(server.url + path, {})).toBe(200)
  })

  test.each(['/inspector/tree', '/inspector/events'])('%s asks for the token where there is one, and takes it in a header alone', async path => {
    const { server } = await stageAndServe({ ownerTokens: { local: ownerToken } })
    const refused = await fetch(server.url + path)
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="madrox"'])
    expect(await refused.json()).toMatchObject({ error: { code: 'unauthenticated' } })
    expect(await statusOf(`${server.url}${path}?token=${ownerToken}`, {})).toBe(401)
    expect(await statusOf(server.url + path, bearer('a-token-nobody-ever-issued'))).toBe(401)
    expect(await statusOf(server.url + path, bearer(ownerToken))).toBe(200)
    expect(await statusOf(server.url, {})).toBe(200)
  })

  test('an agent’s own credential shows itself and those below it', async () => {
    const stage = await stageAndServe()
    const lead = await stage.spawn('lead')
    const started = stage.commands.find(command => command.type === 'startAgent')
    const token = bearer(started?.type === 'startAgent' ? (started.launch.madrox?.token ?? '') : '')
    const peer = await stage.spawn('peer')
    await stage.spawn('child', stage.as(lead))
    const tree = await readTree(stage.server, `?agent=${peer}`, token)
    expect(tree.agents.map(({ name }) => name)).toEqual(['lead', 'child'])
    expect(tree).toMatchObject({ agent: null, refusal: { code: 'not_allowed' } })
    const feed = await openFeed(stage.server, token)
    await feed.next()
    expect(new Set((await feed.past()).map(({ name }) => name))).toEqual(new Set(['lead', 'child']))
    // Its right to look ends with it.
    const ended = stage.ask(stage.me, 'terminate_instance', { instance_id: lead })
    const last: string[] = []
    for (let frame = await feed.next(); frame; frame = await feed.next()) last.push(frame.event)
    expect(last).toContain('happened')
    await ended
    expect(await statusOf(`${stage.server.url}/inspector/tree`, token)).toBe(401)
  })
})

describe('the tree', () => {
  test('shows what an agent is at, and nothing of what it is told or holds', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada', stage.me, { mcp_servers: { tracker: { command: 'tracker', env: { KEY: 'secret-key' } } } })
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'secret-task', wait_for_response: false })
    stage.begin(ada)
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'secret-next', wait_for_response: false })
    stage.fact(ada, { type: 'approvalRequested', approvalId: 'a', tool: 'Bash', detail: 'secret-command' })
    const tree = await readTree(stage.server, '?agent=ada')
    expect(tree.agent).toEqual(tree.agents[0])
    expect(tree.agent).toMatchObject({ id: ada, name: 'ada', state: 'busy', detail: 'busy.awaitingApproval', source: 'self', approvalOf: 'Bash', mailbox: 1, parent: { kind: 'client', name: 'tester' } })
    expect(tree.agent?.openMessages).toEqual([tree.agent?.currentMessage])
    expect(JSON.stringify(tree)).not.toContain('secret')
  })

  test('shows an ended agent to who asks for it, and says of an unknown one that it is', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await readTree(stage.server, `?agent=${ada}`)).toMatchObject({ agents: [], agent: { state: 'terminated', endReason: 'terminated by its client' } })
    expect(await readTree(stage.server, '?agent=nobody')).toMatchObject({ agents: [], agent: null, refusal: { code: 'not_found' } })
  })
})

describe('the feed', () => {
  test('says when what waits for a yes has changed, and how much it is, and nothing of what is asked', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'go', wait_for_response: false })
    stage.begin(ada)
    const feed = await openFeed(stage.server)
    const told = async () => {
      for (;;) {
        const frame = await feed.next()
        if (!frame || frame.event === 'approvals') return frame
      }
    }
    stage.fact(ada, { type: 'approvalRequested', approvalId: 'a', tool: 'Bash', detail: 'ls' })
    expect(await told()).toEqual({ event: 'approvals', data: { open: 1 } })
    stage.fact(ada, { type: 'approvalResolved', approvalId: 'a', decision: 'gone' })
    expect(await told()).toEqual({ event: 'approvals', data: { open: 0 } })
  })

  test('begins with what is kept, goes on live, and is resumed after the last id heard', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    const feed = await openFeed(stage.server)
    expect(feed.response.headers.get('content-type')).toBe('text/event-stream')
    expect(await feed.next()).toEqual({ event: 'opened', data: { complete: true } })
    const past = await feed.past()
    expect(past.map(({ type, to }) => to ?? type)).toEqual(['spawned', 'spawning.launching', 'spawning.handshaking', 'idle.live'])
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'go', wait_for_response: false })
    expect(await feed.next()).toMatchObject({ event: 'happened', data: { from: 'idle.live', to: 'busy.delivering', event: 'messageAccepted' } })
    feed.leave()
    stage.begin(ada)
    const back = await openFeed(stage.server, { 'last-event-id': past.at(-1)?.id ?? '' })
    expect(await back.next()).toEqual({ event: 'opened', data: { complete: true } })
    expect((await back.past()).map(({ to }) => to)).toEqual(['busy.delivering', 'busy.working'])
    const stranger = await openFeed(stage.server, { 'last-event-id': 'of-another-run' })
    expect(await stranger.next()).toEqual({ event: 'opened', data: { complete: false } })
  })

  test('tells at most ten times a second that agents are worth a look, and that it is there', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    const bob = await stage.spawn('bob')
    stage.clock.advance(1_000)
    const feed = await openFeed(stage.server)
    await feed.next()
    await feed.past()
    for (const id of [ada, bob, ada]) stage.fact(id, { type: 'outputProduced', kind: 'text', content: 'word' })
    stage.clock.advance(100)
    expect(await feed.next()).toEqual({ event: 'touched', data: { agents: [ada, bob] } })
    stage.clock.advance(15_000)
    expect(await feed.next()).toEqual({ event: 'comment', data: 'alive' })
  })

  test('ends with the server', async () => {
    const { server } = await stageAndServe()
    const feed = await openFeed(server)
    await feed.next()
    await server.close()
    expect(await feed.next()).toBeUndefined()
  })

  test('watches no more when its reader is gone', async () => {
    let tellStopped = (_: string): void => {}
    const stopped = new Promise<string>(resolve => (tellStopped = resolve))
    const { server } = await stageAndServe({}, system => ({
      ...system,
      inspect: (...args) => {
        const watch = system.inspect(...args)
        return { ...watch, stop: () => (watch.stop(), tellStopped('stopped')) }
      },
    }))
    const feed = await openFeed(server)
    await feed.next()
    feed.leave()
    expect(await stopped).toBe('stopped')
  })

  test('a reader too slow to follow is cut off', async () => {
    const watching = new Set<Watcher>()
    const { server } = await stageAndServe({}, system => ({
      ...system,
      inspect: (caller, watcher, after) => {
        watching.add(watcher)
        const watch = system.inspect(caller, watcher, after)
        return { ...watch, stop: () => (watch.stop(), void watching.delete(watcher)) }
      },
    }))
    await new Promise<void>((resolve, reject) => {
      request(`${server.url}/inspector/events`, response => (response.pause(), resolve())).once('error', reject).end()
    })
    expect(watching.size).toBe(1)
    for (let mebibytes = 0; mebibytes < 16; mebibytes++) {
      for (const watcher of watching) watcher.happened({ id: 'x-1', at: 0, agentId: asAgentId('x'), name: 'x'.repeat(1024 * 1024), type: 'ended' })
    }
    expect(watching.size).toBe(0)
  })
})
