/** Feeds lines a real app-server wrote (codex-cli 0.169.0, `recordings/`) to a thread, and keeps what it told and asked. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, createSimulatedClock } from '../../../src/clock.ts'
import { createHost, type Host } from '../../../src/drivers/codex/host.ts'
import { createRendering, type Rendering } from '../../../src/drivers/rendering.ts'
import { createRpc, type Rpc } from '../../../src/drivers/codex/rpc.ts'
import { createThread, type Thread } from '../../../src/drivers/codex/thread.ts'
import { createUsageMeter } from '../../../src/drivers/codex/usage.ts'
import type { BareFact } from '../../../src/drivers/facts.ts'
import { silentLog } from '../../../src/log.ts'

interface Sent {
  readonly id?: number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: unknown
  readonly error?: unknown
}

export interface Replay {
  readonly host: Host
  readonly thread: Thread
  readonly facts: readonly BareFact[]
  readonly sent: readonly Sent[]
  readonly rendering: Rendering
  /** Lines of the server, in order. */
  hear(...lines: readonly (string | object)[]): void
  /** Answers the last request of that method, and lets the driver take the answer in. */
  answer(method: string, result: object): Promise<void>
  refuse(method: string, message: string): Promise<void>
}

export function readRecording(name: string): string[] {
  return readFileSync(join(import.meta.dirname, 'recordings', `${name}.jsonl`), 'utf8').trimEnd().split('\n')
}

/** A thread `thread-1` in a host whose process is this test. */
export function createReplay(clock: Clock = createSimulatedClock()): Replay {
  const facts: BareFact[] = []
  const sent: Sent[] = []
  const rendering = createRendering()
  let rpc: Rpc | undefined
  const host = createHost({
    start: hear => {
      // What the driver writes is its own, well-formed JSON.
      rpc = createRpc({ write: line => void sent.push(JSON.parse(line) as Sent), log: silentLog, ...hear })
      return { pid: undefined, rpc, initialized: new Promise(() => {}), exited: new Promise(() => {}), close: () => Promise.resolve() }
    },
    onOver: () => {},
    log: silentLog,
  })
  const resident = { onThreadClosed: () => {}, onServerExit: () => {} }
  host.join(resident)
  const thread = createThread({ id: 'thread-1', model: 'm', launch: { cwd: '/work', confinement: { bypass: false, permissionMode: 'on-request' } }, rpc: host.server.rpc, tell: fact => void facts.push(fact), rendering, usage: createUsageMeter(), clock, silenceMs: 1_000, log: silentLog })
  host.house(resident, thread)
  const respond = async (method: string, outcome: object): Promise<void> => {
    const id = sent.findLast(message => message.method === method)?.id
    if (id === undefined) throw new Error(`Nothing was asked of ${method}: ${JSON.stringify(sent)}`)
    rpc?.accept(JSON.stringify({ id, ...outcome }))
    await new Promise(setImmediate)
  }
  return {
    host, thread, facts, sent, rendering,
    hear: (...lines) => lines.forEach(line => rpc?.accept(typeof line === 'string' ? line : JSON.stringify(line))),
    answer: (method, result) => respond(method, { result }),
    refuse: (method, message) => respond(method, { error: { code: -32_600, message } }),
  }
}
