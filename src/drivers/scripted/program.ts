/**
 * The scripted agent as a program in a terminal: prompts are typed in, facts are told by OSC, tools are called over MCP.
 * Started by the PTY driver alone: `node program.js LAUNCH_FILE`. It is to a driver what a real CLI is, with nothing behind it.
 */

import { spawn } from 'node:child_process'
import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import { systemClock } from '../../clock.ts'
import { wordsOf } from '../../errors.ts'
import { createKeyReader } from './keys.ts'
import { connectMcp, type McpClient, type ToolAnswer } from './mcp-client.ts'
import { toOsc } from './osc.ts'
import { programLaunchSchema } from './program-launch.ts'
import { toLine } from './reading.ts'
import type { Misbehaviour } from './script.ts'
import { createSession, type Session, type SessionEvent } from './session.ts'
import { createFileTranscripts, type Transcript } from './transcript.ts'

const launchFile = process.argv[2] ?? ''
const launch = programLaunchSchema.parse(JSON.parse(readFileSync(launchFile, 'utf8')))
rmSync(launchFile)
const { misbehave } = launch.script

/** Writes to a terminal are synchronous on Linux and macOS: nothing told is lost in `exit`. */
const tell = (event: object): void => void process.stdout.write(toOsc(launch.key, event))

/** Text of others must not become a sequence of ours. */
const show = (text: string): void => void process.stdout.write(`${text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, '·').replaceAll('\n', '\r\n')}\r\n`)

function quit(code: number, words?: string): never {
  if (words) show(words)
  process.stdin.setRawMode(false)
  process.exit(code)
}

function notePid(pid: number | undefined): void {
  if (misbehave.pidFile !== undefined && pid !== undefined) appendFileSync(misbehave.pidFile, `${pid}\n`)
}

function misbehaveAtStart({ ignoreSignals, setsidChild, exitAtStart }: Misbehaviour): void {
  notePid(process.pid)
  if (ignoreSignals) for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT'] as const) process.on(signal, () => {})
  if (setsidChild) {
    const code = `for (const signal of ['SIGHUP', 'SIGTERM']) process.on(signal, () => {}); setInterval(() => {}, 1e6)`
    const child = spawn(process.execPath, ['-e', code], { detached: true, stdio: 'ignore' })
    child.unref()
    notePid(child.pid)
  }
  if (exitAtStart) quit(exitAtStart.code, exitAtStart.words)
}

/** A tool call of the session goes out over MCP; a cut turn cancels it. */
function createToolHand(mcp: McpClient | undefined, session: () => Session) {
  let running: AbortController | undefined
  return {
    call: (event: Extract<SessionEvent, { type: 'toolCallRequested' }>): void => {
      const abort = new AbortController()
      running = abort
      const answer: Promise<ToolAnswer> = mcp ? mcp.callTool(event.tool, event.arguments, abort.signal) : Promise.resolve({ ok: false, text: 'unavailable: this agent was started without a way to Madrox' })
      answer
        .then(({ ok, text, unreachable }) => {
          // A turn that ended by it would stand as done in the transcript, with a connection error for its answer.
          if (unreachable && !abort.signal.aborted) quit(1, text)
          session().returnToolResult(event.callId, ok, text)
        })
        .catch((error: unknown) => quit(1, String(error)))
    },
    cut: (): void => running?.abort(),
  }
}

function openSession(transcript: Transcript, mcp: McpClient | undefined): Session {
  const hand = createToolHand(mcp, () => session)
  const onEvent = (event: SessionEvent): void => {
    const line = toLine(event)
    if (line !== undefined) show(line)
    if (event.type === 'crashed') quit(1)
    if (event.type === 'turnEnded') {
      hand.cut()
      if (misbehave.floodBytes > 0) show('~'.repeat(misbehave.floodBytes))
    }
    if (event.type === 'toolCallRequested') hand.call(event)
    else tell(event)
  }
  const session = createSession({ agentName: launch.agentName, sessionId: launch.sessionId, script: launch.script, transcript, clock: systemClock, tell: onEvent })
  return session
}

/** What is typed reaches the session in the order it was typed; the driver knows which prompt and which request it was. */
function listen(session: Session): void {
  let dropped = 0
  const read = createKeyReader({
    submit: line => {
      if (dropped++ < misbehave.dropPrompts) return
      show(`> ${line}`)
      if (session.state === 'idle') session.submit(line, 'typed')
      else tell({ type: 'promptRefused', promptId: 'typed', reason: session.state === 'inTurn' ? 'in_turn' : 'awaiting_approval' })
    },
    interrupt: () => tell({ type: 'interruptFinished', requestId: 'typed', wasInTurn: session.interrupt() }),
    key: char => {
      const approvalId = session.approvalId
      if (approvalId === undefined || (char !== 'y' && char !== 'n')) return false
      session.answerApproval(approvalId, char === 'y' ? 'allow' : 'deny')
      return true
    },
  })
  process.stdin.on('data', read)
  if (misbehave.ignoreSignals) return
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      session.interrupt()
      quit(0)
    })
  }
}

async function main(): Promise<void> {
  process.stdin.setRawMode(true)
  process.stdin.setEncoding('utf8')
  process.stdin.resume()
  process.stdout.write('\x1b[?2004h') // bracketed paste, as every CLI of this kind asks for
  misbehaveAtStart(misbehave)
  if (misbehave.neverReady) return
  if (misbehave.startDelayMs > 0) await new Promise(resolve => setTimeout(resolve, misbehave.startDelayMs))
  const transcript = createFileTranscripts(launch.transcripts).open(launch.sessionId, launch.resume)
  if (!transcript) return tell({ type: 'startFailed', code: 'session_unknown', detail: `No conversation found with session id ${launch.sessionId}.` })
  if (!launch.resume && transcript.earlierTurns > 0) return tell({ type: 'startFailed', code: 'session_locked', detail: `Session id ${launch.sessionId} is already in use.` })
  const mcp = launch.madrox && (await connectMcp({ ...launch.madrox, clientName: launch.agentName }))
  transcript.append({ type: 'opened', at: systemClock.now() })
  listen(openSession(transcript, mcp))
  show(`${launch.agentName} is ready.`)
  tell({ type: 'ready', sessionId: launch.sessionId })
}

main().catch((error: unknown) => quit(1, wordsOf(error)))
