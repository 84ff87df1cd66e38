/**
 * The way in for one interactive codex: a WebSocket on the loopback, behind a word that is made for it and taken once. A Unix
 * socket would do as well, but for paths, which may be longer than its address (108 bytes), and for who may open it: every process
 * of the user's, agents included.
 */

import createCrossws from 'crossws/adapters/node'
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Log } from '../../../log.ts'

export interface Door {
  readonly url: string
  /** For the header `Authorization: Bearer …`. */
  readonly token: string
  send(text: string): void
  close(): void
}

export interface DoorOptions {
  readonly onMessage: (text: string) => void
  /** The connection is gone, or does not read what it is sent. */
  readonly onGone: () => void
  readonly log: Log
}

/** The largest message: a paste, pictures included. Bytes. */
const maxMessageBytes = 64 * 1024 * 1024
/** What may wait for a terminal that does not read. Bytes. */
const mostWaiting = 64 * 1024 * 1024

export async function openDoor({ onMessage, onGone, log }: DoorOptions): Promise<Door> {
  const token = randomBytes(32).toString('base64url')
  let isTaken = false
  let peer: { send(text: string): number | undefined | void } | undefined
  const sockets = createCrossws({
    serverOptions: { maxPayload: maxMessageBytes, perMessageDeflate: false },
    hooks: {
      open: opened => void (peer = opened),
      message: (_, message) => onMessage(message.text()),
      close: () => {
        peer = undefined
        onGone()
      },
      error: (_, error) => log.debug('The connection of a terminal was lost.', { reason: error.message }),
    },
  })
  const server = createServer((_, response) => void response.writeHead(404).end())
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', error => log.debug('The connection of a terminal broke.', { reason: error.message }))
    if (isTaken || !isSame(incoming.headers.authorization ?? '', `Bearer ${token}`)) return void socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n')
    isTaken = true
    sockets.handleUpgrade(incoming, socket, head).catch((error: unknown) => {
      log.error('The connection of a terminal could not be opened.', { error: String(error) })
      socket.destroy()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo // it listens on a port
  return {
    url: `ws://127.0.0.1:${port}`,
    token,
    send(text) {
      if ((peer?.send(text) ?? 0) > mostWaiting) onGone()
    },
    close() {
      isTaken = true
      peer = undefined
      sockets.closeAll(1001, undefined, true)
      server.close()
      server.closeAllConnections()
    },
  }
}

/** In the same time, whatever is given. */
const isSame = (given: string, expected: string): boolean => timingSafeEqual(digest(given), digest(expected))
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
