/** `madrox attach`: whose terminal, of which server, and as whom. The terminal itself is `viewing.ts`. */

import { defineCommand } from 'citty'
import { MadroxError } from '../errors.ts'
import { effectiveOf, optionsFor, parseWith } from './arguments.ts'
import { parsePrefix } from './keys.ts'
import { checkUrl, findServer } from './server.ts'

const options = {
  reference: { type: 'positional', description: 'The agent: its name, its id, or the beginning of its id', valueHint: 'REF' },
  ...optionsFor(['home']),
  url: { type: 'string', description: 'A server, e.g. http://127.0.0.1:8001 (default: the one of the home)', valueHint: 'URL' },
  'read-only': { type: 'boolean', description: 'Only look: control cannot be taken' },
  'detach-key': { type: 'string', description: 'The key before d, c, r and x; pressed twice, it is sent to the agent (default ctrl-\\)', valueHint: 'KEY' },
} as const

export const attach = defineCommand({
  meta: {
    name: 'madrox attach',
    description: "Look at an agent's terminal, live. Ctrl-\\ c takes control: what you type is the agent's, and messages to it wait. Ctrl-\\ r releases it, Ctrl-\\ x clears what you typed and releases it, Ctrl-\\ d detaches; the agent runs on",
  },
  args: options,
  run: async ({ rawArgs }) => {
    const { given, words: [reference, ...more] } = parseWith(rawArgs, options, true)
    if (reference === undefined || more.length > 0) throw new MadroxError('invalid_input', 'madrox attach takes one agent.', { remedy: 'Name it: madrox attach REF.' })
    const [asked, detachKey] = [given['url']?.at(-1), given['detach-key']?.at(-1)]
    const prefix = parsePrefix(typeof detachKey === 'string' ? detachKey : 'ctrl-\\')
    const { config } = effectiveOf(given)
    const url = typeof asked === 'string' ? checkUrl(asked) : await findServer(config.home)
    if (url === undefined) throw new MadroxError('unavailable', `No Madrox server runs for ${config.home}.`, { remedy: 'Start one with madrox serve, or name one with --url or --home.' })
    // An agent that attaches is that agent; a person is the owner.
    const token = process.env['MADROX_TOKEN'] ?? config.token
    const { view } = await import('./viewing.ts')
    const lastLine = await view({ url, reference, prefix, readOnly: given['read-only'] !== undefined, stdin: process.stdin, stdout: process.stdout, ...(token ? { token } : {}) })
    process.stdout.write(`${lastLine}\n`)
    process.exit(0)
  },
})
