/**
 * Terminals over WebSocket, at `/instances/REF/attach`. Owns the sockets and what may wait in them; who may speak to this server at
 * all is the guard's, who may look and type the facade's. A viewer that does not keep up misses pictures, and is painted anew
 * when it has caught up: an agent never waits for one.
 */

import type { Peer } from 'crossws'
import createCrossws from 'crossws/adapters/node'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Attachment, MadroxSystem, TerminalEvent } from '../actors/system.ts'
import { MadroxError, toWireError, type WireError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Caller } from '../messages.ts'
import { attachReference, parseWord, type TerminalWord, viewerSizeSchema, type ViewerWord, viewerWordSchema } from './attach-wire.ts'
import { authenticate } from './credentials.ts'
import { foreign, type Guard } from './guard.ts'
import { errorBody } from './rest/status.ts'

export interface AttachOptions {
  readonly system: Pick<MadroxSystem, 'authenticate' | 'attach' | 'recordRefusedLogin'>
  readonly guard: Guard
  readonly log: Log
}

export interface AttachEndpoint {
  /** Takes the upgrades of this server. */
  listenOn(server: Server): void
  /** Ends the viewers' connections. */
  close(): void
}

/** What may wait for a slow viewer before pictures are dropped. Bytes; a full screen in colour is some ten thousand. */
const mostWaiting = 256 * 1024
/** The largest word a viewer may say: a paste. Bytes. */
const maxWordBytes = 4 * 1024 * 1024
/** A viewer that answers no ping for so long has no network any more, and must not keep control. Seconds. */
const silenceS = 20

interface Wanted {
  readonly caller: Caller
  readonly reference: string
  readonly size: Readonly<Record<string, string>>
}

export function createAttachEndpoint({ system, guard, log }: AttachOptions): AttachEndpoint {
  const viewings = new Map<string, Viewing>()
  const sockets = createCrossws({
    idleTimeout: silenceS,
    serverOptions: { maxPayload: maxWordBytes, perMessageDeflate: false }, // what waits is counted, and is on this machine mostly
    hooks: {
      open: peer => {
        const viewing = createViewing(peer)
        viewings.set(peer.id, viewing)
        viewing.begin(hear => attach(system, peer.context as unknown as Wanted, hear)) // as `take` below gave it
      },
      message: (peer, message) => viewings.get(peer.id)?.take(message.text()),
      drain: peer => viewings.get(peer.id)?.drained(),
      close: peer => {
        viewings.get(peer.id)?.end()
        viewings.delete(peer.id)
      },
      error: (_, error) => log.debug('the viewer of a terminal was lost', { reason: error.message }),
    },
  })
  const take = async (incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const headers = toHeaders(incoming)
    const arrival = { headers, remoteAddress: incoming.socket.remoteAddress }
    const refused = guard.refusal(arrival)
    if (refused) {
      system.recordRefusedLogin({ reason: refused.reason, peer: guard.fromOf(arrival).peer })
      return refuse(socket, '403 Forbidden', foreign(refused.message))
    }
    const asked = `http://${headers.get('host')}${incoming.url}` // a name of this server, as the guard has it
    const url = URL.canParse(asked) ? new URL(asked) : undefined
    const reference = url && attachReference(url.pathname)
    if (!url || reference === undefined) return refuse(socket, '400 Bad Request', { code: 'invalid_input', message: 'WebSockets are taken at /instances/REF/attach only.', remedy: 'Use that path, with an id or a name for REF.' })
    const request = new Request(url, { headers })
    const caller = authenticate(system, request, guard.fromOf(arrival))
    if (caller instanceof MadroxError) return refuse(socket, '401 Unauthorized', toWireError(caller))
    await sockets.handleUpgrade(incoming, socket, head, Object.assign(request, { context: { caller, reference, size: Object.fromEntries(url.searchParams) } satisfies Wanted }))
  }
  return {
    listenOn: server => void server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (incoming.headers.upgrade?.toLowerCase() !== 'websocket') return passOn(server, incoming, socket, head)
      socket.on('error', error => log.debug('a connection that was to be a WebSocket broke', { reason: error.message }))
      take(incoming, socket, head).catch((error: unknown) => {
        log.error('an upgrade failed', { error })
        socket.destroy()
      })
    }),
    close() {
      for (const viewing of viewings.values()) viewing.end()
      sockets.closeAll(1001, undefined, true)
    },
  }
}

/**
 * An offer of another protocol (Java's HTTP client makes one of HTTP/2 with every first request) is to be passed over, and the
 * request answered. Node 20 does that only where nobody listens for upgrades: so the request comes in once more, without the offer.
 */
function passOn(server: Server, { method, url, rawHeaders }: IncomingMessage, socket: Duplex, head: Buffer): void {
  const lines = [`${method} ${url} HTTP/1.1`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (!/^(?:connection|upgrade|http2-settings)$/i.test(name)) lines.push(`${name}: ${rawHeaders[at + 1] ?? ''}`)
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head])) // as Node reads headers
  server.emit('connection', socket)
}

function toHeaders({ headers }: IncomingMessage): Headers {
  const given = new Headers()
  for (const [name, value] of Object.entries(headers)) for (const each of [value ?? []].flat()) given.append(name, each)
  return given
}

function refuse(socket: Duplex, status: string, error: WireError): void {
  const challenge = status.startsWith('401') ? 'www-authenticate: Bearer realm="madrox"\r\n' : ''
  const text = JSON.stringify(errorBody(error))
  socket.end(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${challenge}content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`)
}

async function attach(system: AttachOptions['system'], { caller, reference, size }: Wanted, hear: (event: TerminalEvent) => void): Promise<Attachment> {
  const parsed = viewerSizeSchema.safeParse(size)
  if (!parsed.success) throw new MadroxError('invalid_input', 'The size of the terminal is missing, or is none.', { remedy: 'Give ?columns=80&rows=24.' })
  return system.attach(caller, reference, { ...parsed.data, hear })
}

/** One viewer's connection. */
interface Viewing {
  begin(attach: (hear: (event: TerminalEvent) => void) => Promise<Attachment>): void
  take(text: string): void
  /** What had waited has left. */
  drained(): void
  end(): void
}

function createViewing(peer: Peer): Viewing {
  let attachment: Attachment | undefined
  /** Heard before it was known what is attached to. */
  let early: TerminalEvent[] = []
  let isOver = false
  let isBehind = false
  const say = (word: TerminalWord): number => peer.send(JSON.stringify(word)) ?? 0 // what waits now
  const finish = (word: Extract<TerminalWord, { type: 'closed' }>): void => {
    if (isOver) return
    isOver = true
    say(word)
    peer.close(1000)
  }
  const hear = (event: TerminalEvent): void => {
    if (isOver) return
    if (!attachment) return void early.push(event)
    if (event.type === 'closed') return finish(event)
    if (event.type === 'control') return void say(event)
    if (!isBehind) isBehind = say(event) > mostWaiting
  }
  const carryOut = (to: Attachment, word: ViewerWord): void => {
    switch (word.type) {
      case 'type': return to.type(word.data)
      case 'resize': return to.resize(word.columns, word.rows)
      case 'takeControl': return to.takeControl()
      case 'releaseControl': return to.releaseControl(word.clear)
    }
  }
  return {
    begin(attach) {
      attach(hear).then(attached => {
        if (isOver) return attached.detach()
        attachment = attached
        say({ type: 'attached', agentId: attached.agentId, name: attached.name })
        for (const event of early) hear(event)
        early = []
      }).catch((error: unknown) => {
        const { code, message, remedy } = toWireError(error)
        finish({ type: 'closed', detail: message, error: { code, ...(remedy === undefined ? {} : { remedy }) } })
      })
    },
    take(text) {
      if (!attachment || isOver) return
      try {
        carryOut(attachment, parseWord(viewerWordSchema, text))
      } catch (error) {
        const { message, remedy } = toWireError(error)
        say({ type: 'refused', text: remedy === undefined ? message : `${message} ${remedy}` })
      }
    },
    drained() {
      if (!isBehind || isOver) return
      isBehind = false
      attachment?.repaint()
    },
    end() {
      isOver = true
      attachment?.detach()
    },
  }
}
