/** The built server under MCP traffic that does not stop, with agents in real PTYs that come and go, for `SOAK_MINUTES` (1). */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { connectMcp, type McpConnection } from '../../src/transports/mcp/client.ts'
import { cli, temporaryHome } from '../cli/server.ts'
import { judge, type Sample, toTable } from './flatness.ts'
import { heldBy, onDisk } from './process.ts'

const minutes = Number(process.env['SOAK_MINUTES'] ?? 1)
const sampleCount = 30
const preload = new URL('measured.cjs', import.meta.url).pathname
const standing = ['ada', 'bob', 'cyd', 'dan']
const leftSchema = z.object({ heapMb: z.number(), handles: z.number() })

async function startMeasured(home: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['--expose-gc', '--require', preload, cli, 'serve', '--port', '0', '--home', home, '--max-instances', '20'], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  onTestFinished(() => void (child.exitCode === null && child.kill('SIGKILL')))
  if (!child.stderr) throw new Error('stderr is piped above')
  for await (const line of createInterface({ input: child.stderr })) {
    const url = /listens at (\S+)/.exec(line)?.[1]
    if (!url) continue
    child.stderr.resume()
    return { child, url }
  }
  throw new Error('the server ended before it listened')
}

async function leftAfterCollection(child: ChildProcess): Promise<z.output<typeof leftSchema>> {
  const answer = once(child, 'message')
  child.send('collect')
  return leftSchema.parse((await answer)[0])
}

const answered = async (client: McpConnection, name: string, message: string): Promise<void> => {
  const { text, data } = await client.callTool('send_to_instance', { instance_id: name, message })
  if (data?.['status'] !== 'answered') throw new Error(`${name} did not answer: ${text}`)
}

/** A client that comes, has an agent with an agent of its own, looks around, and goes, its agents ended. Gives its messages. */
async function visit(url: string, turn: number): Promise<number> {
  const client = await connectMcp({ url: `${url}/mcp`, name: 'guest' })
  const name = `passes-${turn}`
  try {
    await client.listTools()
    await client.callTool('spawn_agent', { harness: 'scripted-pty', name, workspace: 'isolated' })
    await answered(client, name, `spawn ${name}-aide scripted-pty; echo ${turn}`)
    await client.callTool('send_to_instance', { instance_id: name, message: 'echo unheard', wait_for_response: false })
    await client.callTool('get_instance_tree')
    await client.callTool('get_terminal_screen', { instance_id: name })
    await client.callTool('terminate_instance', { instance_id: name })
  } finally {
    await client.close()
  }
  return 2
}

async function round(url: string, client: McpConnection, turn: number): Promise<number> {
  const chatter = async (name: string): Promise<number> => {
    for (let said = 0; said < 10; said++) await answered(client, name, `echo ${turn}.${said} ${'filler '.repeat(30)}`)
    return 10
  }
  const watching = fetch(`${url}/inspector/events`).then(response => response.body?.cancel()) // a page that is opened and closed
  const done = await Promise.all([...standing.map(chatter), visit(url, turn)])
  await watching
  return done.reduce((sum, each) => sum + each, 0)
}

test(`${minutes} minutes of real traffic leave memory, descriptors, threads and the database's log as they were`, async () => {
  const { path: home, remove } = await temporaryHome()
  onTestFinished(remove)
  const { child, url } = await startMeasured(home)
  const client = await connectMcp({ url: `${url}/mcp`, name: 'soak' })
  for (const name of standing) await client.callTool('spawn_agent', { harness: 'scripted-pty', name, workspace: 'isolated' })
  // What is kept of a terminal's output is bounded, and full from here on.
  for (const name of [...standing, ...standing]) await answered(client, name, `echo ${'warm '.repeat(60_000)}`)
  const samples: Sample[] = []
  const began = performance.now()
  let work = 0
  for (let turn = 0; samples.length < sampleCount; turn++) {
    work += await round(url, client, turn)
    if (performance.now() - began < (samples.length * minutes * 60_000) / sampleCount) continue
    const left = await leftAfterCollection(child)
    const { logMb } = onDisk(home)
    samples.push({ work, values: { ...left, ...heldBy(child.pid ?? 0), logMb } })
  }
  await client.close()
  const findings = judge(samples, {
    heapMb: { part: 0.1 }, rssMb: { part: 0.12 }, descriptors: { part: 0, atLeast: 3 }, threads: { part: 0, atLeast: 2 }, handles: { part: 0, atLeast: 3 }, logMb: { part: 0.25, atLeast: 4.5 },
  })
  process.stdout.write(`\n${toTable(`${minutes} minutes, real`, samples, findings)}`)
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(findings.filter(({ flat }) => !flat)).toEqual([])
})
