/** The words between those who play a turn (`play.ts`, `team.ts`) and the session that carries it out. Types only. */

import type { TurnFailure } from '../driver.ts'
import type { Prompt } from './prompt.ts'

export type Effect =
  | { readonly type: 'say'; readonly text: string; readonly isFinal: boolean }
  | { readonly type: 'callTool'; readonly tool: string; readonly arguments: Readonly<Record<string, unknown>> }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'startBackground'; readonly ms: number; readonly text: string }
  | { readonly type: 'askApproval'; readonly tool: string; readonly detail: string }
  | { readonly type: 'crash'; readonly words: string }
  | { readonly type: 'hang' }

/** The answer to a tool call or an approval; nothing for every other effect. */
export type Answer = { readonly ok: boolean; readonly text: string } | undefined
export type Verdict = { readonly status: 'completed' } | { readonly status: 'failed'; readonly error: string; readonly cause?: TurnFailure }
export type Performance = Generator<Effect, Verdict, Answer>

export interface Scene {
  readonly agentName: string
  readonly prompt: Prompt
  /** What earlier turns were given, oldest first. */
  readonly earlier: () => readonly Prompt[]
}
