/**
 * The bare driver protocol, as little code as it can be done in: a PTY, a status file, two hooks and an MCP endpoint that knows one
 * tool. Imports nothing of src: what Madrox adds is measured against this.
 */

import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { spawn, type IPty } from 'node-pty'
import { enterDelayMs, type Subject } from './subject.ts'

interface Session {
  readonly pty: IPty
  readonly onReply: Set<() => void>
}

/** Drives `executable` in directories under `home`. */
export async function startBaseline(executable: string, home: string): Promise<Subject<Session>> {
  const configDir = join(home, 'config')
  mkdirSync(join(configDir, 'sessions'), { recursive: true })
  const endpoint = await listen()
  return {
    name: 'bare protocol',
    async spawn() {
      const id = randomUUID()
      const cwd = join(home, id)
      mkdirSync(cwd)
      const listed = endpoint.open(id)
      const settings = writeJson(cwd, 'settings', { hooks: Object.fromEntries(['UserPromptSubmit', 'Stop'].map(event => [event, [{ hooks: [{ type: 'http', url: `${endpoint.url}/${id}/hook` }] }]])) })
      const mcp = writeJson(cwd, 'mcp', { mcpServers: { madrox: { type: 'http', url: `${endpoint.url}/${id}/mcp`, headers: {} } } })
      const env = { PATH: process.env.PATH ?? '', HOME: home, TERM: 'xterm-256color', CLAUDE_CONFIG_DIR: configDir }
      const pty = spawn(executable, ['--session-id', id, '--settings', settings, '--mcp-config', mcp], { cwd, env, cols: 120, rows: 40 })
      pty.onData(() => {}) // unread, the terminal's buffer would fill up
      await Promise.all([listed, becomesIdle(configDir, pty.pid)])
      return { pty, onReply: endpoint.replies(id) }
    },
    send({ pty, onReply }) {
      const id = randomUUID()
      return new Promise(resolve => {
        const done = (): void => {
          onReply.delete(done)
          resolve()
        }
        onReply.add(done)
        pty.write(`\x1b[200~[MSG:${id}] go\x1b[201~`)
        setTimeout(() => pty.write('\r'), enterDelayMs)
      })
    },
    settled: ({ pty }) => becomesIdle(configDir, pty.pid),
    stop: ({ pty }) => new Promise(resolve => {
      pty.onExit(() => resolve())
      pty.kill('SIGKILL')
    }),
    close: endpoint.close,
  }
}

function writeJson(dir: string, name: string, value: unknown): string {
  const path = join(dir, `${name}.json`)
  writeFileSync(path, JSON.stringify(value))
  return path
}

/** Resolves when the status file of `pid` says idle. */
function becomesIdle(configDir: string, pid: number): Promise<void> {
  const dir = join(configDir, 'sessions')
  const isIdle = (): boolean => {
    try {
      return JSON.parse(readFileSync(join(dir, `${pid}.json`), 'utf8')).status === 'idle'
    } catch {
      return false // absent, or half written
    }
  }
  return new Promise(resolve => {
    const watcher = watch(dir, () => {
      if (!isIdle()) return
      watcher.close()
      resolve()
    })
    if (!isIdle()) return
    watcher.close()
    resolve()
  })
}

/** Hooks are answered `{}`; MCP knows initialize, tools/list and any call, which counts as the reply. */
async function listen() {
  const listed = new Map<string, () => void>()
  const replies = new Map<string, Set<() => void>>()
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, id = '', kind] = (request.url ?? '').split('/')
    const body = JSON.parse(await text(request)) as { id?: number; method?: string } // sent by our own fake
    const answer = kind === 'hook' ? {} : { jsonrpc: '2.0', id: body.id, result: body.method === 'tools/list' ? { tools: [] } : {} }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    if (body.method === 'tools/list') listed.get(id)?.()
    if (body.method === 'tools/call') for (const done of replies.get(id) ?? []) done()
  }
  const server = createServer((request, response) => void take(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // listening on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    open: (id: string): Promise<void> => new Promise(resolve => listed.set(id, resolve)),
    replies(id: string): Set<() => void> {
      const set = replies.get(id) ?? new Set()
      replies.set(id, set)
      return set
    },
    close: () => new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  }
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer) // without an encoding set, a request yields Buffers
  return Buffer.concat(chunks).toString('utf8')
}
