/**
 * One HTTP request and its answer, as far as the socket tells. Madrox counts replies as handed out only when the answer that
 * carries them left, so somebody must know; the request handlers above see web streams, which say nothing of it.
 */

import type { ServerResponse } from 'node:http'

export interface Exchange {
  /** Settles once: true when every byte was handed to the kernel, false when the connection went first. */
  readonly written: Promise<boolean>
  /** Aborted when the connection went before the answer was written. */
  readonly broken: AbortSignal
}

/**
 * Watches a response. `finish` is the last thing Node can know: what a kernel holds for a peer that just died counts as written.
 */
export function watchExchange(response: ServerResponse): Exchange {
  const broken = new AbortController()
  const written = new Promise<boolean>(resolve => {
    response.once('finish', () => resolve(true))
    response.once('close', () => {
      if (!response.writableFinished) broken.abort()
      resolve(response.writableFinished)
    })
  })
  return { written, broken: broken.signal }
}
