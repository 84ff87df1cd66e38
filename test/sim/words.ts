/** What simulated agents say: each word tells who says it and to which message, so that one in the wrong place is seen at once. */

import type { Told } from './journal.ts'

/** `to`: the message it answers; `any`: said in a turn of nobody's message. */
export const answerText = (agentId: string, to: string, count: number): string => `answer of ${agentId} to ${to} (${count})`
export const errorText = (agentId: string, to: string): string => `error of ${agentId} at ${to}`

/** Why this cannot be how the message ended, if it cannot. */
export function misplaced(message: { readonly id: string; readonly to: string }, { status, text }: Told): string | undefined {
  const said = /^(?:answer of (\w+) to|error of (\w+) at) (\w+)/.exec(text)
  const [, answerer, failer, about] = said ?? []
  if (!said) return status === 'answered' && text !== '' ? `it was answered by words no agent said: ${text}` : undefined
  if ((answerer ?? failer) !== message.to) return `it was sent to ${message.to} and ended by the words of ${answerer ?? failer}`
  return about === message.id || about === 'any' ? undefined : `it was ended by what was said of ${about}`
}

export interface ReplyLine {
  readonly messageId: string
  /** Absent on a follow-up. */
  readonly told?: Told
}

export interface PromptRead {
  /** The message this is. */
  readonly message?: string
  readonly replies: readonly ReplyLine[]
}

const statuses = ['failed', 'cancelled', 'expired', 'agent_gone'] as const

/** Reads a prompt as an agent does. */
export function readPrompt(text: string): PromptRead {
  const message = /^\[MSG:(\w+)\]/.exec(text)?.[1]
  const replies = [...text.matchAll(/^\[REPLY:(\w+) from [^\]]*\] (.*)$/gm)].map(([, messageId = '', said = '']): ReplyLine => {
    if (said.startsWith('(follow-up) ')) return { messageId }
    const status = statuses.find(each => said.startsWith(`(${each}) `))
    return { messageId, told: status ? { status, text: said.slice(status.length + 3) } : { status: 'answered', text: said } }
  })
  return { ...(message ? { message } : {}), replies }
}
