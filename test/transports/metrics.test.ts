/** What Prometheus reads, from the real system behind the real server. */
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { MadroxError } from '../../src/errors.ts'
import { silentLog } from '../../src/log.ts'
import { createToolTable } from '../../src/tools/table.ts'
import { serveHttp } from '../../src/transports/http.ts'
import type { StageOptions } from '../actors/rig.ts'
import { stageAndServe } from '../inspector/feed.ts'
import { connect, serve } from './served.ts'

const token = 'the-token-of-another-owner'
const read = async (url: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${url}/metrics`, { headers })
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}
/** `name{labels}` → value. */
const samples = (text: string): ReadonlyMap<string, number> =>
  new Map(text.split('\n').filter(line => line !== '' && !line.startsWith('#')).map((line): [string, number] => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))

async function work(options: StageOptions = {}) {
  const stage = await stageAndServe(options)
  const ada = await stage.spawn('ada')
  for (const seconds of [3, 40]) {
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'do it', wait_for_response: false })
    stage.begin(ada)
    stage.clock.advance(seconds * 1000)
    stage.end(ada, { finalText: 'done' })
  }
  stage.fact(ada, { type: 'usageReported', unitId: 'u', model: 'mystery', inputTokens: 5, outputTokens: 6, cacheReadTokens: 7, cacheCreationTokens: 8 })
  return { stage, ada }
}

test('GET /metrics has the record in Prometheus\' text form, by harness and never by agent, and the process', async () => {
  const { stage, ada } = await work()
  const { status, type, text } = await read(stage.server.url)
  expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  const found = samples(text)
  expect(Object.fromEntries([...found].filter(([name]) => name.includes('harness="hand"') && found.get(name) !== 0 && !name.includes('_bucket')))).toEqual({
    'madrox_agents{harness="hand",state="idle"}': 1, 'madrox_agents_created_total{harness="hand"}': 1, 'madrox_messages_accepted_total{harness="hand"}': 2, 'madrox_messages_settled_total{harness="hand",outcome="answered"}': 2,
    'madrox_response_seconds_sum{harness="hand"}': 43, 'madrox_response_seconds_count{harness="hand"}': 2,
    'madrox_tokens_total{harness="hand",kind="input"}': 5, 'madrox_tokens_total{harness="hand",kind="output"}': 6, 'madrox_tokens_total{harness="hand",kind="cache_read"}': 7, 'madrox_tokens_total{harness="hand",kind="cache_creation"}': 8,
    'madrox_unpriced_models{harness="hand"}': 1,
  })
  expect(['2', '5', '30', '60', '+Inf'].map(le => found.get(`madrox_response_seconds_bucket{le="${le}",harness="hand"}`))).toEqual([0, 1, 1, 2, 2])
  expect(found.get('madrox_store_up')).toBe(1)
  expect(found.get('process_resident_memory_bytes')).toBeGreaterThan(0)
  expect(text).not.toContain(ada)
})

test('a second reading says the same: nothing is counted twice', async () => {
  const { stage } = await work()
  const own = (text: string) => [...samples(text)].filter(([name]) => name.startsWith('madrox_'))
  const first = own((await read(stage.server.url)).text)
  expect(first.length).toBeGreaterThan(20)
  expect(own((await read(stage.server.url)).text)).toEqual(first)
})

test('each caller is told of what it may see, and one that nobody knows of nothing', async () => {
  const { stage } = await work({ ownerTokens: { other: token } })
  const { status, text } = await read(stage.server.url, { authorization: `Bearer ${token}` })
  expect([status, samples(text).get('madrox_store_up'), samples(text).has('madrox_agents_created_total{harness="hand"}')]).toEqual([200, 1, false])
  const refused = await read(stage.server.url, { authorization: 'Bearer nonsense' })
  expect([refused.status, JSON.parse(refused.text)]).toEqual([401, { error: expect.objectContaining({ code: 'unauthenticated', remedy: expect.any(String) }) }])
  expect((await read(stage.server.url, { 'x-forwarded-for': '1.2.3.4' })).status).toBe(401)
})

test('a record that cannot be read is told as 503, with the words of the refusal', async () => {
  const stage = await stageAndServe({}, system => ({ ...system, countsByHarness: () => {
    throw new MadroxError('unavailable', 'The disk is gone.')
  } }))
  const { status, text } = await read(stage.server.url)
  expect([status, JSON.parse(text)]).toEqual([503, { error: { code: 'unavailable', message: 'The disk is gone.' } }])
})

test('docs/metrics.md lists every metric that is told, and no other', async () => {
  const { server } = await serve()
  const told = [...(await read(server.url)).text.matchAll(/^# TYPE (madrox_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
  const listed = [...readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8').matchAll(/^\| `(madrox_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => `${name} ${type}`)
  expect(listed.toSorted()).toEqual(told.toSorted())
  expect(told.length).toBeGreaterThan(5)
})

test('get_metrics over MCP: data that keeps to its output schema', async () => {
  const { stage } = await work()
  const server = await serveHttp({ system: stage.system, tools: createToolTable(), port: 0, log: silentLog, clock: stage.clock })
  onTestFinished(() => server.close())
  const { client } = await connect(`${server.url}/mcp`)
  await client.listTools() // the client checks answers against the schemas it was given
  expect((await client.callTool({ name: 'get_metrics', arguments: {} })).structuredContent).toMatchObject({ scope: 'all', messages: { accepted: 2, success_rate: 1 }, response_times: { median_seconds: 21.5 } })
})
