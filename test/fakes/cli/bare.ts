/**
 * The scripted program driven by hand, with nothing of `src` imported: the zero-delay CLI a benchmark compares Madrox with.
 * What is measured here is a terminal, a process and its own protocol, and no runtime around them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawn } from 'node-pty'

export const programPath = fileURLToPath(new URL('../../../dist/drivers/scripted/program.js', import.meta.url))

export interface BareProgram {
  readonly pid: number
  /** Resolves with the next fact of that type told after the call, or told and not yet waited for. */
  next(type: string): Promise<Readonly<Record<string, unknown>>>
  /** Pastes a prompt and presses Enter. */
  type(text: string): void
  /** Kills it and resolves when it is gone. */
  close(): Promise<void>
}

export interface BareOptions {
  /** Where its tool calls go; none: it has no tools. */
  readonly madrox?: { readonly url: string; readonly token: string }
  readonly script?: unknown
}

export function startBareProgram(options: BareOptions = {}): BareProgram {
  const dir = mkdtempSync(join(tmpdir(), 'madrox-bare-'))
  const launchFile = join(dir, 'launch.json')
  const key = 'bare'
  writeFileSync(launchFile, JSON.stringify({ agentName: 'bare', sessionId: 'bare', resume: false, key, transcripts: join(dir, 'sessions'), script: options.script ?? {}, ...(options.madrox && { madrox: options.madrox }) }))
  const pty = spawn(process.execPath, [programPath, launchFile], { cols: 120, rows: 40, cwd: dir })
  const facts: Record<string, unknown>[] = []
  const waiting: { type: string; resolve: (fact: Record<string, unknown>) => void }[] = []
  const start = `\x1b]7502;${key};`
  let pending = ''
  pty.onData(chunk => {
    pending += chunk
    for (let from = pending.indexOf(start); from >= 0; from = pending.indexOf(start)) {
      const to = pending.indexOf('\x07', from)
      if (to < 0) return
      facts.push(JSON.parse(pending.slice(from + start.length, to)) as Record<string, unknown>) // the program's own word, read by a test
      pending = pending.slice(to + 1)
    }
    pending = pending.slice(-start.length)
    hand()
  })
  const hand = (): void => {
    for (const waiter of waiting.splice(0)) {
      const at = facts.findIndex(fact => fact['type'] === waiter.type)
      const [fact] = at < 0 ? [] : facts.splice(at, 1)
      if (fact) waiter.resolve(fact)
      else waiting.push(waiter)
    }
  }
  const exited = new Promise<void>(resolve => pty.onExit(() => resolve()))
  return {
    pid: pty.pid,
    next: type =>
      new Promise(resolve => {
        waiting.push({ type, resolve })
        hand()
      }),
    type: text => pty.write(`\x1b[200~${text}\x1b[201~\r`),
    close: async () => {
      pty.kill('SIGKILL')
      await exited
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
