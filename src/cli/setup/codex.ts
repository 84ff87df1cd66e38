/**
 * Codex: a table at the end of its `config.toml`. `codex mcp add` cannot say what Madrox needs: that a turn waits for its tools, that
 * they are not asked about one by one, and that a wait may be long. All that is in the file stays as it is.
 */

import { chmodSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { parse, stringify } from 'smol-toml'
import { codeOf, MadroxError, wordsOf } from '../../errors.ts'
import { asEntry, describeFound, type Entry, entryName, type Plan, sameEntry } from './entry.ts'

/** @param variables what the proxy needs of Codex's environment, which hands nothing on by itself */
export function planCodex(bin: string, isThere: boolean, entry: Entry, variables: readonly string[]): Plan {
  const path = configFile()
  const wanted = { ...('url' in entry ? { url: entry.url, ...(variables[0] ? { bearer_token_env_var: variables[0] } : {}) } : { command: entry.command, args: [...entry.args], ...(variables.length > 0 ? { env_vars: [...variables] } : {}) }), required: true, default_tools_approval_mode: 'approve', tool_timeout_sec: 86_400 }
  const block = stringify({ mcp_servers: { [entryName]: wanted } }).trim()
  const register = (): Promise<void> => Promise.resolve(append(path, block, wanted))
  if (!isThere) return { client: 'codex', status: 'no_cli', how: `"${bin}" was not found. Install it, or set MADROX_CODEX_BIN`, register }
  const found = asEntry(asEntry(read(path).content['mcp_servers'])?.[entryName])
  if (found === undefined) return { client: 'codex', status: 'absent', how: `add to ${path}:\n${block}`, register }
  if (sameEntry(entry, found)) return { client: 'codex', status: 'there', how: describeFound(found), register }
  return { client: 'codex', status: 'other', how: `${describeFound(found)} is registered under that name; to replace it: ${bin} mcp remove ${entryName}, then madrox setup`, register }
}

const configFile = (): string => join(process.env['CODEX_HOME'] ?? join(homedir(), '.codex'), 'config.toml')

function read(path: string): { readonly text: string; readonly content: Readonly<Record<string, unknown>> } {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
    return { text, content: parse(text) }
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return { text, content: {} }
    throw new MadroxError('unavailable', `${path} cannot be read: ${wordsOf(cause).split('\n')[0]}`, { remedy: 'Mend it: Codex would not start with it either.', cause })
  }
}

/** Whole or not at all, and in the file a link leads to. */
function append(path: string, block: string, wanted: object): void {
  const { text, content } = read(path)
  const next = `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${text === '' ? '' : '\n'}${block}\n`
  const expected = { ...content, mcp_servers: { ...asEntry(content['mcp_servers']), [entryName]: wanted } }
  // A file that writes its servers in one line takes no further table.
  if (!isDeepStrictEqual(plain(understood(next)), plain(expected))) throw new MadroxError('unavailable', `${path} cannot be added to safely.`, { remedy: `Add it by hand:\n${block}` })
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const real = text === '' ? path : realpathSync(path)
  const draft = `${real}.madrox-${process.pid}`
  writeFileSync(draft, next, { mode: 0o600 })
  if (text !== '') chmodSync(draft, statSync(real).mode)
  renameSync(draft, real)
}

function understood(text: string): unknown {
  try {
    return parse(text)
  } catch {
    return undefined // then it is not as expected, which is said
  }
}

/** TOML's own objects (dates, tables without a prototype) as data. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))
