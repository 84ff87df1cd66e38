#!/usr/bin/env node
/**
 * The composition root: the only place that reads arguments, environment and signals, and that exits. What a command needs is
 * loaded by it: Codex waits one second for `madrox stdio`, and the server's modules alone take half of it.
 */

import { spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { type ArgsDef, defineCommand, renderUsage, runCommand } from 'citty'
import { attach } from './cli/attach-command.ts'
import { type Config, loadConfig } from './config.ts'
import { MadroxError, toWireError } from './errors.ts'
import { createLog, type Log } from './log.ts'
import { makeHome, readHolder } from './store/lock.ts'
import { version } from './version.ts'

const shared = {
  home: { type: 'string', description: "Where Madrox keeps its files (default: madrox in the platform's data directory)", valueHint: 'DIR' },
  'log-level': { type: 'string', description: 'silent, error, warn, info or debug (default info)', valueHint: 'LEVEL' },
} as const

const binding = {
  host: { type: 'string', description: 'Address to listen on; beyond loopback MADROX_SERVER_TOKEN must be set (default 127.0.0.1)', valueHint: 'HOST' },
  port: { type: 'string', description: 'Port to listen on; 0: any free one (default 8001)', valueHint: 'PORT' },
  'max-instances': { type: 'string', description: 'Living agents, at most (default 10)', valueHint: 'N' },
  'max-total-cost': { type: 'string', description: 'USD that living agents may have cost, in all (default 100)', valueHint: 'USD' },
  'retention-days': { type: 'string', description: "Days that ended agents' output and the audit are kept; 0: for ever (default 30)", valueHint: 'DAYS' },
  'child-env': { type: 'string', description: 'A further environment variable that agents receive; repeatable', valueHint: 'NAME' },
  'on-shutdown': { type: 'string', description: 'end: a stopping server ends its agents; suspend: the next one goes on with them (default end)', valueHint: 'WHAT' },
  'restart-strategy': { type: 'string', description: "Who is restarted with a client's agent that died again: one_for_one, one_for_all or rest_for_one (default one_for_one)", valueHint: 'STRATEGY' },
  'max-restarts': { type: 'string', description: "Restarts of a client's agents within the window; the next death stands (default 3)", valueHint: 'N' },
  'restart-window-seconds': { type: 'string', description: 'Length of that window (default 60)', valueHint: 'S' },
  durability: { type: 'string', description: 'normal: survives a kill; full: a loss of power too (default normal)', valueHint: 'LEVEL' },
} as const

/**
 * The options as given: unknown ones, missing values and stray words are refused, and a repeated option keeps all its values,
 * none of which citty does.
 */
function parse(rawArgs: readonly string[], known: ArgsDef): Readonly<Record<string, (string | boolean)[] | undefined>> {
  const options = Object.fromEntries(Object.entries(known).map(([name, { type }]) => [name, { type: type === 'boolean' ? ('boolean' as const) : ('string' as const), multiple: true }]))
  const { values } = parseArgs({ args: [...rawArgs], options, strict: true, allowPositionals: false })
  return values as Record<string, (string | boolean)[] | undefined> // every option is `multiple`
}

function configOf(rawArgs: readonly string[], known: ArgsDef): Config {
  const given = parse(rawArgs, known)
  const last = (name: string): string | boolean | undefined => given[name]?.at(-1)
  return loadConfig({
    home: last('home'), host: last('host'), port: last('port'), logLevel: last('log-level'), maxInstances: last('max-instances'), maxTotalCost: last('max-total-cost'), retentionDays: last('retention-days'), durability: last('durability'), onShutdown: last('on-shutdown'), restartStrategy: last('restart-strategy'), maxRestarts: last('max-restarts'), restartWindowSeconds: last('restart-window-seconds'), childEnv: given['child-env'],
  }, process.env)
}

const serve = defineCommand({
  meta: { name: 'madrox serve', description: 'Run the server: MCP at /mcp, inspector at /, health at /health' },
  args: { ...shared, ...binding },
  run: async ({ rawArgs }) => {
    const config = configOf(rawArgs, { ...shared, ...binding })
    const log = createLog(config.logLevel)
    // Whoever read our stderr may go away; agents are not to die of a log line nobody reads.
    process.stderr.on('error', () => {})
    const stopped = stopSignal() // whoever reads the address may stop the server at once
    const server = await startServer(config, log)
    log.info(`Madrox listens at ${server.url} (MCP at ${server.url}/mcp, inspector at ${server.url}/), its files are in ${config.home}`)
    await stopped
    log.info(config.onShutdown === 'end' ? 'ending every agent' : 'suspending every agent')
    await server.close()
    process.exit(0)
  },
})

async function startServer(config: Config, log: Log): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { isLoopbackHost } = await import('./transports/guard.ts')
  const loopback = isLoopbackHost(config.host)
  if (!loopback && config.token === undefined) {
    throw new MadroxError('invalid_input', `${config.host} is reached over the network, and no token is set.`, { remedy: 'Set MADROX_SERVER_TOKEN (16 characters or more), or listen on 127.0.0.1.' })
  }
  const [{ createMadrox }, { serveHttp }, { instructions }] = await Promise.all([import('./index.ts'), import('./transports/http.ts'), import('./tools/instructions.ts')])
  const madrox = await createMadrox({
    home: config.home, env: process.env, childEnv: config.childEnv, claudeBin: config.claudeBin, codexBin: config.codexBin, durability: config.durability,
    limits: { maxInstances: config.maxInstances, maxTotalCost: config.maxTotalCost }, retentionDays: config.retentionDays, willServe: true, supervision: { strategy: config.restartStrategy, maxRestarts: config.maxRestarts, withinMs: config.restartWindowSeconds * 1000 }, rolesDir: join(config.home, 'prompts'), log, ...(config.token ? { ownerTokens: { local: config.token } } : {}),
  })
  try {
    const http = await serveHttp({ system: madrox.system, tools: madrox.tools, host: config.host, port: config.port, log, instructions })
    // Agents are on this machine, whatever the server listens on besides.
    madrox.announce(`http://${loopback ? new URL(http.url).host : `127.0.0.1:${http.port}`}/mcp`)
    return {
      url: http.url,
      close: async () => {
        // Agents first: on their way out they still talk to this server.
        await madrox.close(config.onShutdown)
        await http.close()
      },
    }
  } catch (error) {
    await madrox.close()
    throw error
  }
}

function stopSignal(): Promise<void> {
  return new Promise(resolve => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => resolve())
  })
}

const proxying = { ...shared, url: { type: 'string', description: 'A server, e.g. http://127.0.0.1:8001 (default: the one of the home)', valueHint: 'URL' } } as const

const stdio = defineCommand({
  meta: { name: 'madrox stdio', description: 'Speak MCP on stdin and stdout, by way of the running server; starts one if there is none' },
  args: proxying,
  run: async ({ args, rawArgs }) => {
    const config = configOf(rawArgs, proxying)
    const log = createLog(config.logLevel)
    if (args.url !== undefined && !(/^https?:/.test(args.url) && URL.canParse(args.url))) throw new MadroxError('invalid_input', `--url ${args.url} is not the address of a server.`, { remedy: 'Give one like http://127.0.0.1:8001.' })
    const url = args.url ?? (await findOrStartServer(config))
    // An agent that starts the proxy is that agent; a person is the owner.
    const token = process.env['MADROX_TOKEN'] ?? config.token
    const { proxyStdio } = await import('./transports/stdio.ts')
    await proxyStdio({ url: url.endsWith('/mcp') ? url : `${url.replace(/\/$/, '')}/mcp`, cwd: process.cwd(), input: process.stdin, output: process.stdout, log, ...(token ? { token } : {}) })
    process.exit(0)
  },
})

/** 503 is said by a server that cannot write: it is there, and says so itself. */
const isUp = (url: string): Promise<boolean> => fetch(new URL('/health', url)).then(({ ok, status }) => ok || status === 503, () => false) // not reached is the answer

/** Given up on a server that somebody else is starting. Milliseconds. */
const startMs = 15_000

async function findOrStartServer(config: Config): Promise<string> {
  makeHome(config.home)
  const known = readHolder(config.home)?.url
  if (known && (await isUp(known))) return known
  const logFile = join(config.home, 'server.log')
  const output = openSync(logFile, 'a', 0o600)
  // Whoever comes later finds it by its home, so any port will do, unless one is asked for.
  const port = process.env['ORCHESTRATOR_PORT'] === undefined ? 0 : config.port
  const args = [fileURLToPath(import.meta.url), 'serve', '--home', config.home, '--host', config.host, '--port', String(port), '--log-level', config.logLevel]
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', output, output] })
  child.unref()
  const url = await untilUp(config, () => child.exitCode !== null || child.signalCode !== null)
  if (url) return url
  const lastWords = readFileSync(logFile, 'utf8').trimEnd().split('\n').at(-1)
  throw new MadroxError('unavailable', `The server could not be started: ${lastWords}`, { remedy: `Its log is ${logFile}.` })
}

/** Another process starts it, ours or one that was quicker: there is nothing to listen to but its address. */
async function untilUp(config: Config, hasFailed: () => boolean): Promise<string | undefined> {
  for (const giveUpAt = Date.now() + startMs; Date.now() < giveUpAt; ) {
    const holder = readHolder(config.home)
    if (holder?.url && (await isUp(holder.url))) return holder.url
    // Ours has ended, and nobody else has the home: nobody will come.
    if (hasFailed() && !(holder && isAlive(holder.pid))) return undefined
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // another user's; kill throws system errors only
  }
}

const showing = {
  real: { type: 'boolean', description: 'With the real CLIs found on this machine. This spends money.' },
  keep: { type: 'boolean', description: 'Leave the server and the team running' },
} as const

const demo = defineCommand({
  meta: { name: 'madrox demo', description: 'Watch a three-level team at work: spawned, delegated to, answered, interrupted, ended' },
  args: showing,
  run: async ({ args, rawArgs }) => {
    parse(rawArgs, showing)
    const { runDemo } = await import('./demo.ts')
    process.exit(await runDemo({ real: args.real === true, keep: args.keep === true, env: process.env, cli: fileURLToPath(import.meta.url) }))
  },
})

const subCommands = { serve, stdio, demo, attach }

const main = defineCommand({
  meta: { name: 'madrox', version, description: 'Teams of AI coding agents, as actors, behind MCP' },
  subCommands,
})

/** Exit codes: 0 done, 1 refused or failed, 2 not understood. */
async function run(rawArgs: string[]): Promise<void> {
  if (rawArgs[0] === '--version' || rawArgs[0] === '-v') {
    process.stdout.write(`${version}\n`)
    process.exit(0)
  }
  const wantsHelp = rawArgs.includes('--help') || rawArgs.includes('-h')
  if (rawArgs.length === 0 || wantsHelp) {
    print(process.stdout, await usageOf(rawArgs[0]))
    process.exit(wantsHelp ? 0 : 2)
  }
  try {
    await runCommand(main, { rawArgs })
  } catch (error) {
    const { message, remedy } = toWireError(error)
    // citty's word for an unknown command, and Node's for options that do not fit.
    const misunderstood = error instanceof Error && (error.name === 'CLIError' || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')))
    const text = misunderstood ? `${error.message.replace(/\.?$/, '.')} See madrox ${rawArgs[0] !== undefined && rawArgs[0] in subCommands ? `${rawArgs[0]} ` : ''}--help.` : remedy ? `${message} ${remedy}` : message
    print(process.stderr, `madrox: ${text}`)
    process.exit(misunderstood ? 2 : 1)
  }
}

function usageOf(command: string | undefined): Promise<string> {
  if (command === 'serve') return renderUsage(serve)
  if (command === 'stdio') return renderUsage(stdio)
  if (command === 'attach') return renderUsage(attach)
  return command === 'demo' ? renderUsage(demo) : renderUsage(main)
}

/** Colours are for people: citty puts them in whoever reads. */
const print = (to: NodeJS.WriteStream, text: string): void => void to.write(`${to.isTTY ? text : stripVTControlCharacters(text)}\n`)

await run(process.argv.slice(2))
