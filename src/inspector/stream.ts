/**
 * The live feed of one page: server-sent events, resumable by the id of the last one heard. A page too slow to follow is cut
 * off, and comes back for what it missed; nothing waits for it.
 */

import type { Happening, MadroxSystem } from '../actors/system.ts'
import type { Clock } from '../clock.ts'
import type { Caller } from '../messages.ts'
import { redactData } from '../redaction.ts'
import type { StreamEvents } from './web/wire.ts'

export interface LiveFeed {
  readonly body: ReadableStream<Uint8Array>
  end(): void
}

export interface FeedOptions {
  readonly system: MadroxSystem
  readonly caller: Caller
  /** The last happening the page knows. */
  readonly after: string | undefined
  readonly clock: Clock
  readonly onEnded: () => void
}

/** So that either side finds out about a connection that is there in name only. Milliseconds. */
const aliveEveryMs = 15_000
/** An agent at work is told something many times a second. Milliseconds. */
const touchedEveryMs = 100
/** What may wait for one page; all that is kept of the past is a tenth of it. Bytes. */
const maxWaiting = 8 * 1024 * 1024

const encoder = new TextEncoder()

function frame<Name extends keyof StreamEvents>(name: Name, data: StreamEvents[Name], id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(redactData(data))}\n\n`
}

export function openFeed({ system, caller, after, clock, onEnded }: FeedOptions): LiveFeed {
  const touched = new Set<string>()
  let stop = (): void => {}
  let end = (): void => {}
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let flushing: unknown
        let beating: unknown
        const say = (text: string): void => {
          controller.enqueue(encoder.encode(text))
          if ((controller.desiredSize ?? 0) <= 0) end()
        }
        const tellTouched = (): void => {
          flushing = undefined
          say(frame('touched', { agents: [...touched] }))
          touched.clear()
        }
        const beat = (): void => {
          beating = clock.setTimeout(beat, aliveEveryMs)
          say(': alive\n\n')
        }
        const watch = system.inspect(caller, {
          happened: happening => {
            say(frame('happened', happening, happening.id))
            if (isOver(caller, happening)) end()
          },
          touched: agentId => {
            touched.add(agentId)
            flushing ??= clock.setTimeout(tellTouched, touchedEveryMs)
          },
        }, after)
        const unwatch = system.onApprovals(caller, () => say(frame('approvals', { open: system.approvals(caller).length })))
        stop = () => {
          watch.stop()
          unwatch()
          clock.clearTimeout(flushing)
          clock.clearTimeout(beating)
          onEnded()
          stop = () => {}
          end = () => {}
        }
        end = () => {
          stop()
          controller.close()
        }
        beating = clock.setTimeout(beat, aliveEveryMs)
        say([frame('opened', { complete: watch.complete }), ...watch.past.map(happening => frame('happened', happening, happening.id))].join(''))
      },
      cancel: () => stop(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxWaiting }),
  )
  return { body, end: () => end() }
}

/** With an agent goes its right to look. */
const isOver = (caller: Caller, happening: Happening): boolean => caller.kind === 'agent' && happening.type === 'ended' && happening.agentId === caller.agentId
