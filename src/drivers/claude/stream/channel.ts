/**
 * The process of a session in structured mode: started, written to and read by lines. Owns its pipes, its last words and the
 * requests made of it; what a line means is the agent's.
 */

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { MadroxError } from '../../../errors.ts'
import type { Clock } from '../../../clock.ts'
import type { Log } from '../../../log.ts'
import type { Prepared } from '../launch.ts'
import type { Body } from '../life.ts'
import { readLine, type EventOf, type StreamEvent } from './protocol.ts'

export interface Channel extends Body {
  send(message: object): void
  /** Asks the CLI; `onAnswer` gets what it answers, undefined: it refused, and said why in its own words. Never called when it dies. */
  request(request: object, onAnswer?: (answer: unknown) => void): void
  /** Answers a request of the CLI's. */
  respond(requestId: string, response: object): void
  /** Says that there is no answer, so that nobody waits for one. */
  refuse(requestId: string, why: string): void
  /** True where this answers a request of ours; the CLI repeats our own answers too. */
  accept(response: EventOf<'control_response'>): boolean
}

export interface ChannelOptions {
  readonly prepared: Prepared
  readonly cwd: string
  readonly clock: Clock
  readonly log: Log
  /** In the order written. */
  readonly onEvent: (event: StreamEvent, line: string) => void
}

const keptWords = 20
/** What was written in the last moment is read by then; a descendant that holds the pipes open would hold `close` back for ever. */
const drainMs = 500

/** @throws MadroxError `unavailable` when the file cannot be executed at all */
export function startChannel({ prepared, cwd, clock, log, onEvent }: ChannelOptions): Channel {
  // A group and a session of its own: what the reaper ends, and Ctrl-C in Madrox's terminal does not reach.
  const child = spawn(prepared.file, [...prepared.args], { cwd, env: { ...prepared.env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  child.on('error', error => log.error('A Claude Code process is in trouble.', { error: error.message }))
  const { pid } = child
  if (pid === undefined) throw new MadroxError('unavailable', `${prepared.file} could not be executed.`, { remedy: 'Install Claude Code, or set MADROX_CLAUDE_BIN.' })
  let words: string[] = []
  let ended: ReturnType<Body['exit']>
  const asked = new Map<string, ((answer: unknown) => void) | undefined>()
  const say = (line: string): void => void (words = [...words, line].slice(-keptWords))
  const send = (message: object): void => {
    if (child.stdin.writable) child.stdin.write(`${JSON.stringify(message)}\n`)
  }

  createInterface({ input: child.stdout }).on('line', line => {
    const read = readLine(line)
    if (!read) say(line)
    else if (read.event) onEvent(read.event, line)
  })
  createInterface({ input: child.stderr }).on('line', line => say(line))
  // A write that crosses the child's death says nothing the exit does not say.
  child.stdin.on('error', error => log.debug('A Claude Code process no longer reads.', { error: error.message }))
  const exited = new Promise<void>(resolve => {
    let drain: unknown
    const settle = (): void => {
      clock.clearTimeout(drain)
      resolve()
    }
    child.once('close', settle)
    child.once('exit', (code, signal) => {
      ended = { code: code ?? 0, signal: signal ?? 0 }
      drain = clock.setTimeout(settle, drainMs)
    })
  })

  return {
    pid,
    exited,
    exit: () => ended,
    lastWords: () => Promise.resolve(words.join('\n')),
    send,
    request(request, onAnswer) {
      const id = randomUUID()
      asked.set(id, onAnswer)
      send({ type: 'control_request', request_id: id, request })
    },
    respond: (requestId, response) => send({ type: 'control_response', response: { subtype: 'success', request_id: requestId, response } }),
    refuse: (requestId, why) => send({ type: 'control_response', response: { subtype: 'error', request_id: requestId, error: why } }),
    accept({ response }) {
      if (!asked.has(response.request_id)) return false
      const onAnswer = asked.get(response.request_id)
      asked.delete(response.request_id)
      if (response.subtype !== 'success') log.warn('Claude Code refused a request.', { error: response.error ?? response.subtype })
      onAnswer?.(response.subtype === 'success' ? (response.response ?? {}) : undefined)
      return true
    },
  }
}
