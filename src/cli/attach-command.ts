/** The `attach` command as it is written: its words, options and help. What it does is loaded when it is asked for. */

import { parseArgs } from 'node:util'
import { defineCommand } from 'citty'
import { loadConfig } from '../config.ts'
import { MadroxError } from '../errors.ts'
import { readHolder } from '../store/lock.ts'
import { parsePrefix } from './keys.ts'

export const attach = defineCommand({
  meta: {
    name: 'madrox attach',
    description: "Look at an agent's terminal, live. Ctrl-\\ c takes control: what you type is the agent's, and messages to it wait. Ctrl-\\ r releases it, Ctrl-\\ x clears what you typed and releases it, Ctrl-\\ d detaches; the agent runs on",
  },
  args: {
    reference: { type: 'positional', description: 'The agent: its name, its id, or the beginning of its id', valueHint: 'REF' },
    url: { type: 'string', description: 'A server, e.g. http://127.0.0.1:8001 (default: the one of the home)', valueHint: 'URL' },
    home: { type: 'string', description: "Where Madrox keeps its files (default: madrox in the platform's data directory)", valueHint: 'DIR' },
    'read-only': { type: 'boolean', description: 'Only look: control cannot be taken' },
    'detach-key': { type: 'string', description: 'The key before d, c, r and x; twice, it is sent to the agent (default ctrl-\\)', valueHint: 'KEY' },
  },
  run: async ({ rawArgs }) => {
    const { values, positionals } = parseArgs({
      args: rawArgs, allowPositionals: true,
      options: { url: { type: 'string' }, home: { type: 'string' }, 'read-only': { type: 'boolean' }, 'detach-key': { type: 'string' } },
    })
    const [reference, ...more] = positionals
    if (reference === undefined || more.length > 0) throw new MadroxError('invalid_input', 'madrox attach takes one agent.', { remedy: 'Name it: madrox attach REF.' })
    const config = loadConfig({ home: values.home }, process.env)
    const url = values.url ?? readHolder(config.home)?.url
    if (url === undefined) throw new MadroxError('unavailable', `No Madrox server runs for ${config.home}.`, { remedy: 'Start one with madrox serve, or name one with --url or --home.' })
    if (!/^https?:/.test(url) || !URL.canParse(url)) throw new MadroxError('invalid_input', `--url ${url} is not the address of a server.`, { remedy: 'Give one like http://127.0.0.1:8001.' })
    const { runAttach } = await import('./attach.ts')
    // An agent that attaches is that agent; a person is the owner.
    const token = process.env['MADROX_TOKEN'] ?? config.token
    const lastLine = await runAttach({
      url, reference, readOnly: values['read-only'] === true, prefix: parsePrefix(values['detach-key'] ?? 'ctrl-\\'), stdin: process.stdin, stdout: process.stdout,
      ...(token ? { token } : {}),
    })
    process.stdout.write(`${lastLine}\n`)
    process.exit(0)
  },
})
