/** Writes one scripted response the way the Responses API streams it. */
import type { ServerResponse } from 'node:http'
import type { ConversationView } from './conversation.ts'
import { aborted, type Gate } from '../gates.ts'
import { resolve, type Step, type ToolCall, type Usage } from './steps.ts'

export interface Served {
  /** `cut`: the client left; `dropped`: the script cut the connection. */
  readonly outcome: 'completed' | 'failed' | 'cut' | 'dropped'
  readonly status: number
  readonly texts: readonly string[]
  readonly calls: readonly { readonly name: string; readonly callId: string; readonly input: object }[]
  /** What the client was told; undefined when the response never came to its figures. */
  readonly usage: Usage | undefined
}

export interface ResponseContext {
  readonly responseId: string
  readonly view: ConversationView
  readonly response: ServerResponse
  readonly gate: (name: string) => Gate
  readonly clientGone: AbortSignal
  /** Counts one more failure at this place of this conversation, and tells how many there were. */
  readonly countFailure: () => number
}

interface Content {
  readonly texts: string[]
  readonly calls: { readonly name: string; readonly callId: string; readonly input: object }[]
}

type Verdict = 'goOn' | Exclude<Served['outcome'], 'completed'>

export async function perform(steps: readonly Step[], context: ResponseContext): Promise<Served> {
  const { response, view, responseId } = context
  const content: Content = { texts: [], calls: [] }
  for (const step of steps) {
    const verdict = await performStep(step, context, content)
    if (verdict !== 'goOn') return { outcome: verdict, status: response.statusCode, ...content, usage: undefined }
  }
  const usage = countUsage(view, content)
  begin(context)
  send(response, { type: 'response.completed', response: { id: responseId, usage: toWireUsage(usage) } })
  response.end()
  return { outcome: 'completed', status: 200, ...content, usage }
}

async function performStep(step: Step, context: ResponseContext, content: Content): Promise<Verdict> {
  const { response, gate, clientGone } = context
  switch (step.kind) {
    case 'text':
      begin(context)
      return sendText(step, context, content)
    case 'tools':
      begin(context)
      for (const call of step.calls) sendCall(call, context, content)
      return 'goOn'
    case 'gate':
      return standAt(gate(step.name), clientGone)
    case 'hang':
      await aborted(clientGone)
      return 'cut'
    case 'drop':
      response.destroy()
      return 'dropped'
    case 'fail':
      if (context.countFailure() > step.times) return 'goOn'
      response.writeHead(step.status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(step.body ?? { error: { message: `scripted ${step.status}`, type: 'scripted_error' } }))
      return 'failed'
  }
}

async function standAt(gate: Gate, clientGone: AbortSignal): Promise<Verdict> {
  gate.arrive()
  await Promise.race([gate.opened, aborted(clientGone)])
  return clientGone.aborted ? 'cut' : 'goOn'
}

function begin({ response, responseId }: ResponseContext): void {
  if (response.headersSent) return
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  send(response, { type: 'response.created', response: { id: responseId } })
}

function send(response: ServerResponse, event: { readonly type: string } & Record<string, unknown>): void {
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
}

async function sendText(step: Extract<Step, { kind: 'text' }>, context: ResponseContext, content: Content): Promise<Verdict> {
  const { response, view, responseId, gate, clientGone } = context
  const text = resolve(step.text, view)
  const id = `msg_${responseId}_${content.texts.length}`
  const message = (said: string) => ({ type: 'message', role: 'assistant', id, content: [{ type: 'output_text', text: said }] })
  if (step.chunkSize !== undefined) {
    // Without output_item.added Codex has no item to hang the deltas on and shows none.
    send(response, { type: 'response.output_item.added', item: message('') })
    for (let start = 0; start < text.length; start += step.chunkSize) {
      send(response, { type: 'response.output_text.delta', item_id: id, delta: text.slice(start, start + step.chunkSize) })
      if (start === 0 && step.gate !== undefined && (await standAt(gate(step.gate), clientGone)) === 'cut') return 'cut'
    }
  }
  content.texts.push(text)
  send(response, { type: 'response.output_item.done', item: message(text) })
  return 'goOn'
}

function sendCall(call: ToolCall, { response, view, responseId }: ResponseContext, content: Content): void {
  const input = resolve(call.input, view)
  const callId = `call_${responseId}_${content.calls.length}`
  content.calls.push({ name: call.name, callId, input })
  send(response, {
    type: 'response.output_item.done',
    item: { type: 'function_call', id: `fc_${callId}`, call_id: callId, ...view.locateTool(call.name), arguments: JSON.stringify(input) },
  })
}

/** Follows from the conversation alone; every figure differs between turns, so that one counted twice shows in the sums. */
function countUsage({ userTexts, callsMade }: ConversationView, { texts, calls }: Content): Usage {
  return {
    inputTokens: 1000 + 100 * userTexts.length + 10 * callsMade,
    cachedInputTokens: 200 + 50 * userTexts.length + 5 * callsMade,
    outputTokens: 5 + texts.join('').length + 20 * calls.length,
    reasoningOutputTokens: 3,
  }
}

function toWireUsage({ inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens }: Usage) {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningOutputTokens },
    total_tokens: inputTokens + outputTokens,
  }
}
