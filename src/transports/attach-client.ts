/** A viewer's end of the WebSocket to a terminal: words in, words out. Owns the connection; knows no keyboard and no screen. */

import WebSocket from 'crossws/websocket'
import type { IncomingMessage } from 'node:http'
import { MadroxError, wordsOf } from '../errors.ts'
import { attachPath, parseWord, type TerminalWord, terminalWordSchema, type ViewerWord } from './attach-wire.ts'

export interface ViewerOptions {
  /** A server, without a path: `http://127.0.0.1:8001`. */
  readonly url: string
  readonly token?: string
  /** An instance reference. */
  readonly reference: string
  readonly columns: number
  readonly rows: number
  readonly hear: (word: TerminalWord) => void
}

export interface ViewerConnection {
  say(word: ViewerWord): void
  /** Resolves when the connection is gone: behind `closed`, by `close`, or with the server. */
  readonly ended: Promise<void>
  close(): void
}

/** As far as it is used of the `ws` package, whose socket this is in Node; the types tell of the browser's, which takes no headers. */
interface NodeWebSocket {
  on(event: 'message', listener: (data: Buffer) => void): void
  on(event: 'open' | 'close', listener: () => void): void
  on(event: 'error', listener: (error: Error) => void): void
  on(event: 'unexpected-response', listener: (request: unknown, response: IncomingMessage) => void): void
  send(data: string): void
  close(code: number): void
  terminate(): void
}
type NodeWebSocketClass = new (url: URL, protocols: readonly string[], options: { readonly headers: Readonly<Record<string, string>>; readonly perMessageDeflate: false }) => NodeWebSocket

/** A server that has not said goodbye by then is left without. Milliseconds. */
const goodbyeMs = 1_000

/** @throws MadroxError `unavailable` when nobody answers there; as the server refuses it, where it does */
export async function connectViewer({ url, token, reference, columns, rows, hear }: ViewerOptions): Promise<ViewerConnection> {
  const address = new URL(`${attachPath(reference)}?columns=${columns}&rows=${rows}`, url)
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const socket = new (WebSocket as unknown as NodeWebSocketClass)(address, [], { headers, perMessageDeflate: false }) // see NodeWebSocket
  const ended = new Promise<void>(resolve => socket.on('close', resolve))
  socket.on('message', data => hear(parseWord(terminalWordSchema, data.toString())))
  await opened(socket, url)
  return {
    say: word => socket.send(JSON.stringify(word)),
    ended,
    close() {
      socket.close(1000)
      const timer = setTimeout(() => socket.terminate(), goodbyeMs)
      void ended.then(() => clearTimeout(timer))
    },
  }
}

function opened(socket: NodeWebSocket, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('open', resolve)
    // Once it is open, the end of the connection tells the same.
    socket.on('error', cause => reject(new MadroxError('unavailable', `No Madrox server answers at ${url}: ${wordsOf(cause)}.`, { remedy: 'Start one with madrox serve, or name another with --url.', cause })))
    socket.on('unexpected-response', (_, response) => {
      refusalOf(response).then(reject, reject)
    })
  })
}

async function refusalOf(response: IncomingMessage): Promise<MadroxError> {
  let body = ''
  for await (const chunk of response) body += String(chunk)
  const told = /"message":"((?:[^"\\]|\\.)*)"/.exec(body)?.[1]
  const words = told === undefined ? `it answered ${response.statusCode}` : String(JSON.parse(`"${told}"`))
  if (response.statusCode === 401) return new MadroxError('unauthenticated', `The server refused: ${words}`, { remedy: 'Set MADROX_SERVER_TOKEN to the token it was started with.' })
  return new MadroxError('unavailable', `The server refused: ${words}`, { remedy: 'Is it a Madrox server of this version?' })
}
