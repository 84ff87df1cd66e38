/** Asking a client where it stands: `roots/list`, once, and again when it says that they changed. */

import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import type { RequestId } from '@modelcontextprotocol/sdk/types.js'
import { wordsOf } from '../../errors.ts'
import type { Log } from '../../log.ts'

export interface RootsInquiry {
  /** Asks by the client's standing stream. */
  ask(): void
  /** Resolves when the answer is in, or is not to be had; asks by the stream of `request` where it was not asked yet. */
  known(request: RequestId): Promise<void>
}

/** A client that answers at all answers from memory; longer would hold up its call. */
const answerWithinMs = 3_000

/** @param locate takes a root's URI and says whether it means a place on this machine */
export function createRootsInquiry(server: Server, locate: (uri: string) => boolean, log: Log): RootsInquiry {
  let asked: Promise<void> | undefined
  const ask = async (request?: RequestId): Promise<void> => {
    try {
      const { roots } = await server.listRoots(undefined, { timeout: answerWithinMs, relatedRequestId: request })
      if (!roots.some(root => locate(root.uri)) && roots.length > 0) log.debug('no root of the client is on this machine', { roots: roots.map(root => root.uri) })
    } catch (error) {
      // Any refusal or silence of the client: it stands nowhere in particular, and may still work.
      log.debug('the client gave no roots', { reason: wordsOf(error) })
    }
  }
  const able = (): boolean => server.getClientCapabilities()?.roots !== undefined
  return {
    ask() {
      if (able()) asked = ask()
    },
    async known(request) {
      if (able()) await (asked ??= ask(request))
    },
  }
}
