/** A team over the wire: the server as users start it, the SDK's client, and agents that are processes with MCP clients of their own. */

import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { connectMcp, type McpConnection } from '../../src/transports/mcp/client.ts'
import { startServe, temporaryHome } from '../cli/server.ts'
import { readFrontMatter } from './rehearsal.ts'

const shippedDir = fileURLToPath(new URL('../../templates', import.meta.url))
const [first = ''] = readdirSync(shippedDir).toSorted()

/** With one of the shipped templates as the user's own. */
async function connect(): Promise<McpConnection> {
  const home = await temporaryHome()
  onTestFinished(home.remove)
  mkdirSync(join(home.path, 'templates'))
  cpSync(join(shippedDir, first), join(home.path, 'templates', first))
  const server = await startServe(home.path)
  onTestFinished(async () => expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null }))
  const client = await connectMcp({ url: `${server.url}/mcp`, name: 'tester' })
  onTestFinished(() => client.close())
  await client.listTools() // results are held against the schemas it has seen
  return client
}

test('spawn_team_from_template, rehearsed by processes in terminals, answers with the report of all members', async () => {
  const client = await connect()
  const { name, size, supervisor, members } = readFrontMatter(join(shippedDir, first))
  const progress: string[] = []
  const { data: report, text } = await client.callTool('spawn_team_from_template', { template_name: name, task_description: 'Make it so.', harness: 'scripted-pty', workspace: 'isolated', wait_for_response: true }, { onProgress: message => progress.push(message) })
  expect(report, text).toMatchObject({ template: name, size, name: supervisor.name, instance_type: 'scripted-pty', status: 'answered' })
  for (const member of members) expect(report?.['response']).toContain(`- ${member.name} (${member.role}): Report of ${member.name}`)
  expect(progress).toContain(`${supervisor.name} is starting`)
  expect((await client.callTool('get_instance_status', { include_ended: true })).data).toMatchObject({ total: size })
})

test('list_templates and list_roles answer as their schemas say, and templates of the home come first', async () => {
  const client = await connect()
  const { data } = await client.callTool('list_templates')
  expect(data).toMatchObject({ templates: { length: 4, 0: { name: basename(first, '.md'), source: 'user' }, 1: { source: 'shipped' } }, broken: [] })
  expect((await client.callTool('list_roles')).data).toMatchObject({ roles: { length: 10 } })
})
