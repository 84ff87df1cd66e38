/** Every limit of the specification as a client meets it by MCP: what is refused says which limit, why, and what to do; what happens later is told and on record. */
import { describe, expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createPrices } from '../../src/prices.ts'
import type { StageOptions } from '../actors/rig.ts'
import { stageAndServe, type Watched } from '../inspector/feed.ts'
import { connect } from './served.ts'

interface Open extends Omit<Watched, 'ask'> {
  /** The data of an answer. */
  ask(tool: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>
  /** The words of a refusal, which has no data. */
  refused(tool: string, args?: Record<string, unknown>): Promise<string>
  use(id: AgentId, inputTokens: number, model?: string): void
}

let count = 0
async function open(options: StageOptions = {}): Promise<Open> {
  const stage = await stageAndServe({ prices: createPrices({ dear: { input: 5, output: 5, cacheRead: 0, cacheWrite: 5 } }), ...options })
  const { client } = await connect(`${stage.server.url}/mcp`)
  const call = async (name: string, args: Record<string, unknown> = {}) => {
    const { isError = false, content, structuredContent } = await client.callTool({ name, arguments: args })
    return { isError, structuredContent, text: (content as readonly { readonly text: string }[])[0]?.text ?? '' } // of a tool that answers in text
  }
  return {
    ...stage,
    ask: async (tool, args) => {
      const { isError, text } = await call(tool, args)
      if (isError) throw new Error(text)
      return JSON.parse(text) as Record<string, unknown>
    },
    refused: async (tool, args) => {
      const { isError, structuredContent, text } = await call(tool, args)
      expect([isError, structuredContent]).toEqual([true, undefined])
      return text
    },
    use: (id, inputTokens, model = 'scripted') => stage.fact(id, { type: 'usageReported', unitId: `u${++count}`, model, inputTokens, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 }),
  }
}

const spawn = { harness: 'hand', workspace: 'isolated' } as const
const spawned = async ({ ask }: Open, name: string, more: Record<string, unknown> = {}): Promise<AgentId> => String((await ask('spawn_agent', { ...spawn, name, ...more }))['instance_id']) as AgentId // as it was told
const told = async ({ ask }: Open): Promise<readonly string[]> => ((await ask('get_pending_replies'))['replies'] as readonly { readonly response: string }[]).map(({ response }) => response)
const audited = async ({ ask }: Open, event: string): Promise<unknown> => (await ask('get_audit_logs', { event }))['entries']

describe('over MCP, a spawn beyond a limit is refused and nothing is changed:', () => {
  test('living processes', async () => {
    const opened = await open({ limits: { maxInstances: 1 } })
    await spawned(opened, 'ada')
    expect(await opened.refused('spawn_agent', { ...spawn, name: 'bob' })).toBe('limit_reached: 1 agents have a living process and the limit is 1. Terminate or suspend some (terminate_instance, suspend_instance), or start the server with a higher MAX_INSTANCES.')
    expect(opened.store.listAgents()).toHaveLength(1)
  })

  test('levels', async () => {
    const opened = await open({ limits: { maxDepth: 1 } })
    await spawned(opened, 'ada')
    expect(await opened.refused('spawn_agent', { ...spawn, name: 'bob', parent_instance_id: 'ada' })).toBe('limit_reached: The agent would stand 2 levels deep and the limit is 1. Spawn it from an agent higher up.')
  })

  test('children of one agent', async () => {
    const opened = await open({ limits: { maxChildren: 1 } })
    await spawned(opened, 'ada')
    await spawned(opened, 'bob', { parent_instance_id: 'ada' })
    expect(await opened.refused('spawn_agent', { ...spawn, name: 'cyd', parent_instance_id: 'ada' })).toBe('limit_reached: Its supervisor would have 2 agents and the limit is 1. Terminate one of them, or spawn it below one of them.')
  })

  test('what living trees have cost in all; messages are refused with it', async () => {
    const opened = await open({ limits: { maxTotalCost: 5 } })
    opened.use(await spawned(opened, 'ada'), 1_000_000, 'dear')
    const words = 'limit_reached: Your living agents and those that ended below them have cost $5, and the limit is $5. Terminate a team that is no longer needed, or start the server with a higher MADROX_MAX_TOTAL_COST.'
    expect(await opened.refused('spawn_agent', { ...spawn, name: 'bob' })).toBe(words)
    expect(await opened.refused('send_to_instance', { instance_id: 'ada', message: 'go on' })).toBe(words)
  })

  test.each([
    ['max_total_tokens', { maxTokensPerInstance: 100 }, 101, 'limit_reached: max_total_tokens would give "ada" more than this server allows an agent: 100. Ask for at most that, or for none: that holds anyway.'],
    ['timeout_minutes', { maxMinutesPerInstance: 5 }, 6, 'limit_reached: timeout_minutes would give "ada" more than this server allows an agent: 5. Ask for at most that, or for none: that holds anyway.'],
  ])('%s of one agent, as the server allows it', async (parameter, limits, asked, words) => {
    const opened = await open({ limits })
    expect(await opened.refused('spawn_agent', { ...spawn, name: 'ada', [parameter]: asked })).toBe(words)
  })

  test.each([
    ['max_total_tokens', 100, 101, 'exceeds_parent: max_total_tokens would give "bob" more than "ada" above it has left: 100 of 100. Ask for at most that, or for none: what it uses counts there anyway.'],
    ['max_cost', 2, 3, 'exceeds_parent: max_cost would give "bob" more than "ada" above it has left: $2 of $2. Ask for at most that, or for none: what it uses counts there anyway.'],
    ['timeout_minutes', 10, 11, 'exceeds_parent: timeout_minutes would give "bob" more than "ada" above it has left: 10 minutes. Ask for at most that, or for none: what it uses counts there anyway.'],
  ])('%s of a child, as its supervisor has left', async (parameter, given, asked, words) => {
    const opened = await open()
    await spawned(opened, 'ada', { [parameter]: given })
    expect(await opened.refused('spawn_agent', { ...spawn, name: 'bob', parent_instance_id: 'ada', [parameter]: asked })).toBe(words)
  })
})

const reached: readonly (readonly [string, StageOptions, Record<string, unknown>, string])[] = [
  ['its own tokens', {}, { max_total_tokens: 100 }, 'max_total_tokens 100 (100 used by it and its agents)'],
  ["the server's tokens", { limits: { maxTokensPerInstance: 100 } }, {}, 'max_total_tokens 100 (100 used by it and its agents)'],
  ['its cost', {}, { max_cost: 0.0005 }, 'max_cost $0.0005 ($0.0005 used by it and its agents)'],
  ['its time', {}, { timeout_minutes: 10 }, 'timeout_minutes 10'],
  ["the server's time", { limits: { maxMinutesPerInstance: 10 } }, {}, 'timeout_minutes 10'],
]

describe.each(reached)('over MCP, an agent that has used up %s', (_, options, given, detail) => {
  const useUp = async (opened: Open, id: AgentId): Promise<void> => {
    opened.use(id, 100, 'dear')
    await opened.settle() // one that ends there ends before its time
    opened.clock.advance(10 * 60_000)
    await opened.settle()
  }

  test('is ended, and everybody can read why', async () => {
    const opened = await open(options)
    const ada = await spawned(opened, 'ada', given)
    await useUp(opened, ada)
    expect(await opened.ask('get_instance_status', { instance_id: ada })).toMatchObject({ state: 'terminated', end_reason: `limit reached: ${detail}` })
    expect(await told(opened)).toEqual([`ada has ended: limit reached: ${detail}.`])
    expect(await audited(opened, 'limit_reached')).toMatchObject([{ instance_id: ada, detail, then: 'end' }])
    expect(await opened.refused('send_to_instance', { instance_id: ada, message: 'go on' })).toContain(`agent_ended: Agent "ada" (${ada}) has ended: limit reached: ${detail}. Spawn another`)
  })

  test('is held under at_limit interrupt, and everybody can read why and what to do', async () => {
    const opened = await open(options)
    await opened.ask('set_policy', { at_limit: 'interrupt', reason: 'the user wants to decide' })
    const ada = await spawned(opened, 'ada', given)
    await useUp(opened, ada)
    expect(await opened.ask('get_instance_status', { instance_id: ada })).toMatchObject({ state: 'interrupted', health: 'held at a limit', limits: { reached: [{ detail, of: 'ada' }] } })
    expect(await told(opened)).toEqual([expect.stringMatching(new RegExp(`^ada has reached its limit: ${detail.replaceAll(/[$().]/g, String.raw`\$&`)}\\. Its turn is interrupted, .* You can (?:raise it|start the server with a higher MADROX_MAX_\\w+).*, end it \\(terminate_instance ${ada}\\), or leave it as it is\\.$`))])
    expect(await audited(opened, 'limit_reached')).toMatchObject([{ instance_id: ada, detail, then: 'interrupt' }])
    expect(await opened.refused('send_to_instance', { instance_id: ada, message: 'go on' })).toMatch(/^limit_reached: "ada" is held at its limit: .* Nothing is delivered to it\. Whoever supervises "ada" can .*, or end it \(terminate_instance \w+\)\.$/)
    expect(opened.store.listOpenMessages()).toEqual([])
  })
})

describe('over MCP, an agent of which nothing is heard', () => {
  test('is said to be stuck while it is busy, once, with what can be done', async () => {
    const opened = await open({ limits: { stuckMinutes: 1 } })
    const ada = await spawned(opened, 'ada')
    await opened.ask('send_to_instance', { instance_id: ada, message: 'work', wait_for_response: false })
    opened.begin(ada)
    opened.clock.advance(2 * 60_000)
    expect(await opened.ask('get_instance_status', { instance_id: ada })).toMatchObject({ state: 'busy', health: 'stuck' })
    expect(await told(opened)).toEqual(['ada is busy, and nothing was heard of it for 1 minutes: it may be stuck. Look at get_terminal_screen; interrupt_instance stops its turn, terminate_instance ends it.'])
    expect(await audited(opened, 'agent_stuck')).toMatchObject([{ instance_id: ada }])
  })

  test('is suspended while it is idle, and its next message wakes it', async () => {
    const opened = await open({ limits: { idleMinutes: 1 } })
    const ada = await spawned(opened, 'ada')
    opened.clock.advance(60_000)
    await opened.settle()
    expect(await opened.ask('get_instance_status', { instance_id: ada })).toMatchObject({ state: 'idle', detail: 'idle.suspended.resting', pid: null })
    expect(await audited(opened, 'agent_suspended')).toMatchObject([{ instance_id: ada, why: 'idle' }])
    await opened.ask('send_to_instance', { instance_id: ada, message: 'work', wait_for_response: false })
    await opened.settle()
    expect(opened.begin(ada)).toContain('work')
  })
})
