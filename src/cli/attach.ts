/** `madrox attach`: whose terminal, of which server, and as whom. The terminal itself is `viewing.ts`. */

import { common, isSet, serverOf, textOf, toCommand } from './command.ts'
import { exitCodes } from './exit.ts'
import { parsePrefix } from './keys.ts'
import { print } from './output.ts'

const { json: _, ...server } = common // what is shown is a terminal

export const attach = toCommand({
  name: 'attach',
  description: "An agent's terminal in yours, live; you only look until you take control. Ctrl-\\ c takes control: what you type is the agent's, and messages to it wait. Ctrl-\\ r releases it, Ctrl-\\ x clears what you typed and releases it, Ctrl-\\ d detaches; the agent runs on",
  words: ['AGENT'],
  options: {
    ...server,
    'read-only': { type: 'boolean', description: 'Only look: control cannot be taken' },
    'detach-key': { type: 'string', description: 'The key before d, c, r and x; pressed twice, it is sent to the agent (default: ctrl-\\)', valueHint: 'KEY' },
  },
  run: async (given, [reference = '']) => {
    const prefix = parsePrefix(textOf(given, 'detach-key') ?? 'ctrl-\\')
    const { url, token } = await serverOf(given)
    const { view } = await import('./viewing.ts')
    const lastLine = await view({ url, reference, prefix, readOnly: isSet(given, 'read-only'), stdin: process.stdin, stdout: process.stdout, ...(token ? { token } : {}) })
    print(process.stdout, lastLine)
    return exitCodes.done
  },
})
