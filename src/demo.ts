/**
 * The demonstration: a server on a free port, a real MCP client, and a team three levels deep that is spawned, delegated to,
 * answered, interrupted, redirected and ended. Every line it prints was observed; it succeeds only if all of it happened.
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findExecutable } from './drivers/executable.ts'
import { wordsOf } from './errors.ts'
import { connectMcp, type McpConnection } from './transports/mcp/client.ts'

export interface DemoOptions {
  readonly real: boolean
  readonly keep: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** The command line's own file, to start the server with. */
  readonly cli: string
}

const say = (text = ''): void => void process.stdout.write(`${text}\n`)

/** What the lead, and through it the team, is told to do; and words the answer must carry. */
interface Play {
  readonly spawnTool: string
  readonly extra: Readonly<Record<string, unknown>>
  readonly task: string
  readonly expected: string
  readonly long: string
  readonly recall: string
  readonly remembered: string
}

const scripted: Play = {
  spawnTool: 'spawn_agent',
  extra: { harness: 'scripted' },
  task: 'delegate backend {delegate tester {echo 42 tests passed}}',
  expected: '42 tests passed',
  long: 'wait 3600000',
  recall: 'recall',
  remembered: 'wait 3600000',
}

const real = (spawnTool: string, member: string): Play => ({
  spawnTool,
  extra: {},
  task: `Use the Madrox tool ${member} to spawn one agent named "backend" with the initial_prompt: 'Use the Madrox tool ${member} to spawn one agent named "tester" with initial_prompt "Answer with exactly: 42 tests passed". End your turn; when its answer has come, answer your own task with its exact words.' Then end your turn; when the answer has come, answer me with its exact words by reply_to_caller.`,
  expected: '42 tests passed',
  long: 'Remember the code word "heliotrope". Then count slowly from 1 to 500 in words, one a line, and do nothing else.',
  recall: 'Which code word were you told to remember? Answer with that word.',
  remembered: 'heliotrope',
})

const isOnPath = (name: string, env: DemoOptions['env']): boolean => findExecutable(name, env['PATH']) !== undefined

function choosePlay({ real: wantsReal, env }: DemoOptions): Play | undefined {
  if (!wantsReal) return scripted
  const claude = env['MADROX_CLAUDE_BIN'] !== undefined || isOnPath('claude', env)
  const codex = env['MADROX_CODEX_BIN'] !== undefined || isOnPath('codex', env)
  if (!claude && !codex) return undefined
  return real(claude ? 'spawn_claude' : 'spawn_codex', codex ? 'spawn_codex' : 'spawn_claude')
}

/** The exit code: 0 only if everything that is shown happened. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const play = choosePlay(options)
  if (!play) {
    say('Neither claude nor codex is on PATH. Install one, or run the demo without --real.')
    return 1
  }
  say(options.real ? `This uses your real CLIs (${play.spawnTool} and below) and spends money: three agents, a few short turns.\n` : 'A team of scripted agents: no model, no cost.\n')
  const home = mkdtempSync(join(tmpdir(), 'madrox-demo-'))
  const server = await startServer(options, home)
  say(`server   ${server.url} (process ${server.pid})`)
  const client = await connectMcp({ url: `${server.url}/mcp`, name: 'madrox-demo' })
  let done = false
  try {
    await perform(client, play, options.keep)
    done = true
  } catch (error) {
    say(`\nfailed   ${wordsOf(error)}`)
  }
  await client.close()
  if (options.keep) {
    say(`\nLeft running: ${server.url}/mcp. Its files: ${home}\nTo look around: node dist/cli.js top --url ${server.url}, or ${server.url} in a browser.\nIn Claude Code: claude mcp add --transport http madrox-demo ${server.url}/mcp, then ask for the team's tree.\nTo end it: kill ${server.pid}`)
    server.leave()
  } else {
    const code = await server.stop()
    rmSync(home, { recursive: true, force: true })
    if (code !== 0) say(`\nfailed   the server ended with code ${code}`)
    done &&= code === 0
  }
  say(done ? '\nAll of it happened.' : '\nNot all of it happened.')
  return done ? 0 : 1
}

async function perform(client: McpConnection, play: Play, keep: boolean): Promise<void> {
  const call = caller(client)
  const lead = await call(play.spawnTool, { name: 'lead', role: 'general', workspace: 'isolated', ...play.extra })
  say(`spawned  lead (${lead['instance_id']}), ${lead['instance_type']}, ${lead['state']}, in ${lead['workspace']}`)
  say(`\ntask     to lead: ${play.task}`)
  const answer = await call('send_to_instance', { instance_id: 'lead', message: play.task, timeout_seconds: 600 })
  say(`answer   ${String(answer['response'])} (${String(answer['status'])}, via ${String(answer['via'])})`)
  check(String(answer['response']).includes(play.expected), `the answer should carry "${play.expected}", from two levels down`)
  const tree = await text(client, 'get_instance_tree', {})
  say(`\n${tree}`)
  check(['lead', 'backend', 'tester'].every(name => tree.includes(name)), 'the tree should show three levels')

  const long = await call('send_to_instance', { instance_id: 'lead', message: play.long, wait_for_response: false })
  await untilBusyWith(client, String(long['message_id']))
  const interrupted = await call('interrupt_instance', { instance_id: 'lead' })
  say(`\nstopped  lead in its turn: was ${interrupted['was']}, confirmed by ${interrupted['confirmed_by']} after ${interrupted['after_ms']} ms`)
  check(interrupted['interrupted'] === true, 'the turn should have been interrupted')
  const cancelled = await call('wait_for_any', { message_ids: [long['message_id']] })
  say(`outcome  of the interrupted message: ${String(cancelled['status'])}`)
  check(cancelled['status'] === 'cancelled', 'the interrupted message should end cancelled')
  const recalled = await call('send_to_instance', { instance_id: 'lead', message: play.recall, timeout_seconds: 600 })
  say(`context  ${String(recalled['response']).split('\n').join('\n         ')}`)
  check(String(recalled['response']).includes(play.remembered), 'the context should have survived the interrupt')
  if (!keep) await end(client)
}

async function end(client: McpConnection): Promise<void> {
  const ended = await caller(client)('terminate_instance', { instance_id: 'lead' })
  const names = (ended['terminated'] as { name: string }[]).map(agent => agent.name) // the tool's output schema says so
  say(`\nended    ${names.join(', then ')}`)
  check(names.length === 3 && names.at(-1) === 'lead', 'all three should end, the lead last')
  const tree = await text(client, 'get_instance_tree', {})
  check(!tree.includes('lead'), 'nobody should be left')
}

/** By its status: the demonstration looks from outside, as a person would. */
async function untilBusyWith(client: McpConnection, messageId: string): Promise<void> {
  for (let look = 0; look < 600; look++) {
    const status = await caller(client)('get_instance_status', { instance_id: 'lead' })
    if (status['current_message'] === messageId && status['detail'] === 'busy.working') return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('lead never began the long task')
}

function caller(client: McpConnection) {
  return async (tool: string, args: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> => {
    const result = await client.callTool(tool, args)
    if (!result.ok || !result.data) throw new Error(`${tool}: ${result.text}`)
    return result.data
  }
}

async function text(client: McpConnection, tool: string, args: Readonly<Record<string, unknown>>): Promise<string> {
  const result = await client.callTool(tool, args)
  if (!result.ok) throw new Error(`${tool}: ${result.text}`)
  return result.text
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

interface DemoServer {
  readonly url: string
  readonly pid: number
  /** Asks it to end; resolves with its exit code. */
  stop(): Promise<number | null>
  leave(): void
}

async function startServer({ cli, env }: DemoOptions, home: string): Promise<DemoServer> {
  // A demonstration started by an agent is its own root: the marker of that agent's home is not ours.
  const { MADROX_OWNED_BY: _, ...own } = env
  const child = spawn(process.execPath, [cli, 'serve', '--port', '0', '--home', home], { env: own, stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const exited = new Promise<number | null>(resolve => child.on('exit', resolve))
  const lines = createInterface({ input: child.stderr })
  const said: string[] = []
  for await (const line of lines) {
    said.push(line)
    const url = /listens at (\S+)/.exec(line)?.[1]
    if (!url || child.pid === undefined) continue
    child.stderr.resume()
    return {
      url,
      pid: child.pid,
      stop: () => {
        child.kill('SIGTERM')
        return exited
      },
      leave: () => {
        child.stderr.destroy()
        child.unref()
      },
    }
  }
  throw new Error(`the server did not start: ${said.join(' ')}`)
}
