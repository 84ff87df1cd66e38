/** Chooses the steps of a turn: the test's rules first, then a small language a prompt can carry itself. */
import type { ConversationView } from './conversation.ts'
import { atGate, callTool, drop, fail, hang, say, stream, type Step } from './steps.ts'

export interface Rule {
  /** A string matches anywhere in the prompt's text. */
  readonly when: string | RegExp | ((view: ConversationView) => boolean)
  readonly then: readonly Step[] | ((view: ConversationView) => readonly Step[])
}

/** Rules may grow while the fake runs. */
export type Script = readonly Rule[]

const matches = (rule: Rule, view: ConversationView): boolean => {
  if (typeof rule.when === 'string') return view.lastUserText.includes(rule.when)
  if (rule.when instanceof RegExp) return rule.when.test(view.lastUserText)
  return rule.when(view)
}

export function chooseSteps(script: Script, view: ConversationView): readonly Step[] {
  const rule = script.find(each => matches(each, view))
  if (rule) return typeof rule.then === 'function' ? rule.then(view) : rule.then
  return toEmbeddedSteps(view) ?? [say(`ack: ${(view.message?.body ?? view.lastUserText).slice(0, 60)}`)]
}

/**
 * A prompt whose body begins with `do:` is its own script, a step a line:
 * `say TEXT` · `recall` (says all earlier prompts) · `stream TEXT` · `reply TEXT` · `call TOOL {json}` · `bash COMMAND` · `bg COMMAND` · `gate NAME` · `fail STATUS` · `drop` · `hang`
 */
export function toEmbeddedSteps(view: ConversationView): Step[] | undefined {
  const body = view.message?.body ?? view.lastUserText
  const [, script] = /^\s*do:([\s\S]*)$/.exec(body) ?? []
  if (script === undefined) return undefined
  const lines = script.split('\n').map(line => line.trim())
  return lines.filter(line => line !== '').map(line => toStep(line, view))
}

function toStep(line: string, view: ConversationView): Step {
  const [, verb = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(line) ?? []
  switch (verb) {
    case 'say': return say(rest)
    case 'recall': return say(view.messages.flatMap(({ content }) => (typeof content === 'string' ? [content] : content.map(block => block.text ?? ''))).join('\n'))
    case 'stream': return stream(rest)
    case 'reply': return callTool('mcp__madrox__reply_to_caller', {
      reply_message: rest,
      ...(view.message ? { correlation_id: view.message.id } : {}),
    })
    case 'call': {
      const [, tool = '', json = ''] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? []
      // Tool input is whatever JSON object the test wrote; the CLI validates it against the tool's own schema.
      return callTool(tool, json === '' ? {} : (JSON.parse(json) as object))
    }
    case 'bash': return callTool('Bash', { command: rest, description: 'scripted' })
    case 'bg': return callTool('Bash', { command: rest, description: 'scripted', run_in_background: true })
    case 'gate': return atGate(rest)
    case 'fail': return fail(Number(rest))
    case 'drop': return drop()
    case 'hang': return hang()
    default: throw new Error(`Unknown scripted step "${line}" in a prompt; see toEmbeddedSteps for the verbs.`)
  }
}
