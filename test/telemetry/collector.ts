/** A collector that speaks OTLP over HTTP in its JSON form, as far as traces go. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { z } from 'zod'

const value = z.union([z.object({ stringValue: z.string() }), z.object({ intValue: z.union([z.number(), z.string()]) }), z.object({ boolValue: z.boolean() })])
const attributes = z.array(z.object({ key: z.string(), value })).transform(list => Object.fromEntries(list.map(each => [each.key, Object.values(each.value)[0] as unknown])))
const spanSchema = z.object({
  traceId: z.string(), spanId: z.string(), parentSpanId: z.string().optional(), name: z.string(), startTimeUnixNano: z.string(), endTimeUnixNano: z.string(),
  attributes, events: z.array(z.object({ name: z.string(), timeUnixNano: z.string() })).default([]), status: z.object({ code: z.number().default(0), message: z.string().optional() }).default({ code: 0 }),
})
const requestSchema = z.object({ resourceSpans: z.array(z.object({ resource: z.object({ attributes }), scopeSpans: z.array(z.object({ spans: z.array(spanSchema) })) })) })

export type CollectedSpan = z.output<typeof spanSchema>

export interface Collector {
  readonly url: string
  readonly spans: CollectedSpan[]
  readonly resources: Record<string, unknown>[]
  readonly headers: Record<string, unknown>[]
}

/** @param answers the status codes of the first requests; afterwards 200. `hang`: never an answer */
export async function startCollector(answers: readonly (number | 'hang')[] = []): Promise<Collector> {
  const left = [...answers]
  const collected: Collector = { url: '', spans: [], resources: [], headers: [] }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const status = left.shift() ?? 200
      if (status === 'hang') return
      if (status === 200) {
        const { resourceSpans } = requestSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
        collected.headers.push({ ...request.headers, path: request.url })
        collected.resources.push(...resourceSpans.map(({ resource }) => resource.attributes))
        collected.spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)))
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo // a TCP server's
  return { ...collected, url: `http://127.0.0.1:${port}/v1/traces` }
}
