/** Messages as spans: to a collector over HTTP, and in memory. The system is real, its agents are driven by hand. */
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace-node'
import { describe, expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../../src/log.ts'
import { knowSecrets } from '../../src/redaction.ts'
import { createOtelTracing, type OtelOptions, spanIdOf, traceIdOf } from '../../src/telemetry/otel.ts'
import { createStage, type Stage } from '../actors/rig.ts'
import { startCollector } from './collector.ts'

const start = Date.UTC(2026, 0, 1)
const nano = (ms: number): string => `${start + ms}000000`
const toSpan = (span: ReadableSpan) => ({ name: span.name, attributes: span.attributes, events: span.events.map(({ name }) => name), status: span.status, parent: span.parentSpanContext?.spanId, ...span.spanContext() })

const send = async (stage: Stage, id: string, message: string, by: Parameters<Stage['ask']>[0] = stage.me): Promise<string> =>
  String((await stage.ask(by, 'send_to_instance', { instance_id: id, message, wait_for_response: false }))['message_id'])

/** A stage whose spans can be read when it has closed; its exporter keeps them over that. */
function createTraced(options: Partial<OtelOptions> = {}) {
  const memory = new InMemorySpanExporter()
  const exporter = { export: memory.export.bind(memory), shutdown: () => Promise.resolve() }
  const tracing = createOtelTracing({ log: silentLog, exporter, ...options })
  return { stage: createStage({ tracing }), tracing, exporter, spans: async () => {
    await tracing.close()
    return memory.getFinishedSpans().map(toSpan)
  } }
}

/** A task for lead, a part of it for kid, and both answers. */
async function teamwork(stage: Stage) {
  const lead = await stage.spawn('lead', stage.me, { model: 'opus' })
  const kid = await stage.spawn('kid', stage.as(lead))
  const task = await send(stage, lead, 'the task')
  stage.clock.advance(100)
  stage.begin(lead)
  const part = await send(stage, kid, 'a part of it', stage.as(lead))
  stage.clock.advance(1_000)
  stage.begin(kid)
  stage.clock.advance(2_000)
  stage.fact(kid, { type: 'usageReported', unitId: 'u', model: 'm', inputTokens: 5, outputTokens: 6, cacheReadTokens: 7, cacheCreationTokens: 8 })
  stage.end(kid, { finalText: 'the part' })
  await stage.ask(stage.as(lead), 'reply_to_caller', { reply_message: 'the whole' })
  return { lead, kid, task, part }
}

describe('a collector over HTTP', () => {
  test('gets one trace of a whole team\'s task: spans with times, events, attributes and status, and no word of it', async () => {
    const collector = await startCollector()
    const tracing = createOtelTracing({ log: silentLog, exporter: new OTLPTraceExporter({ url: collector.url }) })
    const stage = createStage({ tracing })
    const { kid, task, part } = await teamwork(stage)
    await tracing.close()
    expect(collector.spans.map(({ name }) => name)).toEqual(['invoke_agent kid', 'invoke_agent lead'])
    expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([traceIdOf(task)]))
    const [ofKid, ofLead] = collector.spans
    expect(ofLead).toMatchObject({ spanId: spanIdOf(task), attributes: { 'gen_ai.request.model': 'opus' } })
    expect(ofLead?.parentSpanId ?? '').toBe('')
    expect(ofKid).toEqual(expect.objectContaining({
      spanId: spanIdOf(part), parentSpanId: spanIdOf(task), startTimeUnixNano: nano(100), endTimeUnixNano: nano(3_100), status: { code: SpanStatusCode.OK },
      events: [expect.objectContaining({ name: 'delivered', timeUnixNano: nano(1_100) }), expect.objectContaining({ name: 'seen', timeUnixNano: nano(1_100) })],
    }))
    expect(ofKid?.attributes).toMatchObject({
      'gen_ai.operation.name': 'invoke_agent', 'gen_ai.provider.name': 'hand', 'gen_ai.agent.id': kid, 'gen_ai.agent.name': 'kid',
      'gen_ai.usage.input_tokens': 20, 'gen_ai.usage.output_tokens': 6, 'gen_ai.usage.cache_read.input_tokens': 7, 'madrox.outcome': 'answered', 'madrox.outcome.via': 'turn_end',
    })
    expect(collector.resources[0]).toMatchObject({ 'service.name': 'madrox' })
    expect(collector.headers[0]).toMatchObject({ path: '/v1/traces', 'content-type': 'application/json' })
    expect(JSON.stringify(collector.spans)).not.toMatch(/the task|a part of it|the part|the whole/)
  })

  test.each([
    ['that is not there', async () => 'http://127.0.0.1:9/v1/traces'],
    ['that refuses', async () => (await startCollector([400, 400])).url],
    ['that never answers', async () => (await startCollector(['hang', 'hang'])).url],
  ])('one %s disturbs nobody, and the end does not wait for it', async (_, urlOf) => {
    const warnings: string[] = []
    const tracing = createOtelTracing({ log: { ...silentLog, warn: message => void warnings.push(message) }, exporter: new OTLPTraceExporter({ url: await urlOf(), timeoutMillis: 200 }), closeMs: 1_500 })
    const stage = createStage({ tracing })
    const { task } = await teamwork(stage)
    expect(await stage.ask(stage.me, 'wait_for_any', { message_ids: [task] })).toMatchObject({ status: 'answered' })
    const closedAt = performance.now()
    await tracing.close()
    expect(performance.now() - closedAt).toBeLessThan(8_000)
    expect(warnings).toEqual(['Traces do not reach their collector; they are lost until it answers.'])
  })
})

describe('spans', () => {
  test('an interrupted message, one that failed, and one whose agent ended', async () => {
    const { stage, spans } = createTraced()
    const ada = await stage.spawn('ada')
    await send(stage, ada, 'to be cut')
    stage.begin(ada)
    const interrupted = stage.ask(stage.me, 'interrupt_instance', { instance_id: ada, then: 'continue' })
    await stage.settle()
    const asked = stage.commands.findLast(command => command.type === 'interrupt')
    stage.end(ada, { status: 'interrupted' })
    stage.fact(ada, { type: 'interruptFinished', requestId: asked?.type === 'interrupt' ? asked.requestId : '', wasInTurn: true })
    await interrupted
    await send(stage, ada, 'to fail')
    stage.begin(ada)
    stage.end(ada, { status: 'failed', error: 'it says: to fail' })
    await send(stage, ada, 'never begun')
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect((await spans()).map(({ attributes, events, status }) => [attributes['madrox.outcome'], attributes['error.type'], events, status])).toEqual([
      ['cancelled', undefined, ['delivered', 'seen', 'interrupted'], { code: SpanStatusCode.UNSET }],
      ['failed', 'failed', ['delivered', 'seen'], { code: SpanStatusCode.ERROR, message: 'failed' }],
      ['agent_gone', 'agent_gone', [], { code: SpanStatusCode.ERROR, message: 'agent_gone' }],
    ])
  })

  test('after a restart the trace goes on: the same ids, and the parent\'s span among them', async () => {
    const first = createTraced()
    const lead = await first.stage.spawn('lead')
    const kid = await first.stage.spawn('kid', first.stage.as(lead))
    const task = await send(first.stage, lead, 'the task')
    first.stage.begin(lead)
    const part = await send(first.stage, kid, 'a part', first.stage.as(lead))
    expect(await first.spans()).toEqual([])
    const memory = new InMemorySpanExporter()
    const tracing = createOtelTracing({ log: silentLog, exporter: { export: memory.export.bind(memory), shutdown: () => Promise.resolve() } })
    const next = first.stage.crash({ tracing })
    await next.ask(next.me, 'terminate_instance', { instance_id: lead })
    await tracing.close()
    expect(memory.getFinishedSpans().map(toSpan)).toEqual(expect.arrayContaining([
      expect.objectContaining({ traceId: traceIdOf(task), spanId: spanIdOf(part), parent: spanIdOf(task) }), expect.objectContaining({ traceId: traceIdOf(task), spanId: spanIdOf(task), parent: undefined }),
    ]))
  })

  test('what messages say is there where it was switched on, without secrets', async () => {
    const { stage, spans } = createTraced({ content: true })
    onTestFinished(knowSecrets(['a-planted-secret']))
    const ada = await stage.spawn('ada')
    await send(stage, ada, 'use a-planted-secret')
    stage.turn(ada, 'used it')
    const [span] = await spans()
    expect(span?.attributes).toMatchObject({
      'gen_ai.input.messages': JSON.stringify([{ role: 'user', parts: [{ type: 'text', content: 'use [redacted]' }] }]),
      'gen_ai.output.messages': JSON.stringify([{ role: 'assistant', parts: [{ type: 'text', content: 'used it' }] }]),
    })
  })

  test('a tracer that throws is told of in the log, and the message is settled all the same', async () => {
    const stage = createStage({ tracing: { ended: () => {
      throw new Error('no')
    }, close: () => Promise.resolve() } })
    const ada = await stage.spawn('ada')
    const id = await send(stage, ada, 'do it')
    stage.turn(ada, 'done')
    expect(await stage.ask(stage.me, 'wait_for_any', { message_ids: [id] })).toMatchObject({ status: 'answered', response: 'done' })
  })

  test('are internal, for the agents run here', async () => {
    const memory = new InMemorySpanExporter()
    const tracing = createOtelTracing({ log: silentLog, exporter: { export: memory.export.bind(memory), shutdown: () => Promise.resolve() } })
    await teamwork(createStage({ tracing }))
    await tracing.close()
    expect(memory.getFinishedSpans().map(({ kind }) => kind)).toEqual([SpanKind.INTERNAL, SpanKind.INTERNAL])
  })
})
