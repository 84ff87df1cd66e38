/** Claude Code: read in its configuration, written by its own `claude mcp add`. Asking it (`claude mcp get`) would start the server to see whether it works. */

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { codeOf, MadroxError, wordsOf } from '../../errors.ts'
import { asEntry, describeFound, type Entry, entryName, type Plan, sameEntry } from './entry.ts'

const run = promisify(execFile)

export function planClaude(bin: string, file: string | undefined, entry: Entry): Plan {
  const add = ['mcp', 'add', ...('url' in entry ? ['--transport', 'http', entryName, '-s', 'user', entry.url] : [entryName, '-s', 'user', '--', entry.command, ...entry.args])]
  const register = async (): Promise<void> => {
    try {
      await run(file ?? bin, add)
    } catch (cause) {
      throw new MadroxError('unavailable', `Claude Code did not take it: ${wordsOf(cause)}`, { remedy: 'See what it says, then run madrox setup again.', cause })
    }
  }
  if (file === undefined) return { client: 'claude', status: 'no_cli', how: `"${bin}" was not found. Install it, or set MADROX_CLAUDE_BIN`, register }
  const found = entryIn(stateFile())
  if (found === undefined) return { client: 'claude', status: 'absent', how: [bin, ...add].join(' '), register }
  if (sameEntry(entry, found)) return { client: 'claude', status: 'there', how: describeFound(found), register }
  return { client: 'claude', status: 'other', how: `${describeFound(found)} is registered under that name; to replace it: ${bin} mcp remove ${entryName} -s user, then madrox setup`, register }
}

const stateFile = (): string => join(process.env['CLAUDE_CONFIG_DIR'] ?? homedir(), '.claude.json')

function entryIn(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const state = asEntry(JSON.parse(readFileSync(path, 'utf8')))
    return asEntry(asEntry(state?.['mcpServers'])?.[entryName])
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined
    throw new MadroxError('unavailable', `${path} cannot be read: ${wordsOf(cause)}`, { remedy: 'Mend it: Claude Code would not start with it either.', cause })
  }
}
