/** Scripts of this fake's turns: the language of `../script.ts`, and what is Codex's in it. */
import * as language from '../script.ts'
import type { ConversationView } from './conversation.ts'
import { atGate, callTool, drop, fail, hang, say, stream, type Step } from './steps.ts'

export type Rule = language.Rule<ConversationView, Step>
export type Script = readonly Rule[]

const verbs: language.Verbs<ConversationView, Step> = {
  ...language.toVerbs({ say, stream, callTool, atGate, fail, drop, hang }),
  // exec_command gives the turn back after yield_time_ms; the command then goes on as a background terminal.
  bash: cmd => callTool('exec_command', { cmd, yield_time_ms: 30_000 }),
  bg: cmd => callTool('exec_command', { cmd, yield_time_ms: 250 }),
}

export const chooseSteps = (script: Script, view: ConversationView): readonly Step[] =>
  language.findSteps(script, verbs, view) ?? [say(language.toAcknowledgement(view))]
