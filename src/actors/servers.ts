/**
 * The MCP servers an agent is given beside Madrox, asked for by definition or by the name of a preset. Only what was asked for is
 * kept with the agent; a preset becomes a server when the agent's process is started, so that what variables hold stands in no
 * record. What cannot be started is refused before anything is.
 */

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { type McpServer, mcpServerSchema } from '../drivers/driver.ts'
import { codeOf, MadroxError, wordsOf } from '../errors.ts'
import { mcpPresets, type Preset } from '../mcp-presets.ts'
import { nearest } from '../nearest.ts'

const presetAskedSchema = z.object({ type: z.literal('preset'), preset: z.string().min(1), args: z.array(z.string()).default([]), env: z.record(z.string(), z.string()).default({}) })

/** A server as it is asked for. `args` and `env` are the caller's own, added to the preset's as they are. */
export const serverAskedSchema = z.discriminatedUnion('type', [...mcpServerSchema.options, presetAskedSchema])
export type ServerAsked = z.output<typeof serverAskedSchema>
export type ServersAsked = Readonly<Record<string, ServerAsked>>

export interface ServersOptions {
  /** `$MADROX_HOME`: a user's own presets are in its `mcp.json`. */
  readonly home: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where an executable is, as an agent's PATH has it. */
  readonly findExecutable: (name: string) => string | undefined
}

export interface Servers {
  /** @throws MadroxError `invalid_input` (no such preset, a broken `mcp.json`), `unavailable` (a variable or a command is missing) */
  check(asked: ServersAsked): void
  /** As the driver takes them. What has gone since it was checked is left out, and told. */
  resolve(asked: ServersAsked, workspace: string): { readonly servers: Readonly<Record<string, McpServer>>; readonly lost: readonly string[] }
  /** One of them serves what its client may only read, to write as well. */
  followRoots(asked: ServersAsked): boolean
}

type Server = Preset['server']

export function createServers(options: ServersOptions): Servers {
  const find = (name: string): Preset => {
    const known = { ...mcpPresets, ...readOwn(options.home) }
    const preset = Object.hasOwn(known, name) ? known[name] : undefined
    if (preset) return preset
    const near = nearest(name, Object.keys(known))
    throw new MadroxError('invalid_input', `There is no MCP preset "${name}".`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}Presets: ${Object.keys(known).join(', ')}; or give a definition.`, data: { preset: name } })
  }
  const checkOne = (name: string, asked: ServerAsked): void => {
    const server = asked.type === 'preset' ? find(asked.preset).server : asked
    const given = asked.type === 'preset' ? asked.env : {}
    const missing = variablesOf(server, given).filter(variable => !options.env[variable])
    if (missing.length > 0) throw new MadroxError('unavailable', `The MCP server "${name}" needs ${missing.join(' and ')}, which the environment of Madrox does not have.`, { remedy: `Set ${missing.length > 1 ? 'them' : 'it'} where the Madrox server is started, and start it again.`, data: { server: name, missing } })
    if ('command' in server && options.findExecutable(server.command) === undefined) throw new MadroxError('unavailable', `The MCP server "${name}" is started by ${server.command}, which is not there.`, { remedy: `Install ${server.command}, or put it on the PATH of the Madrox server.`, data: { server: name, command: server.command } })
  }
  const resolveOne = (asked: ServerAsked, workspace: string): McpServer => {
    if (asked.type !== 'preset') return asked
    const { server } = find(asked.preset)
    const fill = (text: string): string => fillIn(text, options, workspace)
    if ('url' in server) return { type: 'http', url: fill(server.url), headers: mapValues(server.headers, fill) }
    // The caller's own are not filled in: a variable of the server's is not the caller's to read.
    const own = Object.fromEntries(Object.entries(server.env ?? {}).filter(([name]) => !Object.hasOwn(asked.env, name)))
    return { type: 'stdio', command: server.command, args: [...server.args.map(fill), ...asked.args], env: { ...mapValues(own, fill), ...asked.env } }
  }
  return {
    check: asked => Object.entries(asked).forEach(([name, server]) => checkOne(name, server)),
    resolve: (asked, workspace) => {
      const lost: string[] = []
      const servers = Object.entries(asked).flatMap(([name, server]) => {
        try {
          checkOne(name, server)
          return [[name, resolveOne(server, workspace)] as const]
        } catch (error) {
          lost.push(wordsOf(error))
          return []
        }
      })
      return { servers: Object.fromEntries(servers), lost }
    },
    followRoots: asked => Object.values(asked).some(server => server.type === 'preset' && Object.hasOwn(mcpPresets, server.preset) && mcpPresets[server.preset]?.followsRoots === true),
  }
}

const texts = z.record(z.string(), z.string())
const ownServerSchema = z.union([z.object({ command: z.string().min(1), args: z.array(z.string()).default([]), env: texts.optional() }), z.object({ url: z.url(), headers: texts.optional() })])
const ownSchema = z.object({ mcpServers: z.record(z.string(), ownServerSchema) })

/** The form in which Claude Code and others keep theirs. */
function readOwn(home: string): Readonly<Record<string, Preset>> {
  const path = join(home, 'mcp.json')
  const broken = (why: string): MadroxError => new MadroxError('invalid_input', `${path} cannot be used: ${why}.`, { remedy: 'Correct it: {"mcpServers": {"name": {"command": …, "args": […], "env": {…}} or {"url": …, "headers": {…}}}}.' })
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return {}
    throw broken(wordsOf(error))
  }
  const parsed = ownSchema.safeParse(toData(text, broken))
  // What does not fit is named, and not shown: it may be a secret.
  if (!parsed.success) throw broken(parsed.error.issues.map(({ path: at, message }) => `${at.join('.') || 'it'}: ${message}`).join('; '))
  return mapValues(parsed.data.mcpServers, server => ({ gives: "the user's own", from: path, server }))
}

function toData(text: string, broken: (why: string) => MadroxError): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw broken('it is not JSON') // the parser's own words quote the text
  }
}

const variable = /\$\{(\w+)(?::-([^}]*))?\}/g

/** The variables it cannot do without. `given`: what the caller sets in their place. */
function variablesOf(server: Server | Exclude<ServerAsked, { type: 'preset' }>, given: Readonly<Record<string, string>>): string[] {
  if ('type' in server) return [] // a definition is taken as it stands
  const templates = 'url' in server ? [server.url, ...Object.values(server.headers ?? {})] : [...server.args, ...Object.entries(server.env ?? {}).flatMap(([name, value]) => (Object.hasOwn(given, name) ? [] : [value]))]
  return [...new Set(templates.flatMap(text => [...text.matchAll(variable)].flatMap(([, name, otherwise]) => (name === undefined || otherwise !== undefined ? [] : [name]))))]
}

function fillIn(template: string, { env, home }: ServersOptions, workspace: string): string {
  const filled = template.replace(variable, (_whole, name: string, otherwise: string | undefined) => env[name] || (otherwise ?? ''))
  return filled.replaceAll('{{workspace}}', () => workspace).replaceAll('{{memory}}', () => memoryFile(home, workspace))
}

/** One a workspace, outside of it: what is remembered is no part of the work. */
function memoryFile(home: string, workspace: string): string {
  const path = join(home, 'memory', `${createHash('sha256').update(workspace).digest('hex').slice(0, 16)}.jsonl`)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return path
}

const mapValues = <T, U>(record: Readonly<Record<string, T>> | undefined, map: (value: T) => U): Record<string, U> => Object.fromEntries(Object.entries(record ?? {}).map(([name, value]) => [name, map(value)]))
