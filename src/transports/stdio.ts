/**
 * MCP over stdin and stdout: a thin proxy to the one running server, so that every client shares one registry of agents.
 * Nothing but JSON-RPC is written to its output.
 */

import type { Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { systemClock, type Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { cwdHeader } from './mcp/endpoint.ts'
import { Relay } from './mcp/relay.ts'
import { openWire, type Wire } from './mcp/wire.ts'

export interface StdioOptions {
  /** The MCP endpoint of the server, with its path: `http://127.0.0.1:8001/mcp`. */
  readonly url: string
  readonly token?: string
  /** Where the client stands, absolute; the server goes by it when the client has no roots. */
  readonly cwd: string
  readonly input: Readable
  readonly output: Writable
  readonly log: Log
  readonly clock?: Clock
  /** How long a server may be silent before its clients are told; a restart should fit. Default 5 000. */
  readonly patienceMs?: number
}

/** Above what the server takes in one request: its refusal is the better answer. */
const maxLineBytes = 32 * 1024 * 1024

/**
 * Resolves when the input has ended, or nobody reads the output, and the session is ended too. It never rejects for what the
 * server does: an unreachable or refusing server is told to the client as JSON-RPC errors.
 */
export async function proxyStdio({ url, token, cwd, input, output, log, clock = systemClock, patienceMs = 5_000 }: StdioOptions): Promise<void> {
  const headers = { [cwdHeader]: pathToFileURL(cwd).href, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
  const relay = new Relay({ url, headers, clock, log, patienceMs, toClient: message => wire.send(message) })
  let onEnd = (): void => {}
  const ended = new Promise<void>(resolve => {
    onEnd = resolve
  })
  const wire: Wire = await openWire(input, output, maxLineBytes, {
    onMessage: message => relay.pass(message),
    onBadLine: error => log.warn('a line on stdin is no JSON-RPC message', { reason: error.message }),
    onEnd,
  })
  await ended
  await relay.end()
  await wire.close()
}
