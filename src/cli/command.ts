/** What commands that talk to a server have in common: how they are declared, whom they talk to, and how they tell what they heard. */

import { readFileSync } from 'node:fs'
import { type ArgsDef, type CommandDef, defineCommand } from 'citty'
import { type Data, type Server, untilInterrupted } from './calling.ts'
import { effectiveOf, type Given, optionsFor, parseWith } from './arguments.ts'
import { CommandError, exitCodeOf, exitCodes, Misunderstood } from './exit.ts'
import { print } from './output.ts'
import { checkUrl, findServer } from './server.ts'
import { startSpinner } from './spinner.ts'

export interface Command {
  readonly name: string
  readonly description: string
  readonly words?: Words
  readonly options?: ArgsDef
  /** Resolves with the exit code. */
  run(given: Given, words: readonly string[]): Promise<number>
}

/** Whom to talk to, and in which form to answer: of every command that talks to a server. */
export const common = {
  ...optionsFor(['home']),
  url: { type: 'string', description: 'A server, e.g. http://127.0.0.1:8001 (default: the one of the home)', valueHint: 'URL' },
  json: { type: 'boolean', description: 'The data itself, for programs' },
} as const satisfies ArgsDef

/** Of commands that spawn or send. */
export const keyed = {
  'idempotency-key': { type: 'string', description: 'Any text of your own: the same call again with it is the first one, and nothing is done twice', valueHint: 'TEXT' },
} as const satisfies ArgsDef

export const keyOf = (given: Given): { readonly key?: string } => {
  const key = textOf(given, 'idempotency-key')
  return key === undefined ? {} : { key }
}

/** What the words of commands stand for. */
const wordsAbout = {
  AGENT: 'Its name, its id, or the beginning of its id', NAME: 'What the agent is to be called', TASK: 'What it is told first; -: what comes on stdin', MESSAGE: 'What it is told; -: what comes on stdin',
  TOOL: 'One of docs/reference/tools.md', ARGUMENTS: 'JSON, key=value …, or -: JSON on stdin', CLIENT: 'claude or codex; none: both',
  ID: 'Of what waits, as madrox approvals shows it',
} as const

export type Word = keyof typeof wordsAbout
/** `NAME` must be given, `[NAME]` may, `NAME…` is the rest. */
export type Words = readonly (Word | `${Word}…` | `[${Word}]` | `[${Word}…]`)[]

const about = (word: Words[number]): string => `${wordsAbout[word.replace(/[[\]…]/g, '') as Word]}${word.includes('…') && !word.startsWith('[') ? '; one or several' : ''}` // what is left is the word itself

export function toCommand({ name, description, words = [], options = {}, run }: Command): CommandDef {
  const shown = Object.fromEntries(words.map(word => [word.replace(/[[\]…]/g, ''), { type: 'positional' as const, required: false, description: about(word), valueHint: word }]))
  return defineCommand({
    meta: { name: `madrox ${name}`, description },
    args: { ...shown, ...options },
    run: async ({ rawArgs }) => {
      const { given, words: said } = parseWith(rawArgs, options, words.length > 0)
      checkWords(words, said)
      process.exit(await run(given, said))
    },
  }) as CommandDef // the table knows no command's own options
}

function checkWords(known: Words, said: readonly string[]): void {
  const missing = known.filter(word => !word.startsWith('['))[said.length]
  if (missing !== undefined) throw new Misunderstood(`${missing.replace('…', '')} is missing.`)
  const extra = known.at(-1)?.includes('…') ? undefined : said[known.length]
  if (extra !== undefined) throw new Misunderstood(`Unexpected word "${extra}".`)
}

export const textOf = (given: Given, option: string): string | undefined => {
  const value = given[option]?.at(-1)
  return typeof value === 'string' ? value : undefined
}
export const isSet = (given: Given, option: string): boolean => given[option]?.at(-1) === true

/** The server to talk to; none is started. @throws CommandError `unavailable` where there is none */
export async function serverOf(given: Given): Promise<Server> {
  const { config } = effectiveOf(given)
  const asked = textOf(given, 'url')
  const url = asked === undefined ? await findServer(config.home) : new URL(checkUrl(asked)).origin
  if (url === undefined) throw new CommandError(exitCodes.noServer, 'unavailable', `No Madrox server runs in ${config.home}.`, { remedy: 'Start one with madrox serve, or name another by --home or --url.' })
  // An agent that calls is that agent; a person is the owner.
  const token = process.env['MADROX_TOKEN'] ?? config.token
  return { url: new URL(url).origin, cwd: process.cwd(), ...(token ? { token } : {}) }
}

/** `-`: what comes on stdin. */
export const orStdin = (text: string): string => (text === '-' ? readFileSync(0, 'utf8') : text)

/** Tells data: as it is for programs, in words for people. Resolves with the exit code. */
export function tell(given: Given, data: Data, inWords: (data: Data) => string): number {
  print(process.stdout, isSet(given, 'json') ? JSON.stringify(data, undefined, 2) : inWords(data))
  return exitCodeOf(data)
}

/** A wait that shows it goes on, and that Ctrl-C ends. */
export async function wait<Result>(
  given: Given, label: string, work: (signal: AbortSignal, onProgress: (message: string) => void) => Promise<Result>,
  told: () => { readonly message: string; readonly remedy?: string } = () => ({ message: 'The wait has ended; what was begun goes on.' }),
): Promise<Result> {
  const spinner = startSpinner(label, !isSet(given, 'json'))
  try {
    const result = await untilInterrupted(signal => work(signal, spinner.say), told)
    spinner.stop('done')
    return result
  } catch (error) {
    spinner.stop('ended')
    throw error
  }
}
