/** The real system behind the real server, and readers of its live feed. */

import { onTestFinished } from 'vitest'
import type { MadroxSystem } from '../../src/actors/system.ts'
import type { HappeningView, StreamEvents } from '../../src/inspector/web/wire.ts'
import type { HttpServer } from '../../src/transports/http.ts'
import { createToolTable } from '../../src/tools/table.ts'
import { createStage, type Stage, type StageOptions } from '../actors/rig.ts'
import { serve } from '../transports/served.ts'

export interface Watched extends Stage {
  readonly server: HttpServer
}

/** @param through stands between the server and the system */
export async function stageAndServe(options: StageOptions = {}, through: (system: MadroxSystem) => MadroxSystem = system => system): Promise<Watched> {
  let endpoint: string | undefined
  const stage = createStage({ ...options, endpoint: () => endpoint })
  const { server, mcpUrl } = await serve({ system: through(stage.system), tools: createToolTable(), clock: stage.clock })
  endpoint = mcpUrl
  return { ...stage, server }
}

export type Frame = { [Name in keyof StreamEvents]: { readonly event: Name; readonly id?: string; readonly data: StreamEvents[Name] } }[keyof StreamEvents] | { readonly event: 'comment'; readonly data: string }

export interface Feed {
  readonly response: Response
  /** The next frame; undefined when the feed has ended. */
  next(): Promise<Frame | undefined>
  /** The happenings of this and all frames before the first that is something else. */
  past(): Promise<HappeningView[]>
  leave(): void
}

export async function openFeed(server: HttpServer, headers: Record<string, string> = {}): Promise<Feed> {
  const gone = new AbortController()
  onTestFinished(() => gone.abort())
  const response = await fetch(`${server.url}/inspector/events`, { headers, signal: gone.signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const frames: Frame[] = []
  let rest = ''
  const next: Feed['next'] = async () => {
    while (frames.length === 0) {
      const part = await reader?.read()
      if (!part || part.done) return undefined
      const texts = (rest + part.value).split('\n\n')
      rest = texts.pop() ?? ''
      frames.push(...texts.map(toFrame))
    }
    return frames.shift()
  }
  const past: Feed['past'] = async () => {
    const happenings: HappeningView[] = []
    for (let frame = await next(); frame?.event === 'happened'; frame = frames.length > 0 ? await next() : undefined) happenings.push(frame.data)
    return happenings
  }
  return { response, next, past, leave: () => gone.abort() }
}

function toFrame(text: string): Frame {
  if (text.startsWith(':')) return { event: 'comment', data: text.slice(2) }
  const fields = Object.fromEntries(text.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]))
  return { event: fields['event'], data: JSON.parse(fields['data'] ?? 'null'), ...(fields['id'] ? { id: fields['id'] } : {}) } as Frame // the server's own framing; the tests look at what it says
}
