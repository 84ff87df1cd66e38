#!/usr/bin/env node
/**
 * A stand-in for Claude Code in structured mode, as far as the driver sees it: control requests, the queue, echoes, results and the
 * transcript. No model: it answers `echo: PROMPT` at once. Misbehaves as CLAUDE_FAKE says, comma-separated:
 * never-ready · exit-words · deaf=N (leaves N prompts in its queue) · mute=N (N prompts, and what is asked about them, get no word) ·
 * hang (never answers a prompt that says so) · lost-interrupt (hears the first one and goes on) · no-record (writes no transcript) ·
 * asks (puts a question of its own before each answer, and says what it was told) · asks-early (one before it is up, and waits)
 */
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const modes = new Map((process.env.CLAUDE_FAKE ?? '').split(',').map(mode => mode.split('=')))
const args = process.argv.slice(2)
if (args[0] === 'auth') {
  console.log('{"loggedIn":true}')
  process.exit(0)
}
if (modes.has('exit-words')) {
  console.log('Error: something the CLI says')
  process.exit(1)
}

const sessionId = args[args.indexOf('--session-id') + 1]
const transcript = join(process.env.HOME, '.claude', 'projects', process.cwd().replace(/[^a-zA-Z0-9]/g, '-'), `${sessionId}.jsonl`)
mkdirSync(join(transcript, '..'), { recursive: true })
const record = value => modes.has('no-record') || appendFileSync(transcript, `${JSON.stringify(value)}\n`)
const say = message => console.log(JSON.stringify(message))
const respond = (id, response) => say({ type: 'control_response', response: { subtype: 'success', request_id: id, response } })
const left = name => Number(modes.get(name) ?? 0)
const use = name => left(name) > 0 && modes.set(name, left(name) - 1)

let turn
let mute
let starting
let calls = 0
const usage = { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 }
const end = more => {
  say({ type: 'result', uuid: `r${calls}`, subtype: 'success', is_error: false, model_usage_since_last_result: {}, ...more })
  turn = undefined
}
const answer = text => {
  const message = { id: `msg_${++calls}`, model: 'fake', content: [{ type: 'text', text }], stop_reason: 'end_turn', usage }
  say({ type: 'assistant', message })
  record({ type: 'assistant', message })
  end({ result: text })
}
const take = ({ uuid, message }) => {
  const [{ text }] = message.content
  if (use('mute')) return void (mute = uuid)
  say({ type: 'command_lifecycle', command_uuid: uuid, state: 'queued' })
  if (use('deaf')) return
  turn = uuid
  say({ type: 'command_lifecycle', command_uuid: uuid, state: 'started' })
  say({ type: 'user', isReplay: true, uuid, message })
  record({ type: 'user', promptId: uuid, promptSource: 'sdk', message })
  if (modes.has('asks')) return say({ type: 'control_request', request_id: 'q1', request: { subtype: 'something_new' } })
  if (modes.has('hang') && text.includes('hang')) return
  answer(`echo: ${text}`)
}
const takeRequest = (id, { subtype, message_uuid: uuid }) => {
  if (subtype === 'initialize' && modes.has('asks-early')) {
    starting = id
    return say({ type: 'control_request', request_id: 'q0', request: { subtype: 'elicitation' } })
  }
  if (subtype === 'initialize') return modes.has('never-ready') || respond(id, {})
  if (subtype === 'cancel_async_message') return uuid === mute || respond(id, { cancelled: true })
  respond(id, { still_queued: [] })
  if (turn === undefined || modes.delete('lost-interrupt')) return
  record({ type: 'user', promptId: turn, message: { content: [{ type: 'text', text: '[Request interrupted by user]' }] } })
  end({ subtype: 'error_during_execution', is_error: true, terminal_reason: 'aborted_streaming' })
}

createInterface({ input: process.stdin }).on('line', line => {
  const message = JSON.parse(line)
  if (message.type === 'user') take(message)
  if (message.type === 'control_request') takeRequest(message.request_id, message.request)
  if (message.type === 'control_response' && starting !== undefined) {
    respond(starting, message.response)
    starting = undefined
  } else if (message.type === 'control_response') answer(JSON.stringify(message.response))
})
