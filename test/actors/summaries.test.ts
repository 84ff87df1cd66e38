/** Summaries from the record: what they say, what they leave out, and where they are kept. */
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { asOwnerId, localOwner } from '../../src/ids.ts'
import { silentLog } from '../../src/log.ts'
import { createSummaryFiles, forgetSummaries } from '../../src/monitoring/files.ts'
import { knowSecrets } from '../../src/redaction.ts'
import { createStage, type Stage, type StageOptions } from './rig.ts'

const send = (stage: Stage, id: string, message: string) => stage.ask(stage.me, 'send_to_instance', { instance_id: id, message, wait_for_response: false })
const summaryOf = (stage: Stage, id: string, by: Parameters<Stage['ask']>[0] = stage.me) => stage.ask(by, 'get_agent_summary', { instance_id: id })

/** A stage that keeps its summaries in its home. */
function createKeeping(options: StageOptions = {}) {
  const { home } = createStage()
  const dir = join(home, 'summaries')
  const warnings: string[] = []
  const stage = createStage({ ...options, summaries: createSummaryFiles({ dir, log: { ...silentLog, warn: message => void warnings.push(message) } }) })
  return { stage, dir, warnings, kept: (id: string): unknown => JSON.parse(readFileSync(join(dir, `${id}.json`), 'utf8')) }
}

describe('get_agent_summary', () => {
  test('tells activity, what was answered, what is due and tokens, and keeps it on disk', async () => {
    const { stage, dir, kept } = createKeeping()
    const ada = await stage.spawn('ada')
    await send(stage, ada, 'Count the files.\nAll of them.')
    stage.begin(ada)
    stage.fact(ada, { type: 'outputProduced', kind: 'tool_call', tool: 'Bash', content: '{"command":"ls"}' })
    stage.end(ada, { finalText: 'There are 7.\nSee above.' })
    await send(stage, ada, 'Now the folders.')
    stage.begin(ada)
    await send(stage, ada, 'Then rest.')
    stage.fact(ada, { type: 'usageReported', unitId: 'u', model: 'm', inputTokens: 5, outputTokens: 6, cacheReadTokens: 7, cacheCreationTokens: 8 })
    const summary = await summaryOf(stage, ada, { kind: 'owner', ownerId: localOwner })
    expect(summary).toEqual({
      instance_id: ada, name: 'ada', state: 'busy', source: 'record', at: '2026-01-01T00:00:00.000Z',
      activity_overview: 'ada (hand, general) is busy since 2026-01-01T00:00:00.000Z. Of its messages: 1 answered, 2 open. Tools it called lately: Bash 1.',
      key_accomplishments: ['Count the files. → There are 7.'], next_steps: ['Now: Now the folders.', 'Not begun: Then rest.'],
      completion_percentage: 33, completion_basis: 'share of its messages that have an outcome', tokens_used: 19,
    })
    const { completion_basis: _, ...onDisk } = summary
    expect(kept(ada)).toEqual(onDisk)
    expect(readdirSync(dir)).toEqual([`${ada}.json`])
  })

  test('what the record does not know is null, and says so', async () => {
    const stage = createStage()
    expect(await summaryOf(stage, await stage.spawn('new'))).toMatchObject({ completion_percentage: null, completion_basis: 'not known', key_accomplishments: [], next_steps: [], tokens_used: 0, activity_overview: expect.stringContaining('It was given no message. No tool calls are on record.') })
  })

  test('of an ended agent it tells why it ended, and nothing as due', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await send(stage, ada, 'never begun')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await summaryOf(stage, ada)).toMatchObject({ state: 'terminated', activity_overview: expect.stringMatching(/ended at .*: terminated by its client\. Of its messages: 1 agent gone\./), next_steps: [], completion_percentage: 100 })
  })

  test('a decision that somebody has to take is due first', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    await send(stage, ada, 'do it')
    stage.begin(ada)
    stage.fact(ada, { type: 'approvalRequested', approvalId: 'a', tool: 'Bash', detail: 'rm' })
    expect(await summaryOf(stage, ada)).toMatchObject({ next_steps: ['Somebody decides whether it may use Bash.', 'Now: do it'] })
  })

  test('a secret is in neither the answer nor the file', async () => {
    const { stage, kept } = createKeeping()
    const forget = knowSecrets(['a-planted-secret'])
    const ada = await stage.spawn('ada')
    await send(stage, ada, `use ${'x'.repeat(150)} a-planted-secret`)
    stage.turn(ada, 'done')
    await send(stage, ada, 'use a-planted-secret')
    stage.turn(ada, 'used a-planted-secret')
    expect(JSON.stringify([await summaryOf(stage, ada), kept(ada)])).toContain('[redacted]')
    expect(JSON.stringify([await summaryOf(stage, ada), kept(ada)])).not.toContain('a-pl')
    forget()
  })

  test('is for those who may see the agent', async () => {
    const stage = createStage()
    const [ada, bob] = [await stage.spawn('ada'), await stage.spawn('bob')]
    expect(await stage.refusal(stage.as(ada), 'get_agent_summary', { instance_id: bob })).toBe('not_allowed')
    expect(await stage.refusal(stage.me, 'get_agent_summary', { instance_id: 'nobody' })).toBe('not_found')
    expect(await stage.refusal(stage.me, 'get_agent_summary', {})).toBe('invalid_input')
  })
})

describe('get_all_agent_summaries', () => {
  test('gives each, and the team together; living ones unless asked otherwise', async () => {
    const stage = createStage()
    const [ada, bob] = [await stage.spawn('ada'), await stage.spawn('bob')]
    await stage.spawn('eve')
    await send(stage, ada, 'one')
    stage.turn(ada, 'done')
    await send(stage, bob, 'two')
    stage.begin(bob)
    stage.fact(ada, { type: 'usageReported', unitId: 'u', model: 'm', inputTokens: 5, outputTokens: 6, cacheReadTokens: 7, cacheCreationTokens: 8 })
    const team = await stage.ask(stage.me, 'get_all_agent_summaries')
    expect(team).toMatchObject({ total: 3, summaries: [{ name: 'ada' }, { name: 'bob' }, { name: 'eve' }], aggregated_insights: { team_status: '3 agents: 2 idle, 1 busy.', total_tokens_used: 19, average_completion_percentage: 50 } })
    expect(await stage.ask(stage.me, 'get_all_agent_summaries', { status_filter: 'busy' })).toMatchObject({ total: 1, summaries: [{ name: 'bob' }] })
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(await stage.ask(stage.me, 'get_all_agent_summaries')).toMatchObject({ total: 2 })
    expect(await stage.ask(stage.me, 'get_all_agent_summaries', { status_filter: 'all', limit: 1 })).toMatchObject({ total: 3, summaries: [{ name: 'eve' }], aggregated_insights: { team_status: '3 agents: 1 idle, 1 busy, 1 terminated.', total_tokens_used: 19, average_completion_percentage: null } })
  })

  test('of nobody: no average, and nothing of another owner', async () => {
    const stage = createStage()
    await stage.spawn('ada')
    const stranger = stage.client('stranger', { ownerId: asOwnerId('else') })
    expect(await stage.ask(stranger, 'get_all_agent_summaries')).toEqual({ summaries: [], total: 0, aggregated_insights: { team_status: 'There are no such agents.', total_tokens_used: 0, average_completion_percentage: null } })
    expect(await stage.refusal(stage.me, 'get_all_agent_summaries', { status_filter: 'sleeping' })).toBe('invalid_input')
  })
})

describe('the files', () => {
  test('a disk that cannot be written costs one warning and no answer', async () => {
    const { stage, dir, warnings } = createKeeping()
    const ada = await stage.spawn('ada')
    mkdirSync(join(dir, '..'), { recursive: true })
    writeFileSync(dir, 'a file where the directory should be')
    expect(await summaryOf(stage, ada)).toMatchObject({ name: 'ada' })
    expect(await summaryOf(stage, ada)).toMatchObject({ name: 'ada' })
    expect(warnings).toEqual(['A summary could not be kept on disk.'])
    rmSync(dir)
    await summaryOf(stage, ada)
    expect(readdirSync(dir)).toEqual([`${ada}.json`])
  })

  test('those that nobody renews are forgotten', async () => {
    const { stage, dir } = createKeeping()
    const [ada, bob] = [await stage.spawn('ada'), await stage.spawn('bob')]
    await Promise.all([ada, bob].map(id => summaryOf(stage, id)))
    utimesSync(join(dir, `${ada}.json`), 1, 1)
    await forgetSummaries({ dir, log: silentLog }, 10_000)
    expect(readdirSync(dir)).toEqual([`${bob}.json`])
    await forgetSummaries({ dir: join(dir, 'nowhere'), log: silentLog }, 10_000)
  })
})
