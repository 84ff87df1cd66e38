/** What people and logs see of a thread's items. Pure; items of other types say nothing. */

import type { FactOf } from '../driver.ts'
import { knownItemSchema, type KnownItem, type ThreadItem } from './protocol.ts'

export type Output = Pick<FactOf<'outputProduced'>, 'kind' | 'callId' | 'tool' | 'content'>

export function toKnownItem(item: ThreadItem): KnownItem | undefined {
  return knownItemSchema.safeParse(item).data
}

export function toStartedOutput(item: KnownItem): Output | undefined {
  const call = (tool: string, content: string): Output => ({ kind: 'tool_call', callId: item.id, tool, content })
  switch (item.type) {
    case 'commandExecution': return call('exec_command', item.command)
    case 'mcpToolCall': return call(toolName(item), JSON.stringify(item.arguments ?? {}))
    case 'fileChange': return call('apply_patch', item.changes.map(({ path, diff }) => `${path}\n${diff}`).join('\n'))
    case 'webSearch': return call('web_search', item.query ?? '')
    case 'userMessage':
    case 'agentMessage': return undefined
  }
}

export function toCompletedOutput(item: KnownItem): Output | undefined {
  const result = (tool: string, content: string): Output => ({ kind: 'tool_result', callId: item.id, tool, content })
  switch (item.type) {
    case 'agentMessage': return { kind: 'text', content: item.text }
    case 'commandExecution': return result('exec_command', `${item.aggregatedOutput ?? ''}${toExitWords(item)}`)
    case 'mcpToolCall': return result(toolName(item), item.error?.message ?? toResultText(item))
    case 'fileChange': return result('apply_patch', item.status)
    case 'webSearch': return result('web_search', item.query ?? '')
    case 'userMessage': return undefined
  }
}

export function toPromptText(item: Extract<KnownItem, { type: 'userMessage' }>): string {
  return item.content.map(({ type, text }) => text ?? `[${type}]`).join('\n')
}

function toolName({ server, tool }: Extract<KnownItem, { type: 'mcpToolCall' }>): string {
  return `mcp__${server}__${tool}`
}

function toExitWords({ status, exitCode }: Extract<KnownItem, { type: 'commandExecution' }>): string {
  return exitCode === 0 ? '' : `[${status}, exit code ${exitCode ?? 'unknown'}]`
}

/** The model is shown `structuredContent` alone when there is one, so that is what the record shows too. */
function toResultText({ result }: Extract<KnownItem, { type: 'mcpToolCall' }>): string {
  if (!result) return ''
  if (result.structuredContent !== undefined && result.structuredContent !== null) return JSON.stringify(result.structuredContent)
  return result.content.map(part => (isText(part) ? part.text : JSON.stringify(part))).join('\n')
}

function isText(part: unknown): part is { readonly text: string } {
  return typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string'
}
