/**
 * What a policy can say: its keys, what fits them, and when one value asks no more than another. Pure; who set what, and whom it
 * binds, is `policies.ts`. Keys bear the names that callers know them by.
 */

import { z } from 'zod'
import { atLimitChoices } from '../limits.ts'

/** Who answers a permission prompt that the policy cannot judge: later in the list is stricter. */
export const unjudgedRoutes = ['supervisor', 'person', 'deny'] as const
/** How much a permission prompt is kept from deciding itself: later in the list is stricter. */
export const promptRoutes = ['policy', 'supervisor', 'person'] as const
export type PromptRoute = (typeof promptRoutes)[number]

const name = z.string().trim().min(1).max(200).regex(/^\P{C}+$/u, 'no control characters')
const most = z.number().int().positive().max(1_000_000)

export const policyFields = {
  spawn_approval: z.enum(['auto', 'manual']),
  orchestration: z.enum(['on', 'off']),
  allowed_models: z.array(name).min(1).max(50),
  allowed_harnesses: z.array(name).min(1).max(20),
  max_instances: most,
  max_depth: most,
  max_children: most,
  max_total_cost: z.number().positive(),
  permission_prompts: z.enum(promptRoutes),
  unjudged_prompts: z.enum(unjudgedRoutes),
  at_limit: z.enum(atLimitChoices),
  notifications: z.strictObject({ spawn: z.boolean().default(false), end: z.boolean().default(false), error: z.boolean().default(false), cost: z.number().positive().optional() }),
} as const

export type PolicyKey = keyof typeof policyFields
export type PolicyValues = { readonly [Key in PolicyKey]: z.output<(typeof policyFields)[Key]> }
export const policyKeys = Object.keys(policyFields) as readonly PolicyKey[] // the object's own keys, which TypeScript calls strings

/** What holds where nobody has said anything; of `at_limit` the server's configuration says it. */
export const defaultPolicy: Partial<PolicyValues> = { spawn_approval: 'auto', orchestration: 'on', permission_prompts: 'policy', unjudged_prompts: 'supervisor' }

interface Rule<Value> {
  /** It allows nothing that `above` does not. */
  within(value: Value, above: Value): boolean
  /** What both allow. */
  meet(above: Value, value: Value): Value
}

/** In order, the last is the strictest. */
const choice = <Value extends string>(order: readonly Value[]): Rule<Value> => ({
  within: (value, above) => order.indexOf(value) >= order.indexOf(above),
  meet: (above, value) => (order.indexOf(value) > order.indexOf(above) ? value : above),
})
const ceiling: Rule<number> = { within: (value, above) => value <= above, meet: (above, value) => Math.min(above, value) }
/** Of names, in which `*` stands for any part. */
const names: Rule<readonly string[]> = {
  within: (value, above) => value.every(one => above.some(pattern => fits(pattern, one))),
  // Level below level they would multiply without end. What is cut away was allowed as well, so nothing comes to be that was not.
  meet: (above, value) => [...new Set(above.flatMap(a => value.flatMap(b => (fits(a, b) ? [b] : fits(b, a) ? [a] : overlap(a, b)))))].slice(0, mostNames),
}
const mostNames = 200
/** A name that fits both patterns has to; two plain names that differ have nothing in common. */
const overlap = (a: string, b: string): string[] => (a.includes('*') && b.includes('*') ? [`${a} & ${b}`] : [])

/** Each scope's own are carried out: none takes away another's. */
const nearest = <Value>(): Rule<Value> => ({ within: () => true, meet: (_, value) => value })

export const rules: { readonly [Key in PolicyKey]: Rule<PolicyValues[Key]> } = {
  spawn_approval: choice(['auto', 'manual']),
  orchestration: choice(['on', 'off']),
  allowed_models: names as Rule<string[]>, // a list that is only read
  allowed_harnesses: names as Rule<string[]>, // the same
  max_instances: ceiling,
  max_depth: ceiling,
  max_children: ceiling,
  max_total_cost: ceiling,
  permission_prompts: choice(promptRoutes),
  unjudged_prompts: choice(unjudgedRoutes),
  at_limit: choice(atLimitChoices),
  notifications: nearest(),
}

/**
 * Whether a name, whatever its case, fits a pattern; of two patterns: whether all that fits the second fits the first. Part by part, as
 * far left as each will go: a regular expression of many stars would try for hours, and agents write patterns too.
 */
export function fits(pattern: string, text: string): boolean {
  const [first = '', ...parts] = pattern.toLowerCase().split('*')
  const name = text.toLowerCase()
  const last = parts.pop()
  if (last === undefined) return name === first
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
  let rest = name.slice(first.length, name.length - last.length)
  for (const part of parts) {
    const at = rest.indexOf(part)
    if (at === -1) return false
    rest = rest.slice(at + part.length)
  }
  return true
}

/** A value of one key, from a record or a caller; undefined: it does not fit. */
export function parseValue<Key extends PolicyKey>(key: Key, value: unknown): PolicyValues[Key] | undefined {
  const parsed = policyFields[key].safeParse(value)
  return parsed.success ? (parsed.data as PolicyValues[Key]) : undefined // the field of that key parsed it
}
