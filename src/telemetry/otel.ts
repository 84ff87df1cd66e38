/**
 * Tracing by OpenTelemetry: a message is a span, a child of the span of the message it was sent for, so that all a team did for one task is one
 * trace. Ids are made from the ids of messages, and a trace goes on over a restart. Attributes follow the GenAI conventions. What a message says
 * is left out unless it was switched on. A collector that is gone costs one warning.
 */

import { createHash } from 'node:crypto'
import { type Attributes, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type IdGenerator, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node'
import { wordsOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { redact } from '../redaction.ts'
import { version } from '../version.ts'
import type { MessageTrace, Tracing } from './spans.ts'

export interface OtelOptions {
  readonly log: Log
  /** Also what messages say, without secrets. */
  readonly content?: boolean
  /** Default: OTLP over HTTP, as the variables of OpenTelemetry say (`OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS`, …). */
  readonly exporter?: SpanExporter
  /** Default `madrox`. */
  readonly serviceName?: string | undefined
  /** How long the end waits for the collector. Milliseconds. */
  readonly closeMs?: number
}

/** `size` bytes, in hex; never all zeroes in practice, which would be no id. */
const idOf = (kind: 'trace' | 'span', id: string, size: number): string => createHash('sha256').update(`${kind}:${id}`).digest('hex').slice(0, size * 2)
export const traceIdOf = (rootId: string): string => idOf('trace', rootId, 16)
export const spanIdOf = (messageId: string): string => idOf('span', messageId, 8)

export function createOtelTracing({ log, content = false, exporter = new OTLPTraceExporter(), serviceName = 'madrox', closeMs = 2_000 }: OtelOptions): Tracing {
  // Asked for ids while a span is started, and only then.
  let next: MessageTrace | undefined
  const idGenerator: IdGenerator = { generateTraceId: () => traceIdOf(next?.rootId ?? ''), generateSpanId: () => spanIdOf(next?.messageId ?? '') }
  const provider = new NodeTracerProvider({
    idGenerator,
    resource: resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }),
    spanProcessors: [new BatchSpanProcessor(watched(exporter, log))],
  })
  const tracer = provider.getTracer('madrox', version)
  return {
    ended: message => {
      next = message
      const { acceptedAt, deliveredAt, seenAt, outcome, agent } = message
      const span = tracer.startSpan(`invoke_agent ${agent.name}`, { kind: SpanKind.INTERNAL, startTime: acceptedAt, attributes: attributesOf(message, content) }, contextOf(message))
      if (deliveredAt !== undefined) span.addEvent('delivered', undefined, deliveredAt)
      if (seenAt !== undefined) span.addEvent('seen', undefined, seenAt)
      if (seenAt !== undefined && outcome.status === 'cancelled') span.addEvent('interrupted', undefined, outcome.at)
      span.setStatus(statusOf(message))
      span.end(Math.max(acceptedAt, outcome.at))
    },
    close: async () => {
      let timer: NodeJS.Timeout | undefined
      const inTime = new Promise<void>(resolve => (timer = setTimeout(resolve, closeMs)))
      // The end of the server does not wait for a collector that does not answer.
      const sent = provider.shutdown().catch((error: unknown) => log.debug('The last traces were not sent.', { reason: wordsOf(error) })) // of a failed export it is told above
      await Promise.race([sent, inTime])
      clearTimeout(timer)
    },
  }
}

/** The parent may have ended long ago, in another process: its ids are all that is needed of it. */
const contextOf = ({ causedBy, rootId }: MessageTrace) =>
  causedBy === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { traceId: traceIdOf(rootId), spanId: spanIdOf(causedBy), traceFlags: TraceFlags.SAMPLED, isRemote: true })

/** A cancelled message neither failed nor went well. Why one failed may quote what agents said, and is content. */
const statusOf = ({ outcome: { status } }: MessageTrace) =>
  status === 'answered' ? { code: SpanStatusCode.OK } : status === 'cancelled' ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: status }

const providers: Readonly<Record<string, string>> = { claude: 'anthropic', codex: 'openai' }

function attributesOf({ messageId, from, agent, text, outcome, usage }: MessageTrace, content: boolean): Attributes {
  const provider = providers[agent.harness] ?? agent.harness
  return {
    'gen_ai.operation.name': 'invoke_agent', 'gen_ai.provider.name': provider, 'gen_ai.system': provider, 'gen_ai.agent.id': agent.id, 'gen_ai.agent.name': agent.name,
    ...(agent.sessionId === undefined ? {} : { 'gen_ai.conversation.id': agent.sessionId }), ...(agent.model === undefined ? {} : { 'gen_ai.request.model': agent.model }),
    'madrox.message.id': messageId, 'madrox.message.from': `${from.kind}:${from.id}`, 'madrox.agent.harness': agent.harness, 'madrox.agent.role': agent.role,
    'madrox.outcome': outcome.status, ...(outcome.via === undefined ? {} : { 'madrox.outcome.via': outcome.via }), ...(outcome.status === 'answered' || outcome.status === 'cancelled' ? {} : { 'error.type': outcome.status }),
    ...(usage ? usageOf(usage) : {}), ...(content ? contentOf(text, outcome.text) : {}),
  }
}

/** By the conventions cached tokens are part of the input. */
const usageOf = ({ inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens }: NonNullable<MessageTrace['usage']>): Attributes => ({
  'gen_ai.usage.input_tokens': inputTokens + cacheReadTokens + cacheCreationTokens, 'gen_ai.usage.output_tokens': outputTokens,
  'gen_ai.usage.cache_read.input_tokens': cacheReadTokens, 'gen_ai.usage.cache_creation.input_tokens': cacheCreationTokens,
})

function contentOf(asked: string, said: string): Attributes {
  const toMessages = (role: string, text: string): string => JSON.stringify([{ role, parts: [{ type: 'text', content: redact(text) }] }])
  return { 'gen_ai.input.messages': toMessages('user', asked), 'gen_ai.output.messages': toMessages('assistant', said) }
}

/** The same exporter; the first failure after a success is said. */
function watched(exporter: SpanExporter, log: Log): SpanExporter {
  let failing = false
  return {
    export: (spans, done) =>
      exporter.export(spans, result => {
        const code: number = result.code // its enum is of a package that is not ours to import
        const failed = code !== 0
        if (failed && !failing) log.warn('Traces do not reach their collector; they are lost until it answers.', { reason: result.error?.message ?? 'no reason given' })
        failing = failed
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush ? { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() } : {}),
  }
}
