/** `madrox stdio`: what it proxies to, and as whom. Loads little: Codex waits one second for it. */

import { fileURLToPath } from 'node:url'
import { defineCommand } from 'citty'
import { createLog } from '../log.ts'
import { effectiveOf, optionsFor, parse } from './arguments.ts'
import { checkUrl, findOrStartServer } from './server.ts'

const options = {
  ...optionsFor(['home', 'logLevel']),
  url: { type: 'string', description: 'A server, e.g. http://127.0.0.1:8001 (default: the one of the home)', valueHint: 'URL' },
} as const

export const stdio = defineCommand({
  meta: { name: 'madrox stdio', description: 'Speak MCP on stdin and stdout, by way of the running server; starts one if there is none' },
  args: options,
  run: async ({ rawArgs }) => {
    const given = parse(rawArgs, options)
    const effective = effectiveOf(given)
    const { config } = effective
    const log = createLog(config.logLevel)
    const asked = given['url']?.at(-1)
    const url = typeof asked === 'string' ? checkUrl(asked) : await findOrStartServer(effective, fileURLToPath(new URL('../cli.js', import.meta.url)))
    // An agent that starts the proxy is that agent; a person is the owner.
    const token = process.env['MADROX_TOKEN'] ?? config.token
    const { proxyStdio } = await import('../transports/stdio.ts')
    await proxyStdio({ url: url.endsWith('/mcp') ? url : `${url.replace(/\/$/, '')}/mcp`, cwd: process.cwd(), input: process.stdin, output: process.stdout, log, ...(token ? { token } : {}) })
    process.exit(0)
  },
})
