/**
 * The inspector: a page on which people watch their agents, and the two reads it lives on. It answers web requests of callers
 * that are already known; who may speak and who calls is the transport's. The page itself holds nothing about anybody.
 */

import type { MadroxSystem } from '../actors/system.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { Caller } from '../messages.ts'
import { redactData } from '../redaction.ts'
import { type LiveFeed, openFeed } from './stream.ts'
import { toTreeView } from './view.ts'
import { contentSecurityPolicy, page } from './web/page.ts'

export interface Inspector {
  page(): Response
  /** JSON, a `TreeView`. */
  tree(caller: Caller, request: Request): Response
  /** Server-sent events, `StreamEvents`; goes on after `Last-Event-ID`. */
  events(caller: Caller, request: Request): Response
  /** Ends the open feeds. */
  close(): void
}

/** On everything: no other site may embed or read it, no browser may guess its type, no cache keeps it. */
const common = {
  'cache-control': 'no-store, no-transform',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

export function createInspector({ system, clock = systemClock }: { readonly system: MadroxSystem; readonly clock?: Clock }): Inspector {
  const feeds = new Set<LiveFeed>()
  return {
    page: () => new Response(page, { headers: { ...common, 'content-type': 'text/html; charset=utf-8', 'content-security-policy': contentSecurityPolicy, 'x-frame-options': 'DENY' } }),
    tree: (caller, request) => Response.json(redactData(toTreeView(system, caller, new URL(request.url).searchParams.get('agent'), clock.now())), { headers: common }),
    events: (caller, request) => {
      const feed: LiveFeed = openFeed({ system, caller, clock, after: request.headers.get('last-event-id') ?? undefined, onEnded: () => feeds.delete(feed) })
      feeds.add(feed)
      return new Response(feed.body, { headers: { ...common, 'content-type': 'text/event-stream' } })
    },
    close: () => {
      for (const feed of feeds) feed.end()
    },
  }
}
