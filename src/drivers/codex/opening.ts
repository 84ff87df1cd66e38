/** The requests that bring a thread up in an app-server, and the ones that let it go. */

import type { Launch } from '../driver.ts'
import { isArchived, notLoggedIn, toStartFailure, type StartFailure } from './failures.ts'
import { toThreadParams } from './launch.ts'
import { accountResult, anyResult, configResult, threadResult } from './protocol.ts'
import type { Rpc, RpcResult } from './rpc.ts'

export interface OpenedThread {
  readonly id: string
  readonly model: string
}

/** Without a value: the server is gone, and its exit says why. */
export type OpenResult = { readonly ok: true; readonly value: OpenedThread | undefined } | { readonly ok: false; readonly failure: StartFailure }

export async function openThread(rpc: Rpc, launch: Launch, temporary: string): Promise<OpenResult> {
  const config = await rpc.request('config/read', { cwd: launch.cwd }, configResult)
  // Before the login: codex falls back to its defaults where it cannot read its configuration, and then misses a login nobody needs.
  if (!config.ok) return toRefusal(config)
  const account = await rpc.request('account/read', {}, accountResult)
  if (account.ok && account.value.requiresOpenaiAuth && !account.value.account) return { ok: false, failure: notLoggedIn }
  const registered = Object.keys(config.value.config.mcp_servers ?? {})
  const opened = await (launch.resume ? resume(rpc, launch, registered, temporary) : rpc.request('thread/start', toThreadParams(launch, registered, temporary), threadResult))
  if (!opened.ok) return toRefusal(opened)
  const { thread, model } = opened.value
  // A named thread is on disk (it can be resumed and attached to before its first turn), and codex spends no request on a title.
  if (!launch.resume) await rpc.request('thread/name/set', { threadId: thread.id, name: launch.name }, anyResult)
  return { ok: true, value: { id: thread.id, model } }
}

async function resume(rpc: Rpc, launch: Launch, registered: readonly string[], temporary: string) {
  const threadId = launch.sessionId
  const attempt = () => rpc.request('thread/resume', { threadId, ...toThreadParams(launch, registered, temporary), excludeTurns: true }, threadResult)
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

export function toRefusal(answer: Extract<RpcResult<unknown>, { ok: false }>): OpenResult {
  return answer.reason === 'gone' ? { ok: true, value: undefined } : { ok: false, failure: toStartFailure(answer.message) }
}
