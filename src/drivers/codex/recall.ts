/** What a thread's own record says of an earlier turn, whichever process ran it. A turn whose process died is on it as interrupted. */

import type { Recollection } from '../facts.ts'
import { isMarked } from '../markers.ts'
import { toErrorText } from './failures.ts'
import { toKnownItem, toPromptText } from './items.ts'
import { turnsResult, type RecordedTurn, type TurnsPage } from './protocol.ts'
import type { Rpc, RpcResult } from './rpc.ts'

/** A page holds whole turns with all they did, and the turn asked for is mostly the last one. */
const pageSize = 5

/** The latest turn that took up a prompt with one of the markers. */
export async function recallTurn(rpc: Pick<Rpc, 'request'>, threadId: string, markers: readonly string[]): Promise<RpcResult<Recollection>> {
  let cursor: string | null = null
  for (;;) {
    const params: object = { threadId, cursor, limit: pageSize, sortDirection: 'desc', itemsView: 'full' }
    const page: RpcResult<TurnsPage> = await rpc.request('thread/turns/list', params, turnsResult)
    if (!page.ok) return page
    const turn = page.value.data.find(each => tookUp(each, markers))
    if (turn) return { ok: true, value: toOutcome(turn) }
    cursor = page.value.nextCursor ?? null
    if (cursor === null) return { ok: true, value: { status: 'absent' } }
  }
}

const tookUp = ({ items }: RecordedTurn, markers: readonly string[]): boolean =>
  items.some(raw => {
    const item = toKnownItem(raw)
    return item?.type === 'userMessage' && isMarked(toPromptText(item), markers)
  })

function toOutcome({ status, error, items }: RecordedTurn): Recollection {
  if (status === 'failed') return { status, ...(error && { error: toErrorText(error) }) }
  if (status !== 'completed' || metNobody(items)) return { status: 'cut' }
  const finalText = items.flatMap(toAnswer).at(-1)
  return { status, ...(finalText !== undefined && { finalText }) }
}

/**
 * The app-server outlives a killed server for a moment: a turn in it that was answering finds nobody, and ends all the same, with
 * words that are no answer. Codex's own words (0.169.0) for a call that had no answer; a refusal is a result, and not meant.
 */
const metNobody = (items: RecordedTurn['items']): boolean => {
  const last = items.map(toKnownItem).findLast(item => item?.type === 'mcpToolCall' && item.server === 'madrox')
  return last?.type === 'mcpToolCall' && /Transport send error/.test(last.error?.message ?? '')
}

const toAnswer = (raw: RecordedTurn['items'][number]): string[] => {
  const item = toKnownItem(raw)
  return item?.type === 'agentMessage' && item.text !== '' ? [item.text] : []
}
