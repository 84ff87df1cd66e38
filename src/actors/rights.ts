/**
 * What an agent may give a child: at most what it has itself. Confinement is compared by what it comes to with the child's
 * harness and the supervisor's, never by its words: each CLI reads some of them and passes over the others.
 */

import { isDeepStrictEqual } from 'node:util'
import { type Confinement, confinedTools } from '../drivers/driver.ts'
import { MadroxError } from '../errors.ts'
import type { SpawnRequest } from './facade.ts'

type Rights = Pick<SpawnRequest, 'harness' | 'confinement' | 'mcpServers' | 'inheritMcp' | 'script'>

export interface Freedom {
  /** Nothing keeps it to its workspace. */
  readonly unconfined: boolean
  readonly writes: boolean
}

/** The CLI behind a harness, by whichever driver: `claude-stream` is `claude`. */
export const familyOf = (harness: string): string => /^(?:claude|codex)(?=-|$)/.exec(harness)?.[0] ?? harness

/** What an agent's confinement comes to with its harness. */
export function freedomOf({ harness, confinement: { bypass, permissionMode, sandboxMode } }: Pick<Rights, 'harness' | 'confinement'>): Freedom {
  const bySandbox: Freedom = { unconfined: (sandboxMode ?? (bypass ? 'danger-full-access' : '')) === 'danger-full-access', writes: sandboxMode !== 'read-only' }
  const byMode: Freedom = { unconfined: bypass || permissionMode === 'bypassPermissions', writes: permissionMode !== 'plan' }
  const family = familyOf(harness)
  if (family === 'codex') return bySandbox
  if (family === 'claude') return byMode
  // Any other harness is taken at its word, in whichever words.
  return { unconfined: bySandbox.unconfined || byMode.unconfined, writes: bySandbox.writes && byMode.writes }
}

/** Whether it may write in its workspace. */
export const mayWrite = (own: Rights): boolean => freedomOf(own).writes

/** Whether something keeps it to its workspace. */
export const isConfined = (own: Pick<Rights, 'harness' | 'confinement'>): boolean => !freedomOf(own).unconfined

/** What a child does not ask for in particular it gets as its supervisor has it. */
export function narrow<Request extends Rights>(own: Rights, request: Request): Request {
  const { confinement } = request
  const allowedTools = confinement.allowedTools ?? own.confinement.allowedTools
  const readsOnly = !freedomOf(own).writes && !confinement.bypass && confinement.permissionMode === undefined && confinement.sandboxMode === undefined
  return { ...request, confinement: { ...confinement, ...(allowedTools ? { allowedTools } : {}), ...(readsOnly ? readOnly(request.harness) : {}) } }
}

const readOnly = (harness: string): Partial<Confinement> => (familyOf(harness) === 'claude' ? { permissionMode: 'plan' } : { sandboxMode: 'read-only' })

/**
 * Isolation, tools and servers of a child are at most its supervisor's, parameter by parameter.
 * @throws MadroxError `exceeds_parent` naming the parameter
 */
export function checkWithin(supervisor: string, own: Rights, request: Rights & { readonly name: string }): void {
  const refuse = (parameter: string, why: string): never => {
    throw new MadroxError('exceeds_parent', `${parameter} would give "${request.name}" more than its supervisor "${supervisor}" has: ${why}.`, { remedy: 'Ask for at most what the supervisor has.', data: { parameter } })
  }
  const { confinement, harness } = request
  const asked = freedomOf(request)
  const has = freedomOf(own)
  const mode = familyOf(harness) === 'claude' ? 'permission_mode' : 'sandbox_mode'
  if (asked.unconfined && !has.unconfined) refuse(confinement.bypass ? 'bypass_isolation' : mode, 'it is confined to its workspace')
  if (asked.writes && !has.writes) refuse(confinement.bypass ? 'bypass_isolation' : mode, 'it may only read')
  const allowed = own.confinement.allowedTools ?? (has.unconfined ? undefined : confinedTools)
  const extra = allowed && confinement.allowedTools?.filter(tool => !allowed.includes(tool))
  if (extra?.length) refuse('allowed_tools', `it has no ${extra.join(', ')}`)
  // Codex passes over the list, and whatever it does it does by commands.
  if (familyOf(harness) === 'codex' && allowed?.includes('Bash') === false) refuse('allowed_tools', 'it has no Bash, and codex runs commands')
  for (const [name, server] of Object.entries(request.mcpServers)) if (!isDeepStrictEqual(own.mcpServers[name], server)) refuse('mcp_servers', `it has no server "${name}" of that definition`)
  // A scripted agent that misbehaves on purpose writes files and starts processes wherever it is told to.
  if (misbehaves(request.script) && !has.unconfined) refuse('script', 'it is confined to its workspace')
  if (request.inheritMcp && !own.inheritMcp) refuse('inherit_mcp', "it does not inherit the user's servers")
}

const misbehaves = (script: unknown): boolean => typeof script === 'object' && script !== null && 'misbehave' in script
