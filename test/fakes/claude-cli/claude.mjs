#!/usr/bin/env node
/**
 * A stand-in for Claude Code's terminal program, as far as the driver sees it: status file, HTTP hooks, transcript, bracketed
 * paste, Enter, Esc, Ctrl-U. No model: it answers `echo: PROMPT` at once. Misbehaves as CLAUDE_FAKE says, comma-separated:
 * never-ready · exit-words · deaf=N (ignores N Enters) · no-stop (forgets the Stop hook) ·
 * refill=N (N prompts find a cut one back in the box before them; one that a hook blocks goes back there too) ·
 * hang (never answers a prompt that says so) · contract (prompts `say TEXT`, `stream`, `recall` do as they say) · lost-escape (ignores the first Esc) · wrapper (the program proper is a child)
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const modes = new Map((process.env.CLAUDE_FAKE ?? '').split(',').map(mode => mode.split('=')))
const args = process.argv.slice(2)
const option = name => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined)
if (args[0] === 'auth') {
  console.log(JSON.stringify({ loggedIn: !modes.has('logged-out') }))
  process.exit(0)
}
if (modes.has('wrapper') && !process.env.CLAUDE_FAKE_INNER) {
  const inner = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], { stdio: 'inherit', env: { ...process.env, CLAUDE_FAKE_INNER: '1' } })
  await new Promise(resolve => inner.once('exit', resolve))
  process.exit(0)
}
if (modes.has('exit-words')) {
  console.log('Error: something the CLI says')
  process.exit(1)
}

const sessionId = option('--resume') ?? option('--session-id')
const root = process.env.CLAUDE_CONFIG_DIR ?? join(process.env.HOME, '.claude')
const statusFile = join(root, 'sessions', `${process.pid}.json`)
const transcript = join(root, 'projects', process.cwd().replace(/[^a-zA-Z0-9]/g, '-'), `${sessionId}.jsonl`)
const startedAt = Date.now()
const hooks = JSON.parse(readFileSync(option('--settings'), 'utf8')).hooks
mkdirSync(join(root, 'sessions'), { recursive: true })
mkdirSync(join(transcript, '..'), { recursive: true })
if (option('--resume') && !existsSync(transcript)) {
  console.log(`No conversation found with session ID: ${sessionId}`)
  process.exit(1)
}

const setStatus = status => writeFileSync(statusFile, JSON.stringify({ pid: process.pid, sessionId, startedAt, version: '2.1.328', status, statusUpdatedAt: Date.now() }))
const record = value => appendFileSync(transcript, `${JSON.stringify(value)}\n`)
const post = async (event, body) => {
  let said = '{}'
  for (const { hooks: [hook] } of hooks[event] ?? []) {
    const headers = { 'content-type': 'application/json', authorization: hook.headers.Authorization.replace('${MADROX_HOOK_TOKEN}', process.env.MADROX_HOOK_TOKEN) }
    said = await fetch(hook.url, { method: 'POST', headers, body: JSON.stringify({ session_id: sessionId, hook_event_name: event, ...body }) }).then(answer => answer.text())
  }
  return JSON.parse(said)
}

const toTask = prompt => prompt.replace(/^(?:Message: |\[MSG:[^\]]*\] )/, '')
const answerFor = task => (task === 'recall' ? readFileSync(transcript, 'utf8') : task.replace(/^say /, ''))

let box = ''
let turn
let enters = 0
let escapes = 0
let refills = 0
const submit = async () => {
  if (box.trim() === '' || ++enters <= Number(modes.get('deaf') ?? 0)) return
  if (++refills <= Number(modes.get('refill') ?? 0)) box = `[MSG:z] cut off${box}`
  const [prompt, promptId] = [box.trim(), randomUUID()]
  box = ''
  turn = promptId
  if ((await post('UserPromptSubmit', { prompt_id: promptId, prompt })).decision === 'block') {
    box = prompt
    turn = undefined
    return
  }
  setStatus('busy')
  record({ type: 'user', promptId, promptSource: 'typed', message: { role: 'user', content: prompt } })
  if (modes.has('hang') && prompt.includes('hang')) return
  const isStream = modes.has('contract') && toTask(prompt) === 'stream'
  const answer = modes.has('contract') ? answerFor(toTask(prompt)) : `echo: ${prompt}`
  console.log(answer)
  record({ type: 'assistant', message: { id: `msg_${promptId}`, model: 'fake', content: [{ type: 'text', text: answer }], stop_reason: isStream ? 'tool_use' : 'end_turn', usage: { input_tokens: 1, output_tokens: 2 } } })
  if (isStream) return // until Esc
  if (!modes.has('no-stop')) await post('Stop', { prompt_id: promptId, last_assistant_message: answer, background_tasks: [], session_crons: [] })
  record({ type: 'system', subtype: 'stop_hook_summary' })
  turn = undefined
  setStatus('idle')
}
const escape = () => {
  if (turn === undefined || (modes.has('lost-escape') && ++escapes === 1)) return
  record({ type: 'user', promptId: turn, message: { role: 'user', content: [{ type: 'text', text: '[Request interrupted by user]' }] } })
  turn = undefined
  setStatus('idle')
}

process.stdin.setRawMode?.(true)
let pending = ''
process.stdin.on('data', chunk => {
  pending += chunk
  for (;;) {
    if (pending.startsWith('\x1b[200~')) {
      const end = pending.indexOf('\x1b[201~')
      if (end < 0) return
      box += pending.slice(6, end)
      pending = pending.slice(end + 6)
    } else if (pending === '') return
    else {
      const key = pending[0]
      pending = pending.slice(1)
      if (key === '\r') void submit()
      else if (key === '\x15') box = ''
      else if (key === '\x1b') escape()
      else box += key
    }
  }
})
process.on('SIGTERM', () => {
  rmSync(statusFile, { force: true })
  process.exit(143)
})
process.on('SIGUSR1', () => setStatus('waiting')) // a dialog opens
console.log('fake claude is up')
setStatus(modes.has('never-ready') ? 'busy' : 'idle')
