/**
 * Both forms of every result stand alone, because clients show a model only one of them: over MCP, with real results of living
 * scripted agents. Examples are those of the parity test; what needs more than a call has its own below. A tool without an example that
 * succeeds fails here.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CallToolResultSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createScriptedDriver } from '../../src/drivers/scripted/driver.ts'
import { createMadrox, type Madrox } from '../../src/index.ts'
import { silentLog } from '../../src/log.ts'
import { createToolTable } from '../../src/tools/table.ts'
import { type HttpServer, serveHttp } from '../../src/transports/http.ts'
import { stageAndServe } from '../inspector/feed.ts'
import { examples } from '../parity/examples.ts'
import type { Args } from '../parity/ways.ts'
import { connect } from './served.ts'

const table = createToolTable()
const home = mkdtempSync(join(tmpdir(), 'madrox-forms-'))
const client = new Client({ name: 'forms', version: '1' })
/** Tools of which a success was seen, and judged. */
const seen = new Set<string>()
const kept = new Map<string, string>()
let madrox: Madrox
let server: HttpServer

beforeAll(async () => {
  madrox = await createMadrox({ home, willServe: true, harnesses: { claude: createScriptedDriver, codex: createScriptedDriver } })
  server = await serveHttp({ system: madrox.system, tools: madrox.tools, port: 0, log: silentLog })
  madrox.announce(`${server.url}/mcp`)
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`)))
  await client.listTools() // from now on the client holds every result against the schema that was listed
})
afterAll(async () => {
  await client.close()
  await madrox.close()
  await server.close()
  rmSync(home, { recursive: true, force: true })
})

const filled = (value: unknown): unknown => (typeof value === 'string' && value.startsWith('$') ? kept.get(value.slice(1)) : Array.isArray(value) ? value.map(filled) : value)

async function call(name: string, args: Args = {}, by: Client = client): Promise<CallToolResult> {
  const given = Object.fromEntries(Object.entries(args).map(([key, value]) => [key, filled(value)]))
  return CallToolResultSchema.parse(await by.callTool({ name, arguments: given }, CallToolResultSchema, { onprogress: () => {}, resetTimeoutOnProgress: true }))
}

/** Beside a text of success stands how many replies wait, where some do; nothing else stands beside anything. */
const textOf = ({ content, structuredContent, isError }: CallToolResult): string => {
  const [block, ...beside] = content
  expect(block?.type).toBe('text')
  const pending = structuredContent || isError ? [] : beside.filter(each => each.type === 'text' && /^pending_replies: [1-9]\d*$/.test(each.text)).slice(0, 1)
  expect(beside).toEqual(pending)
  return block?.type === 'text' ? block.text : ''
}

/** The text says it all: the code, what failed and why, what to do. Codex would show `structuredContent` in its place. */
function expectRefusal(result: CallToolResult, code: string): void {
  const text = textOf(result)
  expect(result.isError, text).toBe(true)
  expect(text.slice(0, text.indexOf(':'))).toBe(code)
  expect(text).toMatch(/^[a-z_]+: [^]+[.?] [^]+[.?]$/)
  expect(result).not.toHaveProperty('structuredContent')
}

/** Data is in both forms and the same in both; a text is in one. */
function expectSuccess(name: string, result: CallToolResult): void {
  const text = textOf(result)
  expect(result.isError, text).toBeUndefined()
  const tool = table.get(name)
  if (tool?.output) {
    expect(result.structuredContent).toEqual(JSON.parse(text))
    expect(tool.output.safeParse(result.structuredContent).error?.issues).toBeUndefined()
    expect(Object.keys(result.structuredContent ?? {})).not.toEqual([])
  } else {
    expect(result).not.toHaveProperty('structuredContent')
    expect(text).not.toBe('')
  }
  seen.add(tool?.name ?? name)
}

const succeed = async (name: string, args?: Args, by?: Client): Promise<Args> => {
  const result = await call(name, args, by)
  expectSuccess(name, result)
  return result.structuredContent ?? {}
}

describe('the result of', () => {
  test.each(examples.map(example => [`${example.tool} ${JSON.stringify(example.args)}${example.why ? ` ${example.why}` : ''}`, example] as const))('%s stands alone in each form', async (_, { tool, args, keep, refused }) => {
    const result = await call(tool, args)
    if (refused === undefined) expectSuccess(tool, result)
    else expectRefusal(result, refused)
    const { message_id, instance_id, job_id } = result.structuredContent ?? {}
    if (keep) kept.set(keep, String(message_id ?? instance_id ?? job_id))
  })

  test.each([...new Set(table.values())].map(({ name }) => [name]))('%s with a parameter it does not know is a refusal in words alone', async name => {
    expectRefusal(await call(name, { no_such_parameter: 1 }), 'invalid_input')
  })

  test('spawn_claude and spawn_codex, of agents played without a model, stands alone in each form', async () => {
    expect(await succeed('spawn_claude', { name: 'cleo', workspace: 'isolated', model: 'opus', initial_prompt: 'echo hi', wait_for_response: true })).toMatchObject({ instance_type: 'claude', response: 'hi' })
    expect(await succeed('spawn_codex', { name: 'cody', workspace: 'isolated' })).toMatchObject({ instance_type: 'codex', state: 'idle' })
  })

  test('answer_approval, and list_approvals with something in it, stands alone in each form', async () => {
    await succeed('set_policy', { permission_prompts: 'person' })
    await succeed('spawn_agent', { harness: 'scripted', name: 'asker', workspace: 'isolated', initial_prompt: 'approval Bash ls' })
    const waiting = async (): Promise<readonly { approval_id: string }[]> => (await succeed('list_approvals'))['approvals'] as { approval_id: string }[] // as its schema says
    await expect.poll(waiting, { timeout: 20_000 }).toHaveLength(1)
    await succeed('answer_approval', { approval_id: (await waiting())[0]?.approval_id, decision: 'allow' })
  })

  test('reply_to_caller, by the agent whose message it answers, stands alone in each form', async () => {
    const stage = await stageAndServe()
    const ada = await stage.spawn('ada')
    const started = stage.commands.find(command => command.type === 'startAgent')
    await stage.ask(stage.me, 'send_to_instance', { instance_id: ada, message: 'go', wait_for_response: false })
    stage.begin(ada)
    const { client: agent } = await connect(`${stage.server.url}/mcp`, { token: started?.type === 'startAgent' ? started.launch.madrox?.token : undefined })
    expect(await succeed('reply_to_caller', { reply_message: 'done' }, agent)).toMatchObject({ delivered_to: 'tester' })
  })

  test('retrieve_instance_file and get_instance_diff, of what lies in a workspace, stand alone in each form', async () => {
    const { workspace } = await succeed('spawn_agent', { harness: 'scripted', name: 'filer', workspace: 'isolated' })
    writeFileSync(join(String(workspace), 'notes.txt'), 'read me')
    expect(await succeed('retrieve_instance_file', { instance_id: 'filer', path: 'notes.txt' })).toMatchObject({ content: 'read me' })
    execFileSync('git', ['init', '--quiet'], { cwd: String(workspace) })
    await succeed('get_instance_diff', { instance_id: 'filer' })
  })

  test('every tool was seen and judged', () => {
    expect([...new Set(table.values())].map(({ name }) => name).filter(name => !seen.has(name))).toEqual([])
  })
})
