/** Logging for people, on stderr only: stdout belongs to stdio MCP and to `--json`. No line says a secret. */

import { createConsola, type LogLevel } from 'consola'
import { redact, redactData } from './redaction.ts'

export interface Log {
  debug(message: string, data?: object): void
  info(message: string, data?: object): void
  warn(message: string, data?: object): void
  error(message: string, data?: object): void
}

const levels = { silent: -999, error: 0, warn: 1, info: 3, debug: 4 } as const
export type LogLevelName = keyof typeof levels

export function createLog(level: LogLevelName = 'info'): Log {
  const consola = createConsola({
    level: levels[level] as LogLevel, // consola's levels are these numbers
    stdout: process.stderr, // consola writes `info` to stdout otherwise
    stderr: process.stderr,
  })
  const write = (name: 'debug' | 'info' | 'warn' | 'error') => (message: string, data?: object) =>
    data === undefined ? consola[name](message) : consola[name](message, data)
  return withoutSecrets({ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') })
}

const told = new WeakSet<Log>()

/** The same log, told no secrets. */
export function withoutSecrets(log: Log): Log {
  if (log === silentLog || told.has(log)) return log
  const tell = (name: keyof Log) => (message: string, data?: object) => (data === undefined ? log[name](redact(message)) : log[name](redact(message), redactData(data)))
  const clean = { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') }
  told.add(clean)
  return clean
}

/** For the embedded library and for tests: says nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
