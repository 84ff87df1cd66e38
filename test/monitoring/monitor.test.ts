/** Monitoring over the real system, a real endpoint of its protocol that does what it is told, and time that stands still. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { localOwner } from '../../src/ids.ts'
import { type Log, silentLog } from '../../src/log.ts'
import { createSummaryFiles } from '../../src/monitoring/files.ts'
import { startMonitoring } from '../../src/monitoring/monitoring.ts'
import { timings } from '../../src/monitoring/monitor.ts'
import type { Summaries, Summary } from '../../src/monitoring/summaries.ts'
import { knowSecrets } from '../../src/redaction.ts'
import { createStage, type Stage } from '../actors/rig.ts'
import { type Scripted, startCompletions } from '../fakes/completions.ts'

const good = { activity_overview: 'Ada counts.', key_accomplishments: ['counted'], next_steps: ['sum up'], completion_percentage: 40 }
const says = (answer: unknown): Scripted => ({ says: JSON.stringify(answer) })

/** A system that is monitored, with one agent; `nextKept`: the next summary that is on disk from now on. */
async function createMonitored(script: readonly Scripted[], more: { readonly key?: string; readonly model?: string; readonly url?: string } = { key: 'the-key-of-the-endpoint', model: 'some/model' }) {
  const endpoint = await startCompletions(...script)
  const { home } = createStage()
  const files = createSummaryFiles({ dir: join(home, 'summaries'), log: silentLog })
  const waiting: ((summary: Summary) => void)[] = []
  const book: Summaries = { ...files, keep: async summary => {
    await files.keep(summary)
    for (const told of waiting.splice(0)) told(summary)
  } }
  const told: string[] = []
  const note = (level: keyof Log) => (message: string) => void told.push(`${level}: ${message}`)
  const stage = createStage({ summaries: book })
  const ada = await stage.spawn('ada')
  const monitor = startMonitoring({ url: endpoint.url, ...more }, { system: stage.system, owners: [localOwner], book, clock: stage.clock, log: { ...silentLog, info: note('info'), warn: note('warn') } })
  onTestFinished(() => monitor.close())
  const nextKept = (): Promise<Summary> => new Promise(resolve => waiting.push(resolve))
  const work = async (text: string): Promise<void> => {
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: text, wait_for_response: false })
    stage.turn(ada, `did ${text}`)
  }
  /** Time passes, tick by tick; what a tick sets off comes to rest first. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= timings.every) {
      stage.clock.advance(Math.min(left, timings.every))
      await stage.settle()
    }
  }
  return { stage, ada, monitor, endpoint, told, nextKept, work, pass, onDisk: (): unknown => JSON.parse(readFileSync(join(home, 'summaries', `${ada}.json`), 'utf8')) }
}

const summaryOf = (stage: Stage, id: string) => stage.ask(stage.me, 'get_agent_summary', { instance_id: id })

describe('monitoring', () => {
  test('has a changed agent summed up after 12 s, by the endpoint\'s protocol, and get_agent_summary gives that, labelled', async () => {
    const { stage, ada, endpoint, told, nextKept, work, onDisk } = await createMonitored([says(good)])
    await work('the count')
    const kept = nextKept()
    stage.clock.advance(timings.every - 1)
    expect(endpoint.asked).toEqual([])
    stage.clock.advance(1)
    expect(await kept).toMatchObject({ source: 'model', model: 'some/model' })
    const [asked] = endpoint.asked
    expect(asked).toMatchObject({ path: '/v1/chat/completions', headers: { authorization: 'Bearer the-key-of-the-endpoint' }, body: { model: 'some/model', response_format: { type: 'json_schema', json_schema: { strict: true } } } })
    expect(asked?.body.messages.at(-1)?.content).toContain('[message] the count\n[reply] did the count')
    expect(await summaryOf(stage, ada)).toMatchObject({ source: 'model', model: 'some/model', activity_overview: 'Ada counts.', key_accomplishments: ['counted'], next_steps: ['sum up'], completion_percentage: 40, completion_basis: "the model's estimate", tokens_used: 0 })
    expect(onDisk()).toMatchObject({ source: 'model', activity_overview: 'Ada counts.' })
    expect(told).toEqual([expect.stringMatching(/^warn: Monitoring is on: what agents say and do is sent to http:.* \(some\/model\)/)])
  })

  test('an agent that changes all the time is asked about once a minute, one that does not change never', async () => {
    const { stage, endpoint, nextKept, work, pass } = await createMonitored([says(good)])
    await stage.spawn('bob')
    await work('one')
    const first = nextKept()
    stage.clock.advance(timings.every)
    await first
    await nextKept()
    await stage.settle()
    expect(endpoint.asked).toHaveLength(2)
    await work('two')
    await pass(timings.cached - timings.every)
    expect(endpoint.asked).toHaveLength(2)
    const second = nextKept()
    await pass(timings.every)
    expect(await second).toMatchObject({ name: 'ada' })
    await pass(10 * timings.cached)
    expect(endpoint.asked).toHaveLength(3)
  })

  test('a model\'s summary is given for a minute, then the record\'s', async () => {
    const { stage, ada, nextKept, work } = await createMonitored([says({ ...good, completion_percentage: null }), 'hang'])
    await work('one')
    const kept = nextKept()
    stage.clock.advance(timings.every)
    await kept
    expect(await summaryOf(stage, ada)).toMatchObject({ source: 'model', completion_percentage: null, completion_basis: 'not known' })
    stage.clock.advance(timings.cached)
    expect(await summaryOf(stage, ada)).toMatchObject({ source: 'record', completion_percentage: 100 })
  })

  test('sends no secret', async () => {
    onTestFinished(knowSecrets(['a-planted-secret']))
    const { stage, endpoint, nextKept, work } = await createMonitored([says(good)])
    await work(`${'x'.repeat(990)}a-planted-secret`)
    await work('use a-planted-secret')
    const kept = nextKept()
    stage.clock.advance(timings.every)
    await kept
    expect(JSON.stringify(endpoint.asked[0]?.body)).toContain('[redacted]')
    expect(JSON.stringify(endpoint.asked[0]?.body)).not.toContain('a-pl')
  })
})

describe('a model that fails', () => {
  test.each<[string, Scripted]>([
    ['answers 500', { status: 500 }],
    ['answers 401', { status: 401 }],
    ['answers prose', { says: 'Ada is doing well.' }],
    ['answers another shape', says({ summary: 'x' })],
    ['answers beyond the bounds', says({ ...good, completion_percentage: 400 })],
    ['answers no completion', { body: '{"choices":[]}' }],
    ['answers what is no JSON', { body: '<html>' }],
  ])('%s: the record sums up, and it is said once', async (_, entry) => {
    const { stage, ada, told, nextKept, work, pass, endpoint } = await createMonitored([entry])
    await work('the count')
    const kept = nextKept()
    stage.clock.advance(timings.every)
    expect(await kept).toMatchObject({ source: 'record', keyAccomplishments: ['the count → did the count'] })
    expect(await summaryOf(stage, ada)).toMatchObject({ source: 'record' })
    await stage.settle()
    const again = nextKept()
    await pass(timings.cached)
    expect(await again).toMatchObject({ source: 'record' })
    expect(endpoint.asked).toHaveLength(2)
    expect(told.filter(line => line.includes('failed'))).toEqual([expect.stringMatching(/^warn: The model that sums up failed; it is asked again in 24 s\. Summaries come from the record meanwhile\./)])
  })

  test('is asked more and more seldom, and again at once when it has answered', async () => {
    const { stage, endpoint, told, nextKept, work, pass } = await createMonitored([{ status: 500 }])
    await work('one')
    const begun = stage.clock.now()
    const askedAt: number[] = []
    // Nothing more happens to the agent: it is the failure that has it looked at again.
    const untilKept = async (ms: number): Promise<Summary> => {
      const before = endpoint.asked.length
      const kept = nextKept()
      await pass(ms)
      const summary = await kept
      await stage.settle()
      if (endpoint.asked.length > before) askedAt.push((stage.clock.now() - begun) / 1000)
      return summary
    }
    await untilKept(timings.every)
    for (let minute = 1; minute < 30; minute++) expect(await untilKept(timings.cached)).toMatchObject({ source: 'record' })
    expect(askedAt).toEqual([12, 72, 132, 252, 492, 912, 1512])
    endpoint.script(says(good))
    for (let minute = 30; minute < 35; minute++) await untilKept(timings.cached)
    expect(await untilKept(timings.cached)).toMatchObject({ source: 'model', activityOverview: 'Ada counts.' })
    expect(told.at(-1)).toBe('info: The model that sums up answers again.')
  })

  test('one that does not answer is given up after 20 s, and holds up nobody', async () => {
    const { stage, ada, told, endpoint, nextKept, work } = await createMonitored(['hang'])
    await work('one')
    const arrived = endpoint.next()
    stage.clock.advance(timings.every)
    await arrived
    await work('two')
    expect(await summaryOf(stage, ada)).toMatchObject({ source: 'record' })
    const kept = nextKept()
    stage.clock.advance(timings.answer)
    expect(await kept).toMatchObject({ source: 'record' })
    expect(told.at(-1)).toContain('The model that sums up failed')
  })

  test('closing gives up what is under way, and says nothing of it', async () => {
    const { stage, told, endpoint, monitor, work } = await createMonitored(['hang'])
    await work('one')
    const arrived = endpoint.next()
    stage.clock.advance(timings.every)
    await arrived
    const before = told.length
    await monitor.close()
    stage.clock.advance(10 * timings.cached)
    expect([told.length, endpoint.asked.length]).toEqual([before, 1])
  })
})

describe('what is missing', () => {
  test.each([
    ['a model', { key: 'some-key-or-other' }, 'OPENROUTER_MODEL is not set'],
    ['the key of OpenRouter', { model: 'm', url: 'https://openrouter.ai/api/v1' }, 'OPENROUTER_API_KEY is not set'],
    ['both', { url: 'https://openrouter.ai/api/v1' }, 'OPENROUTER_MODEL and OPENROUTER_API_KEY are not set'],
  ])('without %s the record sums up, nothing leaves, and that is said', async (_, given, words) => {
    const { stage, endpoint, told, nextKept, work } = await createMonitored([says(good)], given)
    await work('one')
    const kept = nextKept()
    stage.clock.advance(timings.every)
    expect(await kept).toMatchObject({ source: 'record' })
    expect([endpoint.asked.length, told]).toEqual([0, [expect.stringContaining(words)]])
  })
})
