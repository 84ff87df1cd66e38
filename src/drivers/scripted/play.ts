/**
 * Plays the steps of one turn. A generator, so that the interpretation is pure and a turn can be cut at any point: it yields
 * what it wants done and is resumed with the answer. Owns the meaning of steps; who calls tools and keeps time is the session's.
 */

import { toCommand, toDefaultActions } from './commands.ts'
import type { Answer, Effect, Performance, Scene, Verdict } from './performance.ts'
import { toPattern, type Action, type Script } from './script.ts'
import { leadTeam } from './team.ts'

/** The turn a prompt brings about: the first rule that fits, else the default script. */
export function* perform(script: Script, scene: Scene): Performance {
  const { prompt, agentName } = scene
  for (const rule of script.rules) {
    const match = rule.on === prompt.kind ? toPattern(rule.when)?.(prompt.text) : undefined
    if (match) {
      const actions = rule.steps.flatMap(step => (typeof step === 'string' ? (toCommand(step) ?? [{ say: step }]) : [step]))
      return yield* play(actions, scene, { text: prompt.text, name: agentName, ...Object.fromEntries(match.map((group, index) => [String(index), group])) })
    }
  }
  const team = leadTeam(scene)
  if (team) return yield* team
  const actions = prompt.kind === 'message' ? toDefaultActions(prompt.text, agentName) : [{ say: prompt.text }]
  return yield* play(actions, scene, {}) // somebody else's text: nothing in it is filled in but `{{last}}`
}

type Variables = Record<string, string | undefined>

function* play(actions: readonly Action[], scene: Scene, variables: Variables): Performance {
  for (const action of actions) {
    const verdict = yield* playAction(action, scene, variables)
    if (verdict) return verdict
  }
  return { status: 'completed' }
}

/** Undefined: go on with the next. A refused tool call ends the turn with the refusal as its last words, as a model would tell it. */
function* playAction(action: Action, scene: Scene, variables: Variables): Generator<Effect, Verdict | undefined, Answer> {
  const fill = (template: string): string => fillIn(template, variables)
  if ('fail' in action) return { status: 'failed', error: fill(action.fail), ...(action.cause ? { cause: action.cause } : {}) }
  if ('say' in action) yield { type: 'say', text: fill(action.say), isFinal: true }
  else if ('wait' in action) yield { type: 'wait', ms: action.wait }
  else if ('hang' in action) yield { type: 'hang' }
  else if ('crash' in action) yield { type: 'crash', words: fill(action.crash) }
  else if ('crashOnce' in action) {
    if (!scene.earlier().some(({ text }) => text === scene.prompt.text)) yield { type: 'crash', words: fill(action.crashOnce) }
  } else if ('background' in action) yield { type: 'startBackground', ms: action.background.ms, text: fill(action.background.text) }
  else if ('work' in action) yield* work(action.work.ms, action.work.count)
  else if ('approval' in action) variables['last'] = (yield { type: 'askApproval', tool: fill(action.approval.tool), detail: fill(action.approval.detail) })?.text
  else {
    const refusal = yield* callTools(action, scene, variables, fill)
    if (refusal) {
      yield { type: 'say', text: refusal, isFinal: true }
      return { status: 'completed' }
    }
  }
  return undefined
}

function* work(ms: number, count: number): Generator<Effect, void, Answer> {
  for (let done = 1; done <= count; done += 1) {
    if (ms > 0) yield { type: 'wait', ms: Math.floor((ms * done) / count) - Math.floor((ms * (done - 1)) / count) }
    yield { type: 'say', text: `working ${done}/${count}`, isFinal: false }
  }
}

type ToolAction = Extract<Action, { reply: string } | { recall: true } | { spawn: unknown } | { send: unknown } | { ask: unknown } | { callTool: unknown }>

/** Answers with the refusal, if there was one. */
function* callTools(action: ToolAction, scene: Scene, variables: Variables, fill: (template: string) => string): Generator<Effect, string | undefined, Answer> {
  if ('reply' in action) return yield* reply(fill(action.reply), scene)
  if ('recall' in action) return yield* reply(scene.earlier().map(({ text }) => text).join('\n'), scene)
  if ('ask' in action) return yield* ask(action.ask, variables, fill)
  const [tool, args] =
    'spawn' in action ? ['spawn_agent', action.spawn]
    : 'send' in action ? ['send_to_instance', toSendArguments(action.send.to, action.send.text, action.send.wait)]
    : [action.callTool.name, action.callTool.arguments]
  return yield* call(tool, fillDeep(args, fill), variables)
}

/** By tool where the prompt is a task of Madrox; else there is nobody to reply to, and it is said. */
function* reply(text: string, { prompt }: Scene): Generator<Effect, string | undefined, Answer> {
  if (prompt.kind === 'message' && prompt.id === undefined) {
    yield { type: 'say', text, isFinal: true }
    return undefined
  }
  return yield* call('reply_to_caller', { reply_message: text, ...(prompt.kind === 'message' ? { correlation_id: prompt.id } : {}) }, {})
}

/** Sends first: the name may belong to a child of an earlier turn, a peer or the supervisor. Only where nobody bears it is it spawned. */
function* ask(
  { name, text, wait, spawn }: Extract<Action, { ask: unknown }>['ask'],
  variables: Variables,
  fill: (template: string) => string,
): Generator<Effect, string | undefined, Answer> {
  const message = toSendArguments(fill(name), fill(text), wait)
  const refusal = yield* call('send_to_instance', message, variables)
  if (refusal === undefined || !/\b(not_found|agent_ended)\b/.test(refusal)) return refusal
  const refusedSpawn = yield* call('spawn_agent', fillDeep({ harness: 'scripted', ...spawn, name }, fill), variables)
  return refusedSpawn ?? (yield* call('send_to_instance', message, variables))
}

const toSendArguments = (to: string, message: string, wait: boolean) => ({ instance_id: to, message, wait_for_response: wait })

function* call(tool: string, args: Readonly<Record<string, unknown>>, variables: Variables): Generator<Effect, string | undefined, Answer> {
  const answer = yield { type: 'callTool', tool, arguments: args }
  const text = answer?.text ?? ''
  if (answer?.ok === false) return `${tool} was refused: ${text}`
  variables['last'] = toResultText(text)
  return undefined
}

/** What a later step wants of a result: the answer it carries, or the agent it names, or all of it. */
function toResultText(result: string): string {
  try {
    const data: unknown = JSON.parse(result)
    if (typeof data !== 'object' || data === null) return result
    for (const key of ['response', 'instance_id']) {
      const value: unknown = Reflect.get(data, key)
      if (typeof value === 'string') return value
    }
    return result
  } catch {
    return result // text: a tree, a screen
  }
}

/** One pass, so that what is filled in is never filled in again. A variable without a value stays as it is written. */
const fillIn = (template: string, variables: Variables): string => template.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => (Object.hasOwn(variables, name) ? variables[name] : undefined) ?? whole)

function fillDeep(value: Readonly<Record<string, unknown>>, fill: (template: string) => string): Record<string, unknown> {
  const each = (item: unknown): unknown => {
    if (typeof item === 'string') return fill(item)
    if (Array.isArray(item)) return item.map(each)
    return typeof item === 'object' && item !== null ? Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, each(inner)])) : item
  }
  // A script handed to a child keeps its own templates.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, key === 'script' ? item : each(item)]))
}
