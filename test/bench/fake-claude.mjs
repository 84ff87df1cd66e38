#!/usr/bin/env node
/**
 * A Claude Code that takes no time: status file, HTTP hooks, transcript, MCP and the input box as the real one has them, and no
 * model. It answers each prompt by reply_to_caller at once. What is left on the clock is Node's start and whoever drives it.
 */
import { randomUUID } from 'node:crypto'
import { appendFileSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

if (process.argv[2] === 'auth') {
  process.stdout.write('{"loggedIn":true}\n')
  process.exit(0)
}

const flag = name => process.argv[process.argv.indexOf(name) + 1]
const sessionId = flag('--session-id')
const { hooks } = JSON.parse(readFileSync(flag('--settings'), 'utf8'))
const { madrox } = JSON.parse(readFileSync(flag('--mcp-config'), 'utf8')).mcpServers
const configDir = process.env.CLAUDE_CONFIG_DIR
const transcript = join(configDir, 'projects', realpathSync('.').replace(/[^a-zA-Z0-9]/g, '-'), `${sessionId}.jsonl`)
const startedAt = Date.now()

const expand = headers => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace(/\$\{(\w+)\}/g, (_, variable) => process.env[variable] ?? '')]))
const record = line => appendFileSync(transcript, `${JSON.stringify(line)}\n`)

function tellStatus(status) {
  const file = join(configDir, 'sessions', `${process.pid}.json`)
  writeFileSync(file, JSON.stringify({ pid: process.pid, sessionId, cwd: process.cwd(), startedAt, version: '2.1.328', status, statusUpdatedAt: Date.now() }))
}

async function callHook(event, body) {
  const [hook] = hooks[event]?.[0]?.hooks ?? []
  if (!hook) return
  const response = await fetch(hook.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...expand(hook.headers ?? {}) },
    body: JSON.stringify({ session_id: sessionId, transcript_path: transcript, hook_event_name: event, ...body }),
  })
  await response.arrayBuffer()
}

let nextId = 0
let mcpSession
/** One JSON-RPC request; the answer may come as JSON or as an event stream. */
async function rpc(method, params, isNotification = false) {
  const id = (nextId += 1)
  const response = await fetch(madrox.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json', accept: 'application/json, text/event-stream', ...expand(madrox.headers),
      ...(mcpSession ? { 'mcp-session-id': mcpSession, 'mcp-protocol-version': '2025-11-25' } : {}),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...(isNotification ? {} : { id }), method, params }),
  })
  mcpSession ??= response.headers.get('mcp-session-id') ?? undefined
  const text = await response.text()
  if (isNotification) return undefined
  const data = text.startsWith('{') ? [text] : text.split('\n').filter(line => line.startsWith('data: {')).map(line => line.slice(6))
  const answer = data.map(each => JSON.parse(each)).find(each => each.id === id)
  if (!answer?.result) throw new Error(`${method}: ${text}`)
  return answer.result
}

async function takePrompt(prompt) {
  const promptId = randomUUID()
  record({ type: 'user', promptId, promptSource: 'typed', message: { role: 'user', content: prompt } })
  await callHook('UserPromptSubmit', { prompt_id: promptId, prompt })
  tellStatus('busy')
  const correlation = /\[MSG:([^\]]+)\]/.exec(prompt)?.[1]
  await rpc('tools/call', { name: 'reply_to_caller', arguments: { reply_message: 'done', ...(correlation ? { correlation_id: correlation } : {}) }, _meta: { 'claudecode/toolUseId': randomUUID() } })
  const usage = { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 }
  record({ type: 'assistant', message: { id: randomUUID(), model: 'none', content: [{ type: 'text', text: 'done' }], usage } })
  await callHook('Stop', { prompt_id: promptId, last_assistant_message: 'done', background_tasks: [] })
  record({ type: 'system', subtype: 'stop_hook_summary' })
  tellStatus('idle')
}

let box = ''
function takeKeys(keys) {
  box += keys
  if (!box.endsWith('\r')) return
  const prompt = box.replace(/\x1b\[20[01]~|[\x15\x1b\r]/g, '')
  box = ''
  if (prompt) takePrompt(prompt).catch(error => { process.stderr.write(`${error.stack}\r\n`); process.exit(1) })
}

mkdirSync(dirname(transcript), { recursive: true })
process.stdin.setRawMode?.(true)
process.stdin.setEncoding('utf8').on('data', takeKeys)
await rpc('initialize', { protocolVersion: '2025-11-25', capabilities: { roots: {} }, clientInfo: { name: 'claude-code', version: '2.1.328' } })
await rpc('notifications/initialized', {}, true)
await rpc('tools/list', {})
tellStatus('idle')
