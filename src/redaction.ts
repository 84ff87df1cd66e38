/**
 * Secrets, kept out of what people and programs read about the work: log lines, feeds, errors, the audit, exported files. It owns what
 * a secret looks like and which ones this process knows. What agents say to each other does not pass here: that arrives byte for byte.
 *
 * The known ones are the process's, not one system's: they come from its environment, and it has one standard error. A value that is
 * secret to one of two systems in a process is secret to the other.
 *
 * Texts come from agents, so every search takes time in proportion to their length: a pattern either cannot fail after a repetition, or
 * begins only where none of what it repeats stands before it.
 */

import { inspect } from 'node:util'

export const redacted = '[redacted]'

/** Of the credentials that Madrox mints: no registry of them is kept, their shape is enough. */
export const tokenPrefix = 'mdx_'

/** The beginning of a word, also behind the `\n` of a text within JSON. */
const start = String.raw`(?:(?<![\w-])|(?<=\\[bfnrt]))`

const shapes: readonly (readonly [shape: RegExp, replacement: string])[] = [
  [/-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\:,.-]*/g, redacted],
  [/:\/\/(?:[^\s/?#@:"'`<>]*:[^\s/?#"'`<>]+|[^\s/?#@:"'`<>]{20,})@/g, `://${redacted}@`],
  [/(authorization\\?["']?\s*[:=]\s*\\?["']?(?:(?:bearer|basic|token)\s+)?)[^\s"',;\\]{8,}/gi, `$1${redacted}`],
  [/\b(bearer\s+)[A-Za-z0-9._~+/=-]{16,}/gi, `$1${redacted}`],
  [new RegExp(`${start}eyJ[\\w-]{8,}\\.[\\w-]{8,}(?:\\.[\\w-]*){0,3}`, 'g'), redacted],
  [/sk-ant-[\w-]{8,}/g, redacted],
  [new RegExp(`${start}sk-[\\w-]{20,}`, 'g'), redacted],
  [/(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|npm_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{20,})/g, redacted],
  [/xox[abeoprs]-[A-Za-z0-9-]{10,}/g, redacted],
  [/(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}/g, redacted],
  [new RegExp(`${tokenPrefix}[\\w-]{24,}`, 'g'), redacted],
  // A line of a file of variables, as agents read them.
  [/((?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)=\\?["']?)[^\s"'\\]{6,}/g, `$1${redacted}`],
]

/** What is shorter stands in too many words to be taken out of all of them. */
const shortest = 6

const known = new Map<string, number>()
let longestFirst: readonly string[] = []

/** From now on these are taken out of everything, also as JSON, a URL and the lines of a file have them; until the function it returns is called. */
export function knowSecrets(values: Iterable<string>): () => void {
  const added = [...new Set([...values].flatMap(formsOf))].filter(value => value.length >= shortest && !redacted.includes(value))
  const count = (by: 1 | -1): void => {
    for (const value of added) {
      const times = (known.get(value) ?? 0) + by
      if (times > 0) known.set(value, times)
      else known.delete(value)
    }
    longestFirst = [...known.keys()].toSorted((a, b) => b.length - a.length)
  }
  count(1)
  let isKnown = true
  return () => {
    if (isKnown) count(-1)
    isKnown = false
  }
}

function formsOf(value: string): readonly string[] {
  const trimmed = value.trim()
  const lines = trimmed.split('\n').map(line => line.trim()).filter(line => line.length >= 16)
  return [trimmed, JSON.stringify(trimmed).slice(1, -1), encodeURIComponent(trimmed.replace(/\p{Cs}/gu, '?')), ...lines]
}

const secretWords = /(?:^|_)(?:(?:API|ACCESS|PRIVATE|SECRET)?KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|CREDENTIALS?|AUTHORIZATION|COOKIE|PAT)(?:_|$)/
/** Of something about a secret that is none itself. */
const tameEnds = /_(?:FILE|PATH|DIR|SOCK|ID|NAME|TYPE|HELPER|LIMIT|LENGTH|TTL|MS|SECONDS)$/

/** Whether a variable or header of that name holds a secret. */
export function looksSecret(name: string): boolean {
  const upper = name.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll('-', '_').toUpperCase()
  return secretWords.test(upper) && !tameEnds.test(upper)
}

/** The secrets among variables or headers: by their names, and the passwords in addresses. */
export function secretsIn(variables: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(variables).flatMap(([name, value]) => {
    if (value === undefined) return []
    const password = /^[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:([^\s/]+)@/i.exec(value)?.[1]
    const named = looksSecret(name) ? [value, value.replace(/^(?:bearer|basic|token)\s+/i, '')] : []
    return [...named, ...(password === undefined ? [] : [password])]
  })
}

/** The text without secrets. */
export function redact(text: string): string {
  const unknown = longestFirst.reduce((rest, value) => rest.replaceAll(value, redacted), text)
  return shapes.reduce((rest, [shape, replacement]) => rest.replace(shape, replacement), unknown)
}

/** What a terminal shows: known secrets also where its lines broke them. */
export function redactScreen(text: string): string {
  const { joined, at } = withoutBreaks(text)
  const cuts = longestFirst.flatMap(value => placesOf(joined, value).map((from): readonly [number, number] => [at[from] ?? 0, (at[from + value.length - 1] ?? 0) + 1]))
  let end = 0
  const parts = cuts.toSorted(([a], [b]) => a - b).map(([from, to]) => {
    const part = from >= end ? text.slice(end, from) + redacted : ''
    end = Math.max(end, to)
    return part
  })
  return redact(parts.join('') + text.slice(end))
}

/** Without line breaks and the blanks and borders beside them; `at`: where each character stood. */
function withoutBreaks(text: string): { readonly joined: string; readonly at: readonly number[] } {
  const at: number[] = []
  let offset = 0
  const lines = text.split('\n').map(line => {
    const bare = line.replace(/^[\s│|]+/, '')
    const kept = bare.trimEnd().replace(/[│|]$/, '').trimEnd()
    const first = offset + line.length - bare.length
    for (let index = 0; index < kept.length; index++) at.push(first + index)
    offset += line.length + 1
    return kept
  })
  return { joined: lines.join(''), at }
}

function placesOf(text: string, value: string): readonly number[] {
  const places: number[] = []
  for (let from = text.indexOf(value); from >= 0; from = text.indexOf(value, from + value.length)) places.push(from)
  return places
}

/** How deep data is looked through; beneath that it is shown as text. */
const deepest = 8

/** Plain data, or what a log line is given, without secrets. Errors stay errors; what is no plain data is shown as text. */
export function redactData<T>(data: T): T {
  return redactValue(data, 0) as T // the same fields, and strings in the place of strings
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redact(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= deepest) return redact(inspect(value, { depth: 2 }))
  if (value instanceof Error) return redactError(value, depth)
  if (Array.isArray(value)) return value.map(each => redactValue(each, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return redact(inspect(value, { depth: 2 }))
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [redact(key), redactValue(each, depth + 1)]))
}

function redactError(error: Error, depth: number): Error {
  const cause = error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1) }
  const fields = Object.fromEntries(Object.entries(error).map(([key, each]) => [key, redactValue(each, depth + 1)]))
  return Object.assign(new Error(redact(error.message), cause), fields, { name: error.name, stack: redact(error.stack ?? '') })
}
