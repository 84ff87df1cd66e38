/** The requests that bring a thread up in an app-server, and the ones that let it go. */

import type { Launch } from '../driver.ts'
import { isArchived, notLoggedIn, toStartFailure, type StartFailure } from './failures.ts'
import { type Surroundings, toThreadParams, type ThreadParams } from './launch.ts'
import { readProfile, type Profile } from './profile.ts'
import { accountResult, anyResult, configResult, threadResult } from './protocol.ts'
import type { Rpc, RpcResult } from './rpc.ts'
import { readTrust } from './trust.ts'

export interface OpenedThread {
  readonly id: string
  readonly model: string
  /** The rollout file; undefined where codex keeps none. */
  readonly path: string | undefined
}

interface Directories {
  readonly codexHome: string
  /** Of the agent's own. */
  readonly temporary: string
}

export type OpenResult = Answer<OpenedThread>

type Answer<Value> = { readonly ok: true; readonly value: Value | undefined } | { readonly ok: false; readonly failure: StartFailure }

/** Fails where nobody is logged in. Without a value: the server is gone, and its exit says why. */
export async function readSurroundings(rpc: Rpc, launch: Launch, codexHome: string): Promise<Answer<Surroundings>> {
  const config = await rpc.request('config/read', { cwd: launch.cwd }, configResult)
  // Before the login: codex falls back to its defaults where it cannot read its configuration, and then misses a login nobody needs.
  if (!config.ok) return toRefusal(config)
  const read = launch.profile === undefined ? undefined : await readProfile(codexHome, launch.profile)
  if (read?.ok === false) return read
  const account = await rpc.request('account/read', {}, accountResult)
  const { mcp_servers, model_providers, projects } = config.value.config
  if (account.ok && !account.value.account && (needsLogin(read?.profile, model_providers) ?? account.value.requiresOpenaiAuth)) return { ok: false, failure: notLoggedIn }
  const trust = await readTrust(launch.cwd, { ...projects, ...read?.profile.projects })
  return { ok: true, value: { registered: Object.keys(mcp_servers ?? {}), profile: read?.profile, trust } }
}

export async function openThread(rpc: Rpc, launch: Launch, { codexHome, temporary }: Directories): Promise<OpenResult> {
  const around = await readSurroundings(rpc, launch, codexHome)
  if (!around.ok || !around.value) return around.ok ? { ok: true, value: undefined } : around
  return openIn(rpc, launch, toThreadParams(launch, around.value, temporary))
}

/** Opens the thread with those parameters: a new one, or the one to return to. */
export async function openIn(rpc: Rpc, launch: Launch, params: ThreadParams): Promise<OpenResult> {
  const opened = await (launch.resume ? resume(rpc, launch.sessionId, params) : rpc.request('thread/start', params, threadResult))
  if (!opened.ok) return toRefusal(opened)
  const { thread, model } = opened.value
  // A named thread is on disk (it can be resumed and attached to before its first turn), and codex spends no request on a title.
  if (!launch.resume) await rpc.request('thread/name/set', { threadId: thread.id, name: launch.name }, anyResult)
  return { ok: true, value: { id: thread.id, model, path: thread.path ?? undefined } }
}

/** Of the profile's model provider, which `account/read` does not know of; undefined where the profile names none. */
function needsLogin(profile: Profile | undefined, registered: Profile['model_providers'] | null): boolean | undefined {
  const name = profile?.model_provider
  if (name === undefined) return undefined
  return profile?.model_providers?.[name]?.requires_openai_auth ?? registered?.[name]?.requires_openai_auth ?? name === 'openai'
}

async function resume(rpc: Rpc, threadId: string, params: ThreadParams) {
  const attempt = () => rpc.request('thread/resume', { threadId, ...params, excludeTurns: true }, threadResult)
  const first = await attempt()
  if (first.ok || !isArchived(first.message)) return first
  await rpc.request('thread/unarchive', { threadId }, anyResult)
  return attempt()
}

/** The only way codex 0.169 lets go of a thread at once: an unsubscribed one stays, with its MCP connections, its commands and its turn. */
export async function unload(rpc: Rpc, threadId: string): Promise<void> {
  await rpc.request('thread/archive', { threadId }, anyResult)
  await rpc.request('thread/unarchive', { threadId }, anyResult)
}

export function toRefusal(answer: Extract<RpcResult<unknown>, { ok: false }>): Answer<never> {
  return answer.reason === 'gone' ? { ok: true, value: undefined } : { ok: false, failure: toStartFailure(answer.message) }
}
