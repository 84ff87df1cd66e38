/** Resources over MCP, with the real system and the real tool table behind the real server. */

import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ListRootsRequestSchema, ResourceListChangedNotificationSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, test } from 'vitest'
import { asOwnerId, type AgentId } from '../../src/ids.ts'
import { updatesEveryMs } from '../../src/transports/mcp/subscriptions.ts'
import type { StageOptions } from '../actors/rig.ts'
import { stageAndServe, type Watched } from '../inspector/feed.ts'
import { connect } from './served.ts'

interface Told {
  readonly client: Client
  /** URIs of updates, and `list`, in the order they came. */
  readonly heard: string[]
  /** All that was sent before is in `heard` then: the standing stream keeps its order. */
  caughtUp(): Promise<void>
}

interface Open extends Watched {
  readonly url: string
  session(token?: string): Promise<Told>
}

async function open(options: StageOptions = {}): Promise<Open> {
  const stage = await stageAndServe(options)
  const url = `${stage.server.url}/mcp`
  return { ...stage, url, session: token => openSession(url, token) }
}

/** A session whose standing stream is open: a question for roots comes by it, and behind all that was told before. */
async function openSession(url: string, token?: string): Promise<Told> {
  const heard: string[] = []
  let asked = (): void => {}
  const question = (): Promise<void> => new Promise(resolve => (asked = resolve))
  const first = question()
  const { client } = await connect(url, {
    ...(token ? { token } : {}),
    capabilities: { roots: { listChanged: true } },
    prepare: raw => {
      raw.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri))
      raw.setNotificationHandler(ResourceListChangedNotificationSchema, () => void heard.push('list'))
      raw.setRequestHandler(ListRootsRequestSchema, () => {
        asked()
        return { roots: [] }
      })
    },
  })
  await first
  return {
    client, heard,
    caughtUp: async () => {
      const next = question()
      await client.sendRootsListChanged()
      await next
    },
  }
}

const textOf = async (client: Client, uri: string): Promise<string> => {
  const [content] = (await client.readResource({ uri })).contents
  return content && 'text' in content ? content.text : ''
}

/** The credential its process was started with. */
function tokenOf(stage: Open, id: AgentId): string {
  const started = stage.commands.find(command => command.type === 'startAgent' && command.agentId === id)
  return started?.type === 'startAgent' ? (started.launch.madrox?.token ?? '') : ''
}

const screenOf = (id: AgentId): string => `madrox://instances/${id}/screen`
const outputOf = (id: AgentId): string => `madrox://instances/${id}/output`
const refusalOf = async (request: Promise<unknown>): Promise<unknown> => request.then(() => 'no refusal', (error: unknown) => error)

describe('reading', () => {
  test('the tree, and screen, output and log of an agent, by id, by name and after its end, as their tools tell them', async () => {
    const stage = await open()
    const { client } = await stage.session()
    await client.callTool({ name: 'spawn_agent', arguments: { harness: 'scripted', name: 'ada byron', workspace: 'isolated', initial_prompt: 'echo hello', wait_for_response: true } })
    const id = stage.system.resolve(stage.me, 'ada byron')
    const byTool = async (tool: string, args: Record<string, unknown> = {}): Promise<string> => String((await stage.ask(stage.me, tool, args))['text'])
    expect(await textOf(client, 'madrox://tree')).toBe(await byTool('get_instance_tree'))
    expect(await textOf(client, screenOf(id))).toBe(await byTool('get_terminal_screen', { instance_id: id }))
    expect(await textOf(client, 'madrox://instances/ada%20byron/screen')).toContain('hello')
    expect(await textOf(client, outputOf(id))).toBe(await byTool('get_instance_output', { instance_id: id }))
    const log = JSON.parse(await textOf(client, `madrox://instances/${id}/log`)) as Record<string, unknown>
    expect(log).toMatchObject({ name: 'ada byron', log_type: 'instance', entries: expect.arrayContaining([expect.objectContaining({ event: 'agent_spawned' })]) })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: id })
    expect(await textOf(client, outputOf(id))).toContain('hello')
    expect(await refusalOf(client.readResource({ uri: screenOf(id) }))).toMatchObject({ code: -32_002, message: expect.stringContaining('agent_ended: Agent "ada byron"') })
  })

  test('says of what kind the text is, the same as the list and the templates do', async () => {
    const stage = await open()
    const { client } = await stage.session()
    const ada = await stage.spawn('ada')
    const { resources } = await client.listResources()
    expect(resources.map(({ uri, name, mimeType }) => [uri, name, mimeType])).toEqual([
      ['madrox://tree', 'tree', 'text/plain'],
      [screenOf(ada), 'ada/screen', 'text/plain'], [outputOf(ada), 'ada/output', 'text/plain'], [`madrox://instances/${ada}/log`, 'ada/log', 'application/json'],
    ])
    expect((await client.listResourceTemplates()).resourceTemplates.map(({ uriTemplate, mimeType }) => [uriTemplate, mimeType])).toEqual([
      ['madrox://instances/{id}/screen', 'text/plain'], ['madrox://instances/{id}/output', 'text/plain'], ['madrox://instances/{id}/log', 'application/json'],
    ])
    const read = await Promise.all(['madrox://tree', outputOf(ada), `madrox://instances/${ada}/log`].map(async uri => (await client.readResource({ uri })).contents.map(content => [content.uri, content.mimeType])))
    expect(read).toEqual([[['madrox://tree', 'text/plain']], [[outputOf(ada), 'text/plain']], [[`madrox://instances/${ada}/log`, 'application/json']]])
  })

  test('of many agents the list comes in pages, each agent once', async () => {
    const stage = await open({ limits: { maxInstances: 200 } })
    const { client } = await stage.session()
    for (let count = 0; count < 101; count++) await stage.spawn(`a${count}`)
    const first = await client.listResources()
    const second = await client.listResources({ cursor: first.nextCursor })
    expect([first.resources.length, second.resources.length, second.nextCursor]).toEqual([301, 3, undefined])
    expect(new Set([...first.resources, ...second.resources].map(({ uri }) => uri)).size).toBe(304)
    expect(await refusalOf(client.listResources({ cursor: 'page 2' }))).toMatchObject({ code: -32_602, message: expect.stringContaining('Begin the list anew') })
  })

  test.each([
    ['an agent nobody knows', 'madrox://instances/nobody/output', 'not_found: There is no agent "nobody" that you may see.'],
    ['an aspect there is not', 'madrox://instances/ada/soul', 'not_found: There is no resource "madrox://instances/ada/soul". There are madrox://tree, madrox://instances/{id}/screen'],
    ['a broken escape', 'madrox://instances/%E0%A4%A/log', 'not_found: There is no resource'],
    ['another scheme', 'file:///etc/passwd', 'not_found: There is no resource'],
  ])('%s is no resource, and neither to be subscribed to', async (_what, uri, words) => {
    const stage = await open()
    const { client } = await stage.session()
    await stage.spawn('ada')
    const refusal = { code: -32_002, message: expect.stringContaining(words), data: { uri, code: 'not_found', remedy: expect.any(String) } }
    expect(await refusalOf(client.readResource({ uri }))).toMatchObject(refusal)
    expect(await refusalOf(client.subscribeResource({ uri }))).toMatchObject(refusal)
  })
})

describe('rights', () => {
  test('another owner finds nothing of it: not in the list, not by id, not by subscription', async () => {
    const stage = await open({ ownerTokens: { other: 'the-token-of-another-owner' } })
    const ada = await stage.spawn('ada')
    const { client, heard, caughtUp } = await stage.session('the-token-of-another-owner')
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(['madrox://tree'])
    expect(await textOf(client, 'madrox://tree')).toBe('There are no agents.')
    for (const uri of [screenOf(ada), outputOf(ada), `madrox://instances/${ada}/log`]) {
      expect(await refusalOf(client.readResource({ uri }))).toMatchObject({ code: -32_002, message: expect.stringContaining('not_found') })
      expect(await refusalOf(client.subscribeResource({ uri }))).toMatchObject({ code: -32_002 })
    }
    await client.subscribeResource({ uri: 'madrox://tree' })
    await stage.spawn('bob')
    stage.clock.advance(updatesEveryMs)
    await caughtUp()
    expect(heard).toEqual([])
    await stage.spawn('cyd', stage.client('theirs', { ownerId: asOwnerId('other') }))
    stage.clock.advance(updatesEveryMs)
    await caughtUp()
    expect(heard.toSorted()).toEqual(['list', 'madrox://tree'])
  })

  // Its CLI would have its tools only when it had listed all the rest: see `createServer`.
  test('an agent is offered tools and nothing beside them', async () => {
    const stage = await open()
    const { client } = await stage.session(tokenOf(stage, await stage.spawn('lead')))
    expect(client.getServerCapabilities()).toEqual({ tools: { listChanged: true } })
    expect(await refusalOf(client.readResource({ uri: 'madrox://tree' }))).toMatchObject({ code: -32_601 })
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('reply_to_caller')
  })
})

describe('updates', () => {
  const send = (stage: Open, to: AgentId): Promise<unknown> => stage.ask(stage.me, 'send_to_instance', { instance_id: to, message: 'go', wait_for_response: false })

  test('are told of what was subscribed to, at once and then once a second at most, the last of them never left out', async () => {
    const stage = await open()
    const [ada, bob] = [await stage.spawn('ada'), await stage.spawn('bob')]
    const { client, heard, caughtUp } = await stage.session()
    await client.subscribeResource({ uri: outputOf(ada) })
    const step = async (byMs: number): Promise<readonly string[]> => {
      stage.clock.advance(byMs)
      await caughtUp()
      return heard.splice(0)
    }
    expect(await step(0)).toEqual([])
    await send(stage, ada)
    await send(stage, bob)
    expect(await step(0)).toEqual([outputOf(ada)])
    stage.turn(ada, 'one')
    await send(stage, ada)
    stage.turn(ada, 'two')
    expect(await step(updatesEveryMs - 1)).toEqual([])
    expect(await step(1)).toEqual([outputOf(ada)])
    expect(await textOf(client, outputOf(ada))).toContain('two')
    expect(await step(10 * updatesEveryMs)).toEqual([])
    await client.unsubscribeResource({ uri: outputOf(ada) })
    await send(stage, ada)
    expect(await step(updatesEveryMs)).toEqual([])
  })

  test('of the tree come with spawns, ends and states it shows; a subscription by name says its own address', async () => {
    const stage = await open()
    const ada = await stage.spawn('ada')
    const { client, heard, caughtUp } = await stage.session()
    await client.subscribeResource({ uri: 'madrox://tree' })
    await client.subscribeResource({ uri: 'madrox://instances/ada/screen' })
    const step = async (): Promise<readonly string[]> => {
      stage.clock.advance(updatesEveryMs)
      await caughtUp()
      return heard.splice(0).toSorted()
    }
    await send(stage, ada)
    expect(await step()).toEqual(['madrox://instances/ada/screen', 'madrox://tree'])
    stage.begin(ada) // from one inner state of busy to the next
    expect(await step()).toEqual(['madrox://instances/ada/screen'])
    await stage.spawn('bob')
    expect(await step()).toEqual(['madrox://tree'])
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await step()).toEqual(['madrox://instances/ada/screen', 'madrox://tree'])
  })

  test('of the tree and of the list come with another name, which both show; with another limit, which neither does, they do not', async () => {
    const stage = await open()
    const ada = await stage.spawn('ada')
    const { client, heard, caughtUp } = await stage.session()
    await client.subscribeResource({ uri: 'madrox://tree' })
    await client.listResources()
    const after = async (changes: Record<string, unknown>): Promise<readonly string[]> => {
      await stage.ask(stage.me, 'resume_instance', { instance_id: ada, ...changes })
      stage.clock.advance(updatesEveryMs)
      await caughtUp()
      return heard.splice(0).toSorted()
    }
    expect(await after({ name: 'countess' })).toEqual(['list', 'madrox://tree'])
    expect(await textOf(client, 'madrox://tree')).toContain('countess')
    expect(await after({ max_total_tokens: 1_000 })).toEqual([])
  })

  test('of the list come when agents come and go, and only to who has read it', async () => {
    const stage = await open()
    const [reader, other] = [await stage.session(), await stage.session()]
    await reader.client.listResources()
    const heard = async (): Promise<readonly (readonly string[])[]> => {
      stage.clock.advance(updatesEveryMs)
      await reader.caughtUp()
      await other.caughtUp()
      return [reader.heard.splice(0), other.heard.splice(0)]
    }
    const ada = await stage.spawn('ada')
    await stage.spawn('bob')
    expect(await heard()).toEqual([['list'], []])
    await send(stage, ada)
    stage.turn(ada, 'done')
    expect(await heard()).toEqual([[], []])
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await heard()).toEqual([['list'], []])
  })
})
