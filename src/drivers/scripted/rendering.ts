/** What an agent without a terminal shows to people: the last lines of its conversation. */

import type { SessionEvent } from './session.ts'

const keptLines = 500

export interface Rendering {
  addPrompt(text: string): void
  add(event: SessionEvent): void
  toText(lines?: number): string
}

export function createRendering(): Rendering {
  const lines: string[] = []
  const push = (text: string): void => {
    lines.push(...text.split('\n').slice(-keptLines))
    lines.splice(0, lines.length - keptLines)
  }
  return {
    addPrompt: text => push(`> ${text}`),
    add: event => {
      const line = toLine(event)
      if (line !== undefined) push(line)
    },
    toText: count => lines.slice(count === undefined ? 0 : -Math.max(1, count)).join('\n'),
  }
}

/** How an event reads; undefined: it is not shown. */
export function toLine(event: SessionEvent): string | undefined {
  switch (event.type) {
    case 'outputProduced': return event.kind === 'text' ? event.content : `${event.kind === 'tool_call' ? '→' : '←'} ${event.tool ?? ''} ${event.content}`
    case 'turnEnded': return event.status === 'completed' ? undefined : `(${event.status}${event.error === undefined ? '' : `: ${event.error}`})`
    case 'approvalRequested': return `? ${event.tool} ${event.detail}`
    case 'crashed': return `(crashed: ${event.words})`
    default: return undefined
  }
}
