/** Plays one response's steps onto an HTTP answer, stopping wherever the client or the script stops it. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ServerResponse } from 'node:http'
import type { ConversationView } from './conversation.ts'
import { aborted, type Gate } from '../gates.ts'
import { resolve, type Step } from './steps.ts'
import * as wire from './wire.ts'

export interface Performance {
  readonly response: ServerResponse
  readonly view: ConversationView
  readonly envelope: wire.Envelope
  readonly blocks: readonly wire.ContentBlock[]
  readonly gate: (name: string) => Gate
  /** Aborted when the client went away or the fake closes. */
  readonly signal: AbortSignal
}

/** Resolves true when the whole message went out. */
export async function perform(steps: readonly Step[], performance: Performance): Promise<boolean> {
  const { response, view, envelope, blocks, signal } = performance
  const streaming = view.request.stream === true
  const stopReason = blocks.some(block => block.type === 'tool_use') ? 'tool_use' : 'end_turn'
  let index = 0
  for (const step of steps) {
    if (step.kind === 'hang') await aborted(signal)
    if (signal.aborted) return false
    if (step.kind === 'drop') {
      response.destroy()
      return false
    }
    if (step.kind === 'gate') {
      const gate = performance.gate(step.name)
      gate.arrive()
      await Promise.race([gate.opened, aborted(signal)])
    } else if (streaming) index = await sendBlocks(step, index, performance)
  }
  if (signal.aborted) return false
  if (streaming) {
    startStream(performance)
    response.end(wire.toMessageEnd(stopReason, envelope.usage))
  } else {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(wire.toMessage(envelope, blocks, stopReason))
  }
  return true
}

function startStream({ response, envelope }: Performance): void {
  if (response.headersSent) return
  response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': envelope.id })
  response.write(wire.toMessageStart(envelope))
}

async function sendBlocks(step: Step, first: number, performance: Performance): Promise<number> {
  if (step.kind !== 'text' && step.kind !== 'tools') return first
  startStream(performance)
  const { response, blocks, signal } = performance
  const count = step.kind === 'text' ? 1 : step.calls.length
  for (let index = first; index < first + count; index++) {
    const block = blocks[index]
    if (!block || signal.aborted) break
    response.write(wire.toBlockStart(index, block))
    if (block.type === 'tool_use') response.write(wire.toInputDelta(index, block.input))
    else
      for (const chunk of toChunks(block.text, step.kind === 'text' ? step.chunkSize : undefined)) {
        if (signal.aborted) break
        response.write(wire.toTextDelta(index, chunk))
        if (step.kind === 'text' && step.chunkDelayMs) await delay(step.chunkDelayMs)
      }
    if (!signal.aborted) response.write(wire.toBlockStop(index))
  }
  return first + count
}

const toChunks = (text: string, size: number | undefined): string[] =>
  size === undefined ? [text] : (text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'gu')) ?? [''])

/** What the steps will say, known before the first byte because usage goes out with it. */
export function toContent(steps: readonly Step[], view: ConversationView, newId: () => string): wire.ContentBlock[] {
  return steps.flatMap((step): wire.ContentBlock[] => {
    if (step.kind === 'text') return [{ type: 'text', text: resolve(step.text, view) }]
    if (step.kind !== 'tools') return []
    return step.calls.map(call => ({
      type: 'tool_use', id: `toolu_${newId()}`, name: call.name, input: resolve(call.input, view),
    }))
  })
}
