#!/usr/bin/env node
/**
 * The composition root: the only place that reads arguments, environment and signals, and that exits. What a command needs is
 * loaded by it: Codex waits one second for `madrox stdio`, and the server's modules alone take half of it.
 */

import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { defineCommand, runCommand, showUsage } from 'citty'
import { type Config, loadConfig } from './config.ts'
import { MadroxError, toWireError } from './errors.ts'
import { createLog, type Log } from './log.ts'
import { readHolder } from './store/lock.ts'

const shared = {
  home: { type: 'string', description: 'Where Madrox keeps its files', valueHint: 'DIR' },
  'log-level': { type: 'string', description: 'silent, error, warn, info or debug', valueHint: 'LEVEL' },
} as const

const binding = {
  host: { type: 'string', description: 'Address to listen on (default 127.0.0.1)', valueHint: 'HOST' },
  port: { type: 'string', description: 'Port to listen on; 0: any free one (default 8001)', valueHint: 'PORT' },
  'max-instances': { type: 'string', description: 'Living agents, at most (default 10)', valueHint: 'N' },
  'child-env': { type: 'string', description: 'A further environment variable that agents receive; repeatable', valueHint: 'NAME' },
} as const

/** citty keeps the last of a repeated option; this reads all of them. */
function allOf(rawArgs: readonly string[], option: string): string[] | undefined {
  const { values } = parseArgs({ args: [...rawArgs], options: { [option]: { type: 'string', multiple: true } }, strict: false })
  const given = values[option]
  return Array.isArray(given) ? given.map(String) : undefined
}

function configOf(args: Readonly<Record<string, unknown>>, rawArgs: readonly string[]): Config {
  const { home, host, port } = args
  return loadConfig({ home, host, port, logLevel: args['log-level'], maxInstances: args['max-instances'], childEnv: allOf(rawArgs, 'child-env') }, process.env)
}

const serve = defineCommand({
  meta: { name: 'serve', description: 'Run the server: MCP at /mcp, health at /health' },
  args: { ...shared, ...binding },
  run: async ({ args, rawArgs }) => {
    const config = configOf(args, rawArgs)
    const log = createLog(config.logLevel)
    // Whoever read our stderr may go away; agents are not to die of a log line nobody reads.
    process.stderr.on('error', () => {})
    const server = await startServer(config, log)
    log.info(`Madrox listens at ${server.url} (MCP at ${server.url}/mcp), its files are in ${config.home}`)
    await stopSignal()
    log.info('ending every agent')
    await server.close()
    process.exit(0)
  },
})

async function startServer(config: Config, log: Log): Promise<{ readonly url: string; close(): Promise<void> }> {
  const loopback = ['127.0.0.1', 'localhost', '::1'].includes(config.host)
  if (!loopback && config.token === undefined) {
    throw new MadroxError('invalid_input', `${config.host} is reached over the network, and no token is set.`, { remedy: 'Set MADROX_SERVER_TOKEN (16 characters or more), or listen on 127.0.0.1.' })
  }
  const [{ createMadrox }, { serveHttp }, { instructions }] = await Promise.all([import('./index.ts'), import('./transports/http.ts'), import('./tools/instructions.ts')])
  const madrox = await createMadrox({
    home: config.home, env: process.env, childEnv: config.childEnv, claudeBin: config.claudeBin, codexBin: config.codexBin, durability: config.durability,
    limits: { maxInstances: config.maxInstances }, log, ...(config.token ? { ownerTokens: { local: config.token } } : {}),
  })
  try {
    const http = await serveHttp({ system: madrox.system, tools: madrox.tools, host: config.host, port: config.port, log, instructions })
    // Agents are on this machine, whatever the server listens on besides.
    madrox.announce(`http://${loopback ? new URL(http.url).host : `127.0.0.1:${http.port}`}/mcp`)
    return {
      url: http.url,
      close: async () => {
        // Agents first: on their way out they still talk to this server.
        await madrox.close()
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

const stdio = defineCommand({
  meta: { name: 'stdio', description: 'Speak MCP on stdin and stdout, by way of the running server; starts one if there is none' },
  args: { ...shared, url: { type: 'string', description: 'The server, e.g. http://127.0.0.1:8001', valueHint: 'URL' } },
  run: async ({ args, rawArgs }) => {
    const config = configOf(args, rawArgs)
    const log = createLog(config.logLevel)
    const url = args.url ?? (await findOrStartServer(config))
    // An agent that starts the proxy is that agent; a person is the owner.
    const token = process.env['MADROX_TOKEN'] ?? config.token
    const { proxyStdio } = await import('./transports/stdio.ts')
    await proxyStdio({ url: url.endsWith('/mcp') ? url : `${url.replace(/\/$/, '')}/mcp`, cwd: process.cwd(), input: process.stdin, output: process.stdout, log, ...(token ? { token } : {}) })
    process.exit(0)
  },
})

const isUp = (url: string): Promise<boolean> => fetch(new URL('/health', url)).then(response => response.ok, () => false) // not reached is the answer

async function findOrStartServer(config: Config): Promise<string> {
  const known = readHolder(config.home)?.url
  if (known && (await isUp(known))) return known
  const output = openSync(join(config.home, 'server.log'), 'a', 0o600)
  const args = [fileURLToPath(import.meta.url), 'serve', '--home', config.home, '--host', config.host, '--port', String(config.port)]
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', output, output] })
  const failed = new Promise<never>((_, reject) => {
    child.on('exit', code => reject(new MadroxError('unavailable', `The server could not be started (exit code ${code}).`, { remedy: `See ${join(config.home, 'server.log')}.` })))
  })
  child.unref()
  return Promise.race([untilUp(config), failed])
}

/** Another process starts it: there is nothing to listen to but its address. */
async function untilUp(config: Config): Promise<string> {
  for (;;) {
    const url = readHolder(config.home)?.url
    if (url && (await isUp(url))) return url
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

const demo = defineCommand({
  meta: { name: 'demo', description: 'Watch a three-level team at work: spawned, delegated to, answered, interrupted, ended' },
  args: {
    real: { type: 'boolean', description: 'With the real CLIs found on this machine. This spends money.' },
    keep: { type: 'boolean', description: 'Leave the server and the team running' },
  },
  run: async ({ args }) => {
    const { runDemo } = await import('./demo.ts')
    process.exit(await runDemo({ real: args.real === true, keep: args.keep === true, env: process.env, cli: fileURLToPath(import.meta.url) }))
  },
})

const main = defineCommand({
  meta: { name: 'madrox', description: 'Teams of AI coding agents, as actors, behind MCP' },
  subCommands: { serve, stdio, demo },
})

/** Exit codes: 0 done, 1 refused or failed, 2 not understood. */
async function run(rawArgs: string[]): Promise<void> {
  const wantsHelp = rawArgs.includes('--help') || rawArgs.includes('-h')
  if (rawArgs.length === 0 || wantsHelp) {
    await showUsageOf(rawArgs[0])
    process.exit(wantsHelp ? 0 : 2)
  }
  try {
    await runCommand(main, { rawArgs })
  } catch (error) {
    const { message, remedy } = toWireError(error)
    const misunderstood = error instanceof Error && error.name === 'CLIError' // citty's own: an unknown command or option
    const text = misunderstood ? error.message : remedy ? `${message} ${remedy}` : message
    process.stderr.write(`madrox: ${text}\n`)
    process.exit(misunderstood ? 2 : 1)
  }
}

function showUsageOf(command: string | undefined): Promise<void> {
  if (command === 'serve') return showUsage(serve)
  if (command === 'stdio') return showUsage(stdio)
  return command === 'demo' ? showUsage(demo) : showUsage(main)
}

await run(process.argv.slice(2))
