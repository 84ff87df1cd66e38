/** How what a scripted session does reads to people. */

import type { SessionEvent } from './session.ts'

/** Undefined: it is not shown. */
export function toLine(event: SessionEvent): string | undefined {
  switch (event.type) {
    case 'outputProduced': return event.kind === 'text' ? event.content : `${event.kind === 'tool_call' ? '→' : '←'} ${event.tool ?? ''} ${event.content}`
    case 'turnEnded': return event.status === 'completed' ? undefined : `(${event.status}${event.error === undefined ? '' : `: ${event.error}`})`
    case 'approvalRequested': return `? ${event.tool} ${event.detail}`
    case 'crashed': return `(crashed: ${event.words})`
    default: return undefined
  }
}
