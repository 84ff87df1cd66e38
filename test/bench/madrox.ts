/** Madrox as its users meet it: the built server in a process of its own, called by the official MCP client. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { z } from 'zod'
import type { Subject } from './subject.ts'

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const answer = z.looseObject({ instance_id: z.string().optional(), status: z.string().optional(), state: z.string().optional() })

/** Starts the server on a free port with `executable` as its Claude Code. An agent is its id. */
export async function startMadrox(executable: string, home: string): Promise<Subject<string>> {
  const port = await freePort()
  const server = spawn(process.execPath, [cli, 'serve', '--host', '127.0.0.1', '--port', String(port), '--home', home], {
    env: { PATH: process.env.PATH, HOME: home, CLAUDE_CONFIG_DIR: `${home}/config`, MADROX_CLAUDE_BIN: executable, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await becomesHealthy(server, `http://127.0.0.1:${port}/health`)
  const client = new Client({ name: 'bench', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`)))
  const call = async (name: string, args: Record<string, unknown>): Promise<z.infer<typeof answer>> => {
    const result = await client.callTool({ name, arguments: args })
    if (result.isError) throw new Error(`${name}: ${JSON.stringify(result.content)}`)
    return answer.parse(result.structuredContent ?? {})
  }
  let count = 0
  return {
    name: 'Madrox',
    async spawn() {
      const spawned = await call('spawn_claude', { name: `bench-${(count += 1)}`, workspace: 'isolated', bypass_isolation: true })
      if (spawned.instance_id === undefined) throw new Error('spawn_claude gave no instance_id')
      return spawned.instance_id
    },
    async send(agent) {
      const { status } = await call('send_to_instance', { instance_id: agent, message: 'go' })
      if (status !== 'answered') throw new Error(`send_to_instance ended ${status}`)
    },
    async settled(agent) {
      for (let state: string | undefined; state !== 'idle';) ({ state } = await call('get_instance_status', { instance_id: agent }))
    },
    async stop(agent) {
      await call('terminate_instance', { instance_id: agent, force: true })
    },
    async close() {
      await client.close()
      server.kill('SIGTERM')
      if (server.exitCode === null) await once(server, 'exit')
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo // listening on TCP
  probe.close()
  await once(probe, 'close')
  return port
}

async function becomesHealthy(server: ChildProcess, url: string): Promise<void> {
  for (let healthy = false; !healthy;) {
    if (server.exitCode !== null) throw new Error(`The server ended with ${server.exitCode}.`)
    healthy = await fetch(url).then(response => response.ok, () => false)
  }
}
