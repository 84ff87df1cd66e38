/** The transports over the real system, as users start them: `madrox serve` and `madrox stdio` as processes of their own. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectMcp, type McpConnection } from '../../src/transports/mcp/client.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' } // eslint-disable-line node/no-process-env -- what a child needs to run at all

function temporary(): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-transports-')))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

interface Program {
  readonly url: string
  /** SIGTERM; its exit code, and what it wrote to stdout. */
  stop(): Promise<{ readonly code: number | null; readonly stdout: string }>
}

/** `madrox serve`, ready when it says so on stderr. */
async function start(home: string, port: number): Promise<Program> {
  const child: ChildProcess = spawn(process.execPath, [cli, 'serve', '--home', home, '--port', String(port)], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  let stdout = ''
  child.stdout?.on('data', chunk => (stdout += String(chunk)))
  let stderr = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', chunk => {
      stderr += String(chunk)
      if (stderr.includes('listens at')) resolve()
    })
    child.once('exit', () => reject(new Error(`the server ended:\n${stderr}`)))
  })
  const stop: Program['stop'] = async () => {
    if (child.exitCode === null) child.kill('SIGTERM')
    await exited
    return { code: child.exitCode, stdout }
  }
  onTestFinished(async () => void (await stop()))
  return { url: `http://127.0.0.1:${port}`, stop }
}

interface Proxied {
  readonly client: Client
  /** What could not be read as JSON-RPC on the proxy's stdout, or went wrong otherwise. */
  readonly errors: Error[]
}

async function throughStdio(url: string, cwd: string): Promise<Proxied> {
  const client = new Client({ name: 'piped', version: '1' })
  const errors: Error[] = []
  client.onerror = error => errors.push(error)
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [cli, 'stdio', '--url', url], env, cwd, stderr: 'ignore' }))
  onTestFinished(() => client.close())
  return { client, errors }
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  const result = CallToolResultSchema.parse(await client.callTool({ name, arguments: args }))
  if (result.isError || !result.structuredContent) throw new Error(JSON.stringify(result.content))
  return result.structuredContent
}

/** Any result to a client tells how many replies wait for it. */
async function untilPending(ask: () => Promise<Readonly<Record<string, unknown>>>, count: number): Promise<void> {
  while ((await ask())['pending_replies'] !== count) await new Promise(setImmediate)
}

describe('madrox stdio', () => {
  test('carries a spawn and its answer, in the directory of its client, and ends with its input', async () => {
    const server = await start(temporary(), await freePort())
    const cwd = temporary()
    const { client, errors } = await throughStdio(server.url, cwd)
    const spawned = await call(client, 'spawn_agent', { harness: 'scripted', name: 'ada', workspace: 'shared', initial_prompt: 'echo hello', wait_for_response: true })
    expect(spawned).toMatchObject({ status: 'answered', response: 'hello', workspace: cwd })
    await client.close()
    expect(errors).toEqual([])
    expect(await server.stop()).toEqual({ code: 0, stdout: '' })
  })

  test('goes on after a restart of the server, with the replies that waited', { timeout: 30_000 }, async () => {
    const [home, port] = [temporary(), await freePort()]
    const before = await start(home, port)
    const { client, errors } = await throughStdio(before.url, temporary())
    await call(client, 'spawn_agent', { harness: 'scripted', name: 'ada', initial_prompt: 'echo unread' })
    await untilPending(() => call(client, 'get_instance_status'), 1)
    expect(await before.stop()).toMatchObject({ code: 0 })
    await start(home, port)
    const { replies } = await call(client, 'get_pending_replies')
    expect(replies).toEqual(expect.arrayContaining([expect.objectContaining({ response: 'unread' })]))
    expect(errors).toEqual([])
  })
})

describe('replies over HTTP', () => {
  const connected = async (url: string): Promise<McpConnection> => {
    const connection = await connectMcp({ url: `${url}/mcp`, name: 'reader' })
    onTestFinished(() => connection.close())
    return connection
  }

  test('are handed out once, and again when the call that had them was cut', async () => {
    const server = await start(temporary(), await freePort())
    const madrox = await connected(server.url)
    await madrox.callTool('spawn_agent', { harness: 'scripted', name: 'ada' })
    const cancel = new AbortController()
    const cut = madrox.callTool('get_pending_replies', { wait_timeout: 60 }, { signal: cancel.signal, onProgress: () => {} })
    cancel.abort()
    await expect(cut).rejects.toThrow()
    await madrox.callTool('send_to_instance', { instance_id: 'ada', message: 'echo one', wait_for_response: false })
    await untilPending(async () => (await madrox.callTool('get_instance_status', { instance_id: 'ada' })).data ?? {}, 1)
    expect((await madrox.callTool('get_pending_replies')).text).toContain('one')
    expect((await madrox.callTool('get_pending_replies')).data).toMatchObject({ replies: [] })
  })
})
