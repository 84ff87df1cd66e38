/** Scripts of this fake's turns: the language of `../script.ts`, and what is Claude Code's in it. */
import * as language from '../script.ts'
import type { ConversationView } from './conversation.ts'
import { atGate, callTool, drop, fail, hang, say, stream, type Step } from './steps.ts'

export type Rule = language.Rule<ConversationView, Step>
/** Rules may grow while the fake runs. */
export type Script = readonly Rule[]

const verbs: language.Verbs<ConversationView, Step> = {
  ...language.toVerbs({ say, stream, callTool, atGate, fail, drop, hang }),
  bash: command => callTool('Bash', { command, description: 'scripted' }),
  bg: command => callTool('Bash', { command, description: 'scripted', run_in_background: true }),
  /** Says all earlier prompts. */
  recall: (_, { messages }) => say(messages.flatMap(({ content }) => (typeof content === 'string' ? [content] : content.map(block => block.text ?? ''))).join('\n')),
}

export const chooseSteps = (script: Script, view: ConversationView): readonly Step[] =>
  language.findSteps(script, verbs, view) ?? [say(language.toAcknowledgement(view))]
