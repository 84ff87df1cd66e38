/**
 * Who may speak to this server at all, before any credential is read.
 *
 * The attack is DNS rebinding: a page at evil.example has its name resolved to 127.0.0.1, so that the browser lets its script
 * call a local server as its own origin. The page cannot change two headers: `Host` says evil.example, and `Origin` is not
 * ours. Both are checked, on every path; without that, any web page could spawn agents on its visitor's machine.
 */

import { isIP } from 'node:net'
import type { Connection } from '../actors/system.ts'
import type { WireError } from '../errors.ts'

export interface Arrival {
  readonly headers: Headers
  /** The socket's peer. */
  readonly remoteAddress: string | undefined
}

/** Where a request came from. */
export interface From {
  /** Whether the caller sits on this machine. A forwarded request does not, though its proxy does. */
  readonly connection: Connection
  /** The address at the other end of the socket. */
  readonly peer: string
}

export interface Refusal {
  readonly reason: 'foreign_host' | 'foreign_origin'
  readonly message: string
}

export interface Guard {
  /** The reason to refuse with 403, or nothing. */
  refusal(arrival: Arrival): Refusal | undefined
  fromOf(arrival: Arrival): From
}

/** That refusal, as callers are told it. */
export const foreign = (reason: string): WireError => ({ code: 'not_allowed', message: reason, remedy: "Call it by a name it has, from no other site's page." })

const forwarding = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']

/** True for the names and addresses that never leave this machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1').replace(/^::ffff:/, '')
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))
}

/**
 * @param boundHost where the server listens. On loopback only loopback names pass. Elsewhere its own name and IP literals do
 * too: a page cannot be served from the server's bare address by anyone but the server.
 * @param allowedHosts further names this server is reached by, without port
 */
export function createGuard(boundHost: string, allowedHosts: readonly string[] = []): Guard {
  const named = new Set([boundHost, ...allowedHosts].map(host => host.toLowerCase()))
  const allowed = (hostname: string): boolean =>
    isLoopbackHost(hostname) || named.has(hostname) || (!isLoopbackHost(boundHost) && isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0)
  return {
    refusal({ headers }) {
      const host = headers.get('host')
      const hostname = host === null ? undefined : hostnameOf(`http://${host}`)
      if (!hostname || !allowed(hostname)) return { reason: 'foreign_host', message: `Host "${host ?? ''}" is not a name of this server.` }
      const origin = headers.get('origin')
      if (origin !== null && !sameHost(origin, host ?? '')) return { reason: 'foreign_origin', message: `Origin "${origin}" may not call this server.` }
      return undefined
    },
    fromOf: ({ headers, remoteAddress }) => ({
      connection: remoteAddress !== undefined && isLoopbackHost(remoteAddress) && !forwarding.some(name => headers.has(name)) ? 'loopback' : 'remote',
      peer: remoteAddress?.replace(/^::ffff:/i, '') ?? 'unknown',
    }),
  }
}

function hostnameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname : undefined
}

/** A page calls its own server, or is refused; another local port is another program. */
function sameHost(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === new URL(`http://${host}`).host
}
