/**
 * What can be set, each thing declared once: its schema, its variable, what it is for. From this one table come the options of
 * `madrox serve`, what a configuration file may say, `madrox doctor` and docs/reference/configuration.md. Options come before
 * environment, environment before the file, the file before defaults; of every value it is known which of them gave it.
 */

import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { readConfigFile } from './config-file.ts'
import { MadroxError } from './errors.ts'
import { atLimitChoices } from './limits.ts'
import { nearest } from './nearest.ts'
import { redact } from './redaction.ts'
import { defaultSupervision, restartStrategies } from './restarts.ts'

/** A number as flags and variables have it. An empty value stays one and is refused: coerced it would be 0, which for some means "for ever" or "any". */
const numeric = (schema: z.ZodNumber) => z.preprocess(value => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value), schema)

/** A list as a variable has it, with commas; a file has a list of its own, and a repeated option is one. */
const listed = <Item extends z.ZodType>(item: Item) => z.preprocess(value => (typeof value === 'string' ? value.split(',').map(part => part.trim()).filter(part => part !== '') : value), z.array(item))

/** A switch; a file may say true or false. */
const switched = <Values extends z.ZodType>(values: Values) => z.preprocess(value => (value === true || value === 'true' ? 'on' : value === false || value === 'false' ? 'off' : value), values)

/** Output, consumed replies and calls of agents that ended, and the audit, are kept so long. */
export const defaultRetentionDays = 30

/** How codex is run: threads of one app-server, or its interactive program in a PTY for each agent. */
export const codexDriverNames = ['app-server', 'pty'] as const
export type CodexDriverName = (typeof codexDriverNames)[number]

/** The key of a setting says what it is called elsewhere: `maxInstances` is `--max-instances`, and `max_instances` in the file. */
export interface Setting {
  readonly schema: z.ZodType
  /** Of a family: its beginning, to which a member's name is added (`MADROX_MODEL_CLAUDE`). */
  readonly variable: string
  readonly description: string
  /** What stands for a value in usage texts. */
  readonly hint: string
  /** What is not told in words of its own where there is no other value: `<home>/logs`. */
  readonly otherwise?: string
  /** A record whose members are set one by one, `--model claude=opus`: its option. */
  readonly family?: string
  /** Never shown; no option sets it, because others read those of a process. */
  readonly secret?: true
  /** A path; in the file it is relative to where the file is. */
  readonly path?: true
  /** The option may be given several times. */
  readonly repeatable?: true
  /** False: not for the file. */
  readonly file?: false
}

export const settings = {
  home: { schema: z.string().min(1), variable: 'MADROX_HOME', hint: 'DIR', path: true, file: false, otherwise: "madrox in the platform's data directory", description: 'Where Madrox keeps its files: database, workspaces, logs, configuration' },
  host: { schema: z.string().min(1).default('127.0.0.1'), variable: 'ORCHESTRATOR_HOST', hint: 'HOST', description: 'Address to listen on; beyond loopback MADROX_SERVER_TOKEN must be set' },
  port: { schema: numeric(z.number().int().min(0).max(65_535)).default(8001), variable: 'ORCHESTRATOR_PORT', hint: 'PORT', description: 'Port to listen on; 0: any free one' },
  token: { schema: z.string().min(16).optional(), variable: 'MADROX_SERVER_TOKEN', hint: 'TOKEN', secret: true, description: 'The bearer token that every caller must show, 16 characters or more; needed to listen beyond loopback' },
  logLevel: { schema: z.preprocess(value => (typeof value === 'string' ? value.toLowerCase() : value), z.enum(['silent', 'error', 'warn', 'info', 'debug'])).default('info'), variable: 'LOG_LEVEL', hint: 'LEVEL', description: 'How much is told on stderr: silent, error, warn, info or debug' },
  workspaceDir: { schema: z.string().min(1).optional(), variable: 'WORKSPACE_DIR', hint: 'DIR', path: true, otherwise: 'workspaces in the home', description: 'Where the workspaces of agents are made' },
  logDir: { schema: z.string().min(1).optional(), variable: 'LOG_DIR', hint: 'DIR', path: true, otherwise: 'logs in the home', description: 'Where logs of agents and of the audit are written' },
  maxInstances: { schema: numeric(z.number().int().positive()).default(10), variable: 'MAX_INSTANCES', hint: 'N', description: 'Living agent processes, at most; suspended agents have none' },
  maxTotalCost: { schema: numeric(z.number().positive()).default(100), variable: 'MADROX_MAX_TOTAL_COST', hint: 'USD', description: 'USD that living agents may have cost, in all' },
  maxChildren: { schema: numeric(z.number().int().positive()).default(20), variable: 'MADROX_MAX_CHILDREN', hint: 'N', description: 'Living agents directly below one agent, at most' },
  maxDepth: { schema: numeric(z.number().int().positive()).default(8), variable: 'MADROX_MAX_DEPTH', hint: 'N', description: 'Levels of agents below a client, at most' },
  maxTokensPerInstance: { schema: numeric(z.number().int().positive()).optional(), variable: 'MADROX_MAX_TOKENS_PER_INSTANCE', hint: 'N', otherwise: 'no limit', description: 'Tokens of each agent with all below it, at most' },
  maxMinutesPerInstance: { schema: numeric(z.number().positive().max(5_256_000)).optional(), variable: 'MADROX_MAX_MINUTES_PER_INSTANCE', hint: 'MIN', otherwise: 'no limit', description: 'Minutes of each agent from its spawn, at most' },
  atLimit: { schema: z.enum(atLimitChoices).default('end'), variable: 'MADROX_AT_LIMIT', hint: 'WHAT', description: 'What happens to an agent at a limit of tokens, cost or time: end, or interrupt: it is held until the limit is raised; policy may say otherwise' },
  idleMinutes: { schema: numeric(z.number().min(0)).default(60), variable: 'MADROX_IDLE_MINUTES', hint: 'MIN', description: 'An agent idle for so long is suspended until it is needed; 0: never' },
  stuckMinutes: { schema: numeric(z.number().min(0)).default(10), variable: 'MADROX_STUCK_MINUTES', hint: 'MIN', description: 'A busy agent of which nothing is heard for so long is said to be stuck; 0: never' },
  retentionDays: { schema: numeric(z.number().int().min(0).max(36_500)).default(defaultRetentionDays), variable: 'MADROX_RETENTION_DAYS', hint: 'DAYS', description: "Days that ended agents' output and the audit are kept; 0: for ever" },
  spawnApprovalSeconds: { schema: numeric(z.number().positive().max(86_400)).default(300), variable: 'MADROX_SPAWN_APPROVAL_SECONDS', hint: 'S', description: 'How long a person has to approve a spawn, where policy asks one first' },
  promptApprovalSeconds: { schema: numeric(z.number().positive().max(86_000)).default(600), variable: 'MADROX_PROMPT_APPROVAL_SECONDS', hint: 'S', description: "How long a permission prompt of an agent's CLI waits for its answer" },
  claudeBin: { schema: z.string().min(1).default('claude'), variable: 'MADROX_CLAUDE_BIN', hint: 'FILE', description: 'The executable of Claude Code: a path, or a name looked up on PATH' },
  claudeDriver: { schema: z.enum(['pty', 'stream']).default('pty'), variable: 'MADROX_CLAUDE_DRIVER', hint: 'WAY', description: 'How agents of the harness claude are spoken with: pty (in a terminal) or stream (by structured messages, as claude-stream always is)' },
  codexBin: { schema: z.string().min(1).default('codex'), variable: 'MADROX_CODEX_BIN', hint: 'FILE', description: 'The executable of Codex, likewise' },
  codexDriver: { schema: z.enum(codexDriverNames).default('app-server'), variable: 'MADROX_CODEX_DRIVER', hint: 'DRIVER', description: 'What the harness codex means: app-server, one process for all its agents, or pty, the interactive program of each' },
  models: { schema: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/, 'not the name of a harness'), z.string().min(1).max(200)).default({}), variable: 'MADROX_MODEL_', family: 'model', hint: 'HARNESS=MODEL', repeatable: true, otherwise: "the CLI's own default", description: 'The model of agents of a harness whose spawn names none' },
  childEnv: { schema: listed(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'not the name of a variable')).default([]), variable: 'MADROX_CHILD_ENV', hint: 'NAME', repeatable: true, otherwise: 'none', description: 'A further environment variable that agents receive' },
  onShutdown: { schema: z.enum(['end', 'suspend']).default('end'), variable: 'MADROX_ON_SHUTDOWN', hint: 'WHAT', description: 'end: a stopping server ends its agents; suspend: the next one goes on with them' },
  restartStrategy: { schema: z.enum(restartStrategies).default(defaultSupervision.strategy), variable: 'MADROX_RESTART_STRATEGY', hint: 'STRATEGY', description: "Who is restarted with a client's agent that died again: one_for_one, one_for_all or rest_for_one" },
  maxRestarts: { schema: numeric(z.number().int().min(0).max(100)).default(defaultSupervision.maxRestarts), variable: 'MADROX_MAX_RESTARTS', hint: 'N', description: "Restarts of a client's agents within the window; the next death stands" },
  restartWindowSeconds: { schema: numeric(z.number().positive().max(86_400)).default(defaultSupervision.withinMs / 1000), variable: 'MADROX_RESTART_WINDOW_SECONDS', hint: 'S', description: 'Length of that window in seconds' },
  otel: { schema: switched(z.enum(['auto', 'on', 'off'])).default('auto'), variable: 'MADROX_OTEL', hint: 'WHEN', description: 'Send traces by OpenTelemetry: on, off, or auto: where OTEL_EXPORTER_OTLP_ENDPOINT is set' },
  otelContent: { schema: switched(z.enum(['on', 'off'])).default('off'), variable: 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT', hint: 'WHETHER', description: 'Traces also carry what messages say, without secrets: on or off' },
  monitoring: { schema: switched(z.enum(['on', 'off'])).default('off'), variable: 'MADROX_MONITORING', hint: 'WHETHER', description: 'Have agents summed up by a model, to which what they say is sent: on or off' },
  monitoringUrl: { schema: z.url().default('https://openrouter.ai/api/v1'), variable: 'MADROX_MONITORING_URL', hint: 'URL', description: 'The OpenAI-compatible endpoint of monitoring' },
  monitoringModel: { schema: z.string().min(1).optional(), variable: 'OPENROUTER_MODEL', hint: 'MODEL', description: 'The model of monitoring' },
  monitoringKey: { schema: z.string().min(1).optional(), variable: 'OPENROUTER_API_KEY', hint: 'KEY', secret: true, description: 'The key of the endpoint of monitoring' },
  durability: { schema: z.enum(['normal', 'full']).default('normal'), variable: 'MADROX_DURABILITY', hint: 'LEVEL', description: 'normal: what was accepted survives a kill; full: a loss of power too' },
} as const satisfies Readonly<Record<string, Setting>>

export type SettingName = keyof typeof settings
type Schemas = { readonly [Name in SettingName]: (typeof settings)[Name]['schema'] }

/** By name, as the table has them; `Object.entries` forgets which names there are. */
export const settingList: readonly (readonly [SettingName, Setting])[] = Object.entries(settings) as [SettingName, Setting][]

export const configSchema = z.object(Object.fromEntries(settingList.map(([name, { schema }]) => [name, schema])) as unknown as Schemas) // the same entries

/** What holds; directories absolute. */
export type Config = Omit<z.output<typeof configSchema>, 'workspaceDir' | 'logDir'> & { readonly workspaceDir: string; readonly logDir: string }

/** What gave a value; `name` as a person would write it (`--port`, `ORCHESTRATOR_PORT`, `port in …/config.toml`). */
export interface Origin {
  readonly kind: 'option' | 'environment' | 'file' | 'default'
  readonly name: string
}

export interface Effective {
  readonly config: Config
  /** By setting; of a family by member: `models.claude`. */
  readonly origins: ReadonlyMap<string, Origin>
}

type Environment = Readonly<Record<string, string | undefined>>

/** Where Madrox keeps its files, if nothing is said: the platform's data directory. */
export function defaultHome(env: Environment, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'madrox')
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'madrox')
}

const withHyphens = (name: string): string => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

/** The option of a setting, without its dashes; undefined where none sets it. */
export const optionOf = (name: SettingName): string | undefined => {
  const { secret, family }: Setting = settings[name]
  return secret ? undefined : (family ?? withHyphens(name))
}

/** What a setting is called in the configuration file. */
export const fileKeyOf = (name: SettingName): string => withHyphens(name).replaceAll('-', '_')

/** What holds where nobody says anything, for people; undefined: nothing does. */
export function defaultOf({ schema, otherwise }: Setting): string | undefined {
  if (otherwise !== undefined) return otherwise
  const { data } = schema.safeParse(undefined)
  return typeof data === 'string' || typeof data === 'number' || typeof data === 'boolean' ? String(data) : undefined
}

/** The effective configuration. @throws MadroxError as `resolveConfig` */
export const loadConfig = (given: Readonly<Record<string, unknown>>, env: Environment): Config => resolveConfig(given, env).config

/**
 * The effective configuration, and where each value is from.
 * @param given what options say, by the names of settings; undefined: nothing
 * @throws MadroxError `invalid_input` naming each value that does not fit and where it came from, or what the file may not say
 */
export function resolveConfig(given: Readonly<Record<string, unknown>>, env: Environment): Effective {
  const said = [...fromOptions(given), ...fromEnvironment(env)]
  const home = said.find(({ place }) => place === 'home')?.value ?? defaultHome(env)
  const inFile = typeof home === 'string' && home !== '' ? fromFile(resolve(home)) : []
  const first = new Map<string, Said>()
  for (const each of [...said, ...inFile]) if (!first.has(each.place)) first.set(each.place, each)
  const parsed = configSchema.safeParse({ home, ...nested(first) })
  if (!parsed.success) throw misfit(parsed.error, first)
  const dir = resolve(parsed.data.home)
  const { workspaceDir = join(dir, 'workspaces'), logDir = join(dir, 'logs') } = parsed.data
  return {
    config: { ...parsed.data, home: dir, workspaceDir: resolve(workspaceDir), logDir: resolve(logDir) },
    origins: new Map([...settingList.map(([name]): [string, Origin] => [name, { kind: 'default', name: 'default' }]), ...[...first].map(([place, { origin }]): [string, Origin] => [place, origin])]),
  }
}

/** One value somebody gave: for a setting, or (`models.claude`) for a member of a family. */
interface Said {
  readonly place: string
  readonly value: unknown
  readonly origin: Origin
}

function fromOptions(given: Readonly<Record<string, unknown>>): Said[] {
  return settingList.flatMap(([name, { family }]) => {
    const value = given[name]
    if (value === undefined) return []
    const origin: Origin = { kind: 'option', name: `--${optionOf(name)}` }
    if (family === undefined || !Array.isArray(value)) return [{ place: name, value, origin }]
    return value.toReversed().map((pair: unknown) => {
      const [, member, rest] = /^([^=]+)=(.*)$/s.exec(String(pair)) ?? []
      return member === undefined ? { place: name, value: pair, origin } : { place: `${name}.${member}`, value: rest, origin }
    })
  })
}

/** An empty variable says nothing, as is usual in shells. */
function fromEnvironment(env: Environment): Said[] {
  return settingList.flatMap(([name, { variable, family }]): Said[] => {
    const toSaid = (each: string, place: string): Said[] => (env[each] ? [{ place, value: env[each], origin: { kind: 'environment', name: each } }] : [])
    if (family === undefined) return toSaid(variable, name)
    return Object.keys(env).filter(each => each.startsWith(variable) && each.length > variable.length).flatMap(each => toSaid(each, `${name}.${each.slice(variable.length).toLowerCase().replaceAll('_', '-')}`))
  })
}

const prefix = 'MADROX_'

/**
 * Variables of the environment that nobody reads and somebody seems to have meant, each with the one that is read. An environment holds
 * others' words too, so that they are no reason to refuse it.
 */
export function misspelt(env: Environment): readonly { readonly name: string; readonly meant: string }[] {
  const ours = settingList.flatMap(([, { variable, family }]) => (family === undefined && variable.startsWith(prefix) ? [variable.slice(prefix.length)] : []))
  const families = settingList.flatMap(([, { variable, family }]) => (family === undefined ? [] : [variable]))
  return Object.keys(env).toSorted().flatMap(name => {
    const rest = name.slice(prefix.length)
    if (!name.startsWith(prefix) || ours.includes(rest) || families.some(family => name.startsWith(family))) return []
    const near = nearest(rest, ours, 1 / 4)
    return near === undefined ? [] : [{ name, meant: prefix + near }]
  })
}

/** Not a record where there should be one, is left for the schema to refuse. */
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

function fromFile(home: string): Said[] {
  const file = readConfigFile(home)
  if (!file) return []
  const byKey = new Map(settingList.filter(([, setting]) => setting.file !== false).map(([name, setting]) => [fileKeyOf(name), { name, setting }]))
  return Object.entries(file.content).flatMap(([key, value]): Said[] => {
    const known = byKey.get(key)
    if (!known) throw unknownKey(key, [...byKey.keys()], file.path)
    const { name, setting } = known
    const origin: Origin = { kind: 'file', name: `${key} in ${file.path}` }
    if (setting.family === undefined || !isRecord(value)) return [{ place: name, value: setting.path && typeof value === 'string' && value !== '' ? resolve(home, value) : value, origin }]
    return Object.entries(value).map(([member, inner]) => ({ place: `${name}.${member}`, value: inner, origin: { kind: 'file', name: `${key}.${member} in ${file.path}` } }))
  })
}

function unknownKey(key: string, known: readonly string[], path: string): MadroxError {
  const near = nearest(key, known)
  return new MadroxError('invalid_input', `There is no setting "${key}" (in ${path}).`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}Settings: ${known.join(', ')}.`, data: { key, path } })
}

/** A whole that does not fit (`models = 7`) hides the members. */
function nested(said: ReadonlyMap<string, Said>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [place, { value }] of said) {
    const [name = place, ...member] = place.split('.')
    if (member.length === 0) result[name] = value
    else if (!said.has(name)) result[name] = { ...(isRecord(result[name]) ? result[name] : {}), [member.join('.')]: value }
  }
  return result
}

function misfit(error: z.ZodError, said: ReadonlyMap<string, Said>): MadroxError {
  const issues = error.issues.map(({ path, message }) => {
    const name = String(path[0])
    const place = said.has(name) ? name : `${name}.${String(path[1])}`
    const { value, origin } = said.get(place) ?? {}
    const secret = settingList.some(([known, setting]) => known === name && setting.secret)
    return `${origin?.name ?? name}${secret ? '' : ` ${redact(JSON.stringify(value) ?? '')}`}: ${message}` // a secret is not repeated
  })
  return new MadroxError('invalid_input', `The configuration does not fit: ${issues.join('; ')}.`, { remedy: 'Correct it and start again.' })
}
