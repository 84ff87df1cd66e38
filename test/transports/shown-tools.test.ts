/** `tools/list_changed`: told when policy takes from a session what spawns, or gives it back, and at no other time. */

import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ListRootsRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, test } from 'vitest'
import { asOwnerId, type AgentId } from '../../src/ids.ts'
import { stageAndServe, type Watched } from '../inspector/feed.ts'
import { connect } from './served.ts'

interface Session {
  readonly client: Client
  /** How often it was told since the last look; what was told before is in. */
  told(): Promise<number>
  spawning(): Promise<readonly string[]>
}

function tokenOf(stage: Watched, id: AgentId): string | undefined {
  const started = stage.commands.find(command => command.type === 'startAgent' && command.agentId === id)
  return started?.type === 'startAgent' ? started.launch.madrox?.token : undefined
}

/** With its standing stream open: a question for roots comes by it, behind all that was told before. */
async function open({ server }: Watched, token?: string, query = ''): Promise<Session> {
  let count = 0
  let asked = (): void => {}
  const question = (): Promise<void> => new Promise(resolve => (asked = resolve))
  const first = question()
  const { client } = await connect(`${server.url}/mcp${query}`, {
    ...(token ? { token } : {}),
    capabilities: { roots: { listChanged: true } },
    prepare: raw => {
      raw.setNotificationHandler(ToolListChangedNotificationSchema, () => void count++)
      raw.setRequestHandler(ListRootsRequestSchema, () => {
        asked()
        return { roots: [] }
      })
    },
  })
  await first
  return {
    client,
    told: async () => {
      const next = question()
      await client.sendRootsListChanged()
      await next
      const heard = count
      count = 0
      return heard
    },
    spawning: async () => (await client.listTools()).tools.map(({ name }) => name).filter(name => name.startsWith('spawn_')),
  }
}

const all = ['spawn_claude', 'spawn_codex', 'spawn_agent', 'spawn_multiple_instances', 'spawn_team_from_template']
const supervisors = ['spawn_claude', 'spawn_codex', 'spawn_multiple_instances']

test('orchestration switched off takes from a client what spawns, and tells it; a call is still refused in words; switched on, all is back', async () => {
  const stage = await stageAndServe()
  const session = await open(stage)
  expect(await session.spawning()).toEqual(all)
  await session.client.callTool({ name: 'set_policy', arguments: { orchestration: 'off' } })
  expect(await session.told()).toBe(1)
  expect(await session.spawning()).toEqual([])
  expect(await session.client.callTool({ name: 'spawn_agent', arguments: { harness: 'hand', name: 'ada' } })).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('against_policy') }] })
  await session.client.callTool({ name: 'set_policy', arguments: { orchestration: null } })
  expect(await session.told()).toBe(1)
  expect(await session.spawning()).toEqual(all)
})

test('off and on again, before the client looked, is told twice: what it has last seen may be either', async () => {
  const stage = await stageAndServe()
  const session = await open(stage)
  await session.spawning()
  await stage.ask(stage.me, 'set_policy', { orchestration: 'off' })
  await stage.ask(stage.me, 'set_policy', { orchestration: 'on' })
  expect(await session.told()).toBe(2)
})

test('of an agent’s policy hear that agent and those below it who were shown what spawns, and nobody else', async () => {
  const stage = await stageAndServe()
  const lead = await stage.spawn('lead')
  const [kid, leaf, peer] = [await stage.spawn('kid', stage.as(lead)), await stage.spawn('leaf', stage.as(lead), { toolset: 'leaf' }), await stage.spawn('peer')]
  const sessions = { client: await open(stage), lead: await open(stage, tokenOf(stage, lead)), kid: await open(stage, tokenOf(stage, kid)), leaf: await open(stage, tokenOf(stage, leaf)), peer: await open(stage, tokenOf(stage, peer)) }
  const each = async <Found>(look: (session: Session) => Promise<Found>): Promise<Record<string, Found>> => Object.fromEntries(await Promise.all(Object.entries(sessions).map(async ([name, session]) => [name, await look(session)] as const)))
  expect(await each(session => session.spawning())).toEqual({ client: all, lead: supervisors, kid: supervisors, leaf: [], peer: supervisors })
  await stage.ask(stage.me, 'set_policy', { instance_id: lead, orchestration: 'off' })
  expect(await each(session => session.told())).toEqual({ client: 0, lead: 1, kid: 1, leaf: 0, peer: 0 })
  expect(await each(session => session.spawning())).toEqual({ client: all, lead: [], kid: [], leaf: [], peer: supervisors })
})

test.each([
  ['another policy', { max_depth: 4 }],
  ['the same again', { orchestration: 'on' }],
])('%s tells nobody', async (_what, change) => {
  const stage = await stageAndServe()
  const session = await open(stage)
  await session.spawning()
  await stage.ask(stage.me, 'set_policy', change)
  expect(await session.told()).toBe(0)
})

test('a session that never asked for tools, one that shows a leaf’s, and another owner’s are told nothing', async () => {
  const stage = await stageAndServe({ ownerTokens: { local: 'a-token-of-my-own-as-long', other: 'the-token-of-another-owner' } })
  const [mine, leafs, others] = [await open(stage, 'a-token-of-my-own-as-long'), await open(stage, 'a-token-of-my-own-as-long', '?toolset=leaf'), await open(stage, 'the-token-of-another-owner')]
  expect([await leafs.spawning(), await others.spawning()]).toEqual([[], all])
  await stage.ask(stage.client('local', { ownerId: asOwnerId('local') }), 'set_policy', { orchestration: 'off' })
  expect([await mine.told(), await leafs.told(), await others.told()]).toEqual([0, 0, 0])
  expect([await mine.spawning(), await others.spawning()]).toEqual([[], all])
})
