/**
 * Chooses the steps of a turn: the test's rules first, then a small language a prompt can carry itself. What a step is, and
 * what a conversation holds beyond its prompt, is the fake's.
 */

export interface Prompted {
  /** The text that started this turn. */
  readonly lastUserText: string
  /** Set when the prompt has Madrox's form `[MSG:<id>] body`. */
  readonly message: { readonly id: string; readonly body: string } | undefined
}

export interface Rule<View, Step> {
  /** A string matches anywhere in the prompt's text. */
  readonly when: string | RegExp | ((view: View) => boolean)
  readonly then: readonly Step[] | ((view: View) => readonly Step[])
}

/** What a line's first word makes of the rest of it. */
export type Verbs<View, Step> = Readonly<Record<string, (rest: string, view: View) => Step>>

interface Words<Step> {
  say(text: string): Step
  stream(text: string): Step
  callTool(name: string, input: object): Step
  atGate(name: string): Step
  fail(status: number): Step
  drop(): Step
  hang(): Step
}

/** `say TEXT` · `stream TEXT` · `reply TEXT` · `call TOOL {json}` · `gate NAME` · `fail STATUS` · `drop` · `hang` */
export function toVerbs<Step>({ say, stream, callTool, atGate, fail, drop, hang }: Words<Step>): Verbs<Prompted, Step> {
  return {
    say: rest => say(rest),
    stream: rest => stream(rest),
    reply: (rest, { message }) => callTool('mcp__madrox__reply_to_caller', { reply_message: rest, ...(message ? { correlation_id: message.id } : {}) }),
    call: rest => {
      const [tool, json] = splitFirst(rest)
      // Tool input is whatever JSON object the test wrote; the CLI validates it against the tool's own schema.
      return callTool(tool, json === '' ? {} : (JSON.parse(json) as object))
    },
    gate: rest => atGate(rest),
    fail: rest => fail(Number(rest)),
    drop,
    hang,
  }
}

/** The first rule that matches decides; else a prompt whose body begins with `do:` is its own script, a step a line. Undefined: neither. */
export function findSteps<View extends Prompted, Step>(rules: readonly Rule<View, Step>[], verbs: Verbs<View, Step>, view: View): readonly Step[] | undefined {
  const rule = rules.find(each => matches(each, view))
  if (rule) return typeof rule.then === 'function' ? rule.then(view) : rule.then
  const [, script] = /^\s*do:([\s\S]*)$/.exec(view.message?.body ?? view.lastUserText) ?? []
  const lines = script?.split('\n').map(line => line.trim())
  return lines?.filter(line => line !== '').map(line => {
    const [verb, rest] = splitFirst(line)
    const toStep = verbs[verb]
    if (!toStep) throw new Error(`Unknown scripted step "${line}" in a prompt; the verbs are ${Object.keys(verbs).join(', ')}.`)
    return toStep(rest, view)
  })
}

/** What a turn says that nobody scripted. */
export const toAcknowledgement = ({ message, lastUserText }: Prompted): string => `ack: ${(message?.body ?? lastUserText).slice(0, 60)}`

function matches<View extends Prompted>({ when }: Pick<Rule<View, never>, 'when'>, view: View): boolean {
  if (typeof when === 'string') return view.lastUserText.includes(when)
  // search() ignores lastIndex, so a /g pattern matches every time.
  return when instanceof RegExp ? view.lastUserText.search(when) !== -1 : when(view)
}

function splitFirst(text: string): [string, string] {
  const [, first = '', rest = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? []
  return [first, rest]
}
