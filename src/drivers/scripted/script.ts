/**
 * What a scripted agent is told to do: rules, first match wins, each a list of steps. Owns the schema of `launch.script`;
 * refuses to know how a step is carried out (`play.ts`) or what a bare line of text means (`commands.ts`).
 */

import { Script as Program } from 'node:vm'
import { z } from 'zod'
import { turnFailures } from '../driver.ts'

const text = z.string()
/** What a timer can wait for. */
const ms = z.number().int().nonnegative().max(2 ** 31 - 1)
const name = z.string().min(1)

/** Of one piece of work, which is said without a pause where it takes no time. */
const mostSaid = 9_999

const spawnSchema = z.looseObject({ name, harness: z.string().default('scripted') })
const askSchema = z.strictObject({ name, text, wait: z.boolean().default(true), spawn: z.looseObject({}).default({}) })
const sendSchema = z.strictObject({ to: name, text, wait: z.boolean().default(false) })

/**
 * One step: an object with one key, or a line of the default script's language (`'wait 50'`, `'ask ada echo hi'`); any other line is said.
 * In every text `{{text}}` is the task, `{{last}}` the last result, `{{name}}` the agent, `{{1}}` a group of the rule's pattern.
 */
export const stepSchema = z.union([
  z.string(),
  z.strictObject({ reply: text }),
  z.strictObject({ say: text }),
  /** Passed to `spawn_agent` as it is; `{{last}}` becomes the new agent's id. */
  z.strictObject({ spawn: spawnSchema }),
  z.strictObject({ send: sendSchema }),
  /** Sends to the agent of that name, spawned first (with the fields of `spawn`) where there is none; `{{last}}` becomes its answer. */
  z.strictObject({ ask: askSchema }),
  z.strictObject({ wait: ms }),
  /** Says `count` things over `ms`, each a model call of its own. */
  z.strictObject({ work: z.strictObject({ ms: ms.default(0), count: z.number().int().positive().max(mostSaid).default(1) }) }),
  z.strictObject({ callTool: z.strictObject({ name, arguments: z.record(z.string(), z.unknown()).default({}) }) }),
  /** Leaves a task running behind the turn; when it is done the agent says `text` in a turn of its own. */
  z.strictObject({ background: z.strictObject({ ms, text }) }),
  /** Stands at a permission dialog; `{{last}}` becomes `allow` or `deny`. */
  z.strictObject({ approval: z.strictObject({ tool: text, detail: text.default('') }) }),
  z.strictObject({ recall: z.literal(true) }),
  /** With `cause: model_rejected`: as a CLI fails whose model is refused. */
  z.strictObject({ fail: text, cause: z.enum(turnFailures).optional() }),
  z.strictObject({ crash: text }),
  /** Crashes the first time the session is given this task, and goes on when it is given again. */
  z.strictObject({ crashOnce: text }),
  z.strictObject({ hang: z.literal(true) }),
])
export type Step = z.output<typeof stepSchema>
/** A step that is no longer a line of text. */
export type Action = Exclude<Step, string>

/** Agents give scripts too, and an expression of nested repetitions would hold up the server, and all agents with it, for ever. */
const matchMs = 1_000
const matching = new Program('expression.exec(text)')

/**
 * `/source/flags` is a regular expression, everything else must be contained. Undefined: an expression that does not compile. One that
 * takes too long throws, which its agent dies of.
 */
export function toPattern(when: string): ((text: string) => RegExpExecArray | readonly [] | undefined) | undefined {
  const parts = /^\/([\s\S]+)\/([dimsuv]*)$/.exec(when)
  if (!parts) return text => (text.includes(when) ? [] : undefined)
  try {
    const expression = new RegExp(parts[1] ?? '', parts[2])
    return text => (matching.runInNewContext({ expression, text }, { timeout: matchMs }) as RegExpExecArray | null) ?? undefined // what exec gives
  } catch {
    return undefined // the schema turns this into an issue that names the rule
  }
}

export const ruleSchema = z.strictObject({
  when: z.string().refine(when => toPattern(when) !== undefined, 'is not a regular expression'),
  /** What the rule listens to: tasks, or replies and notices handed in. */
  on: z.enum(['message', 'replies']).default('message'),
  steps: z.array(stepSchema),
})
export type Rule = z.output<typeof ruleSchema>

/** How an agent misbehaves, for tests of those who must bear it. What needs a process is ignored in process. */
export const misbehaviourSchema = z.strictObject({
  startDelayMs: ms.default(0),
  neverReady: z.boolean().default(false),
  exitAtStart: z.strictObject({ code: z.number().int().default(1), words: text.default('') }).optional(),
  /** That many prompts are taken and never confirmed. */
  dropPrompts: z.number().int().nonnegative().default(0),
  ignoreSignals: z.boolean().default(false),
  /** A grandchild in a session of its own that ignores HUP and TERM. */
  setsidChild: z.boolean().default(false),
  /** Bytes of noise written to the terminal before every turn's end. */
  floodBytes: z.number().int().nonnegative().default(0),
  /** Where the program and what it starts note their pids, one a line. */
  pidFile: z.string().optional(),
})
export type Misbehaviour = z.output<typeof misbehaviourSchema>

const fullSchema = z.strictObject({ rules: z.array(ruleSchema).default([]), misbehave: misbehaviourSchema.prefault({}) })

/** `launch.script`: nothing (the default script), a list of rules, or rules with misbehaviour. What no rule matches goes to the default script. */
export const scriptSchema = z
  .preprocess(script => (Array.isArray(script) ? { rules: script } : script), fullSchema) // not a union: its errors do not say where
  .prefault({})
export type Script = z.output<typeof scriptSchema>
/** A script as it is written in `launch.script`. */
export type ScriptInput = z.input<typeof fullSchema> | z.input<typeof ruleSchema>[] | undefined
