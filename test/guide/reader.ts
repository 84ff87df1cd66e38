/** Somebody who does what a page says, block by block, with a real server, and looks whether it answers as the page shows. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectMcp } from '../../src/transports/mcp/client.ts'
import { cli, type RunningServer, startServe } from '../cli/server.ts'
import { type Block, fits, isShown } from './blocks.ts'

type Client = Awaited<ReturnType<typeof connectMcp>>
type Data = Readonly<Record<string, unknown>>

interface Said {
  readonly text: string
  readonly data?: unknown
}

const repository = fileURLToPath(new URL('../..', import.meta.url))
/** What pages call the server. */
const shownUrl = 'http://127.0.0.1:8001'

export interface Reader {
  /** Does one block; gives what is wrong with it, or nothing. */
  read(block: Block): Promise<string | undefined>
  leave(): Promise<void>
}

export async function createReader(): Promise<Reader> {
  const dir = await mkdtemp(join(tmpdir(), 'madrox-guide-'))
  const [home, project] = [join(dir, 'home'), join(dir, 'project')]
  await mkdir(project)
  await mkdir(join(project, 'node_modules'))
  await symlink(repository, join(project, 'node_modules', 'madrox'))
  const known = new Map<string, string>()
  let said: Said = { text: '' }
  let begun: Promise<Said> | undefined
  let running: ChildProcess | undefined
  let server: RunningServer
  let client: Client

  async function serve(args: readonly string[]): Promise<void> {
    server = await startServe(home, args)
    client = await connectMcp({ url: `${server.url}/mcp`, name: 'guide', roots: [project] })
  }
  async function leaveServer(signal: NodeJS.Signals): Promise<void> {
    await client.close()
    await server.end(signal)
  }
  /** `<message_id>` in a page is the last one that an answer gave. */
  const filled = (text: string): string => text.replaceAll(/<(\w+)>/g, (whole, key: string) => known.get(key) ?? whole)
  const remember = (data: unknown): void => {
    for (const [key, value] of Object.entries(typeof data === 'object' && data !== null ? data : {})) {
      if (typeof value === 'string') known.set(key, value)
      else remember(value)
    }
  }

  async function ask(text: string, onProgress: () => void = () => {}): Promise<Said> {
    const { tool, arguments: args = {} } = JSON.parse(filled(text)) as { tool: string; arguments?: Data } // as every such block has it
    const answer = await client.callTool(tool, args, { onProgress })
    remember(answer.data)
    return { text: answer.text, ...(answer.data ? { data: answer.data } : {}) }
  }
  async function call(text: string): Promise<undefined> {
    said = await ask(text)
    return undefined
  }
  /** Until it has said that it waits. */
  const begin = (text: string): Promise<undefined> => new Promise(resolve => {
    begun = ask(text, () => resolve(undefined))
  })

  /** In bash, where `madrox` is this program and the server is the one that runs. */
  async function shell(text: string): Promise<string | undefined> {
    const script = `set -e\nmadrox() { '${process.execPath}' '${cli}' "$@"; }\n${filled(text).replaceAll(shownUrl, server.url)}`
    return run('bash', ['-c', script])
  }
  async function program(text: string): Promise<string | undefined> {
    await writeFile(join(project, 'example.mjs'), text)
    return run(process.execPath, ['example.mjs'])
  }
  async function run(command: string, args: readonly string[]): Promise<string | undefined> {
    const child = spawn(command, args, { cwd: project, env: { PATH: process.env['PATH'] ?? '', HOME: dir, MADROX_HOME: home }, stdio: ['ignore', 'pipe', 'pipe'] })
    running = child
    const told = { out: '', err: '' }
    child.stdout.on('data', part => (told.out += String(part)))
    child.stderr.on('data', part => (told.err += String(part)))
    const [code] = (await once(child, 'close')) as [number | null] // the event's first argument
    said = { text: told.out.replaceAll(server.url, shownUrl) }
    return code === 0 ? undefined : `ended with ${code}: ${told.err}`
  }

  /** `madrox serve --on-shutdown suspend`: the server is asked to stop, and started again like this. */
  async function restart(text: string): Promise<undefined> {
    await leaveServer('SIGTERM')
    await serve(text.trim().split(/\s+/).slice(2))
  }

  const compare = (block: Block): string | undefined => {
    if (block.language === 'json') return fits(JSON.parse(block.text), said.data ?? JSON.parse(said.text)) ? undefined : `shows otherwise than ${JSON.stringify(said.data ?? said.text)}`
    return isShown(block.text, said.text) ? undefined : `shows otherwise than:\n${said.text}`
  }

  await serve(['--on-shutdown', 'suspend', '--max-instances', '20'])
  return {
    read: async block => {
      if (block.use === 'call') return call(block.text)
      if (block.use === 'begin') return begin(block.text)
      if (block.use === 'end') said = (await begun) ?? { text: 'Nothing was begun.' }
      if (block.use === 'answer' || block.use === 'end') return compare(block)
      if (block.use === 'run') return block.language === 'sh' ? shell(block.text) : program(block.text)
      if (block.use === 'serve') return restart(block.text)
      return undefined
    },
    leave: async () => {
      running?.kill('SIGKILL')
      await leaveServer('SIGTERM')
      await rm(dir, { recursive: true, force: true })
    },
  }
}
