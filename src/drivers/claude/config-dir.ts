/**
 * Claude Code's own configuration directory: where its files lie, and the little we may touch. It holds a person's login
 * and settings, so nothing in it is ever overwritten; only a directory that has never been used is prepared.
 */

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { codeOf } from '../../errors.ts'

export interface ConfigDir {
  readonly root: string
  /** The global state file: inside a directory named by CLAUDE_CONFIG_DIR, beside the default one otherwise. */
  readonly stateFile: string
  readonly sessions: string
}

export function findConfigDir(env: Readonly<Record<string, string>>): ConfigDir {
  const named = env.CLAUDE_CONFIG_DIR
  const home = env.HOME ?? '/'
  const root = named ?? join(home, '.claude')
  return { root, stateFile: named === undefined ? join(home, '.claude.json') : join(named, '.claude.json'), sessions: join(root, 'sessions') }
}

/** A first run shows a theme dialog that nobody would answer; a directory in use is left exactly as it is. */
export function prepareConfigDir(dir: ConfigDir): void {
  mkdirSync(dir.sessions, { recursive: true, mode: 0o700 })
  try {
    writeFileSync(dir.stateFile, JSON.stringify({ hasCompletedOnboarding: true }), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

/** Where a session that starts in `cwd` (a real path) writes its transcript. */
export const transcriptPath = (dir: ConfigDir, cwd: string, sessionId: string): string =>
  join(dir.root, 'projects', cwd.replace(/[^a-zA-Z0-9]/g, '-'), `${sessionId}.jsonl`)

const statusSchema = z.looseObject({
  pid: z.number(),
  sessionId: z.string(),
  startedAt: z.number(),
  version: z.string().optional(),
  status: z.string().optional(),
  statusUpdatedAt: z.number().optional(),
  /** The process's start time as the kernel counts it: with the pid, its identity. */
  procStart: z.string().optional(),
})
export type SessionStatus = z.infer<typeof statusSchema>

/** A status file; undefined while it is absent or half written (it is rewritten in place). */
export function readStatus(path: string): SessionStatus | undefined {
  try {
    const parsed = statusSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined // absent, or torn
  }
}

/** All sessions' status files; only the named one if it is there. */
export function listStatuses(dir: ConfigDir, name?: string): SessionStatus[] {
  const named = name === undefined ? undefined : readStatus(join(dir.sessions, name))
  if (named) return [named]
  return listNames(dir.sessions).flatMap(each => (each.endsWith('.json') ? (readStatus(join(dir.sessions, each)) ?? []) : []))
}

function listNames(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [] // removed under us: no session then
    throw error
  }
}

/** The user's own MCP servers, for `inheritMcp`; without ours, whatever it is registered as. */
export function readUserMcpServers(dir: ConfigDir): Record<string, unknown> {
  const { madrox: _ours, ...others } = readState(dir, z.looseObject({ mcpServers: z.record(z.string(), z.unknown()) }))?.mcpServers ?? {}
  return others
}

const keyAnswersSchema = z.looseObject({
  customApiKeyResponses: z.looseObject({ approved: z.array(z.string()).default([]), rejected: z.array(z.string()).default([]) }),
})

/** What the user answered when Claude Code asked whether to use this API key; undefined: it never asked. */
export function readKeyAnswer(dir: ConfigDir, key: string): 'approved' | 'rejected' | undefined {
  const answers = readState(dir, keyAnswersSchema)?.customApiKeyResponses
  const kept = key.slice(-20) // as much of a key as Claude Code writes down
  return answers?.approved.includes(kept) ? 'approved' : answers?.rejected.includes(kept) ? 'rejected' : undefined
}

function readState<State>(dir: ConfigDir, schema: z.ZodType<State>): State | undefined {
  try {
    return schema.safeParse(JSON.parse(readFileSync(dir.stateFile, 'utf8'))).data
  } catch {
    return undefined // never used, or half written: it says nothing
  }
}
