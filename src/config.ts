/** One schema for what can be set. Flags come before environment, environment before defaults. */

import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { MadroxError } from './errors.ts'
import { defaultSupervision, restartStrategies } from './restarts.ts'

/** A number as flags and variables have it. An empty value stays one and is refused: coerced it would be 0, which for some means "for ever" or "any". */
const numeric = (schema: z.ZodNumber) => z.preprocess(value => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value), schema)

/** Output, consumed replies and calls of agents that ended, and the audit, are kept so long. */
export const defaultRetentionDays = 30

export const configSchema = z.object({
  host: z.string().min(1).default('127.0.0.1'),
  /** 0: any free one. */
  port: numeric(z.number().int().min(0).max(65_535)).default(8001),
  /** `$MADROX_HOME`: the database, workspaces and drivers' own files. */
  home: z.string().min(1),
  logLevel: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
  maxInstances: numeric(z.number().int().positive()).default(10),
  /** USD, of an owner's living agents and those that ended below them. */
  maxTotalCost: numeric(z.number().positive()).default(100),
  /** Living agents directly below one agent, and levels of agents below a client. */
  maxChildren: numeric(z.number().int().positive()).default(20),
  maxDepth: numeric(z.number().int().positive()).default(8),
  /** Of each agent with all below it; none: no such limit. */
  maxTokensPerInstance: numeric(z.number().int().positive()).optional(),
  maxMinutesPerInstance: numeric(z.number().positive()).optional(),
  /** 0: never. */
  idleMinutes: numeric(z.number().min(0)).default(60),
  stuckMinutes: numeric(z.number().min(0)).default(10),
  /** 0: for ever. */
  retentionDays: numeric(z.number().int().min(0).max(36_500)).default(defaultRetentionDays),
  claudeBin: z.string().min(1).default('claude'),
  codexBin: z.string().min(1).default('codex'),
  /** Names of further environment variables that agents receive. */
  childEnv: z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'not the name of a variable')).default([]),
  /** What callers must show where the server is reached over the network. */
  token: z.string().min(16).optional(),
  durability: z.enum(['normal', 'full']).default('normal'),
  /** How clients treat agents of theirs that keep dying: who is restarted with one, and how often within how long. */
  restartStrategy: z.enum(restartStrategies).default(defaultSupervision.strategy),
  maxRestarts: numeric(z.number().int().min(0).max(100)).default(defaultSupervision.maxRestarts),
  restartWindowSeconds: numeric(z.number().positive().max(86_400)).default(defaultSupervision.withinMs / 1000),
  /** What becomes of agents when the server is asked to stop. */
  onShutdown: z.enum(['end', 'suspend']).default('end'),
})
export type Config = z.output<typeof configSchema>

const variables: Readonly<Record<string, keyof Config>> = {
  ORCHESTRATOR_HOST: 'host',
  ORCHESTRATOR_PORT: 'port',
  MADROX_HOME: 'home',
  LOG_LEVEL: 'logLevel',
  MADROX_DURABILITY: 'durability',
  MADROX_ON_SHUTDOWN: 'onShutdown',
  MADROX_RESTART_STRATEGY: 'restartStrategy',
  MADROX_MAX_RESTARTS: 'maxRestarts',
  MADROX_RESTART_WINDOW_SECONDS: 'restartWindowSeconds',
  MAX_INSTANCES: 'maxInstances',
  MADROX_MAX_TOTAL_COST: 'maxTotalCost',
  MADROX_MAX_CHILDREN: 'maxChildren',
  MADROX_MAX_DEPTH: 'maxDepth',
  MADROX_MAX_TOKENS_PER_INSTANCE: 'maxTokensPerInstance',
  MADROX_MAX_MINUTES_PER_INSTANCE: 'maxMinutesPerInstance',
  MADROX_IDLE_MINUTES: 'idleMinutes',
  MADROX_STUCK_MINUTES: 'stuckMinutes',
  MADROX_RETENTION_DAYS: 'retentionDays',
  MADROX_CLAUDE_BIN: 'claudeBin',
  MADROX_CODEX_BIN: 'codexBin',
  MADROX_SERVER_TOKEN: 'token',
}

type Environment = Readonly<Record<string, string | undefined>>

/** Where Madrox keeps its files, if nothing is said: the platform's data directory. */
export function defaultHome(env: Environment, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'madrox')
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'madrox')
}

/**
 * The effective configuration.
 * @throws MadroxError `invalid_input` naming each value that does not fit and where it came from
 */
export function loadConfig(flags: Readonly<Record<string, unknown>>, env: Environment): Config {
  const fromEnv = Object.fromEntries(Object.entries(variables).flatMap(([name, key]) => (env[name] ? [[key, key === 'logLevel' ? env[name].toLowerCase() : env[name]]] : [])))
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined))
  const wanted: Readonly<Record<string, unknown>> = { home: defaultHome(env), ...fromEnv, ...given }
  const parsed = configSchema.safeParse(wanted)
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => {
      const key = String(path[0])
      const said = key === 'token' ? '' : ` ${JSON.stringify(wanted[key])}` // a secret is not repeated
      return `${sourceOf(key, given, env)}${said}: ${message}`
    })
    throw new MadroxError('invalid_input', `The configuration does not fit: ${issues.join('; ')}.`, { remedy: 'Correct it and start again.' })
  }
  return { ...parsed.data, home: resolve(parsed.data.home) }
}

function sourceOf(key: string, flags: Readonly<Record<string, unknown>>, env: Environment): string {
  if (key in flags) return `--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
  return Object.entries(variables).find(([name, known]) => known === key && env[name] !== undefined)?.[0] ?? key
}
