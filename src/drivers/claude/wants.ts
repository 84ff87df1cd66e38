/** What a permission request of Claude Code 2.1.328 asks for. A tool, or an argument, that is not known here is not told: no policy judges what it does not understand. */

import { z } from 'zod'
import type { Launch, Want } from '../driver.ts'
import { toRealPaths } from '../want-paths.ts'

const file = z.object({ file_path: z.string() }).transform(input => [input.file_path])
const notebook = z.object({ notebook_path: z.string() }).transform(input => [input.notebook_path])
/** Where it looks; by itself, where the agent stands. */
const folder = z.object({ path: z.string().default('.') }).transform(input => [input.path])
/** A pattern may lead out of the folder it is looked for in. */
const glob = z.object({ path: z.string().default('.'), pattern: z.string().refine(pattern => !/^[/~]|\.\./.test(pattern)) }).transform(input => [input.path])

const reading = { Read: file, NotebookRead: notebook, Grep: folder, LS: folder, Glob: glob } as const
const writing = { Write: file, Edit: file, MultiEdit: file, NotebookEdit: notebook } as const
const shell = z.object({ command: z.string(), dangerouslyDisableSandbox: z.boolean().default(false) })

/** Those whose arguments say nothing of how far they reach; where they may be used at all is for whoever gave them. */
const plainTools = ['WebFetch', 'WebSearch', 'Task', 'Agent', 'Skill', 'TodoWrite', 'TaskStop', 'TaskOutput', 'ToolSearch']

export function toWants({ cwd, mcpServers, inheritMcp }: Pick<Launch, 'cwd' | 'mcpServers' | 'inheritMcp'>, tool: string, input: unknown): readonly Want[] | undefined {
  if (tool.startsWith('mcp__')) return toServerWants(tool, Object.keys(mcpServers), inheritMcp)
  if (tool === 'Bash') {
    const parsed = shell.safeParse(input)
    return parsed.success ? [{ kind: 'run', unsandboxed: parsed.data.dangerouslyDisableSandbox }] : undefined
  }
  if (plainTools.includes(tool)) return [{ kind: 'tool' }]
  const kind = tool in reading ? 'read' : 'write'
  const asked = { ...reading, ...writing }[tool as keyof typeof reading | keyof typeof writing]?.safeParse(input) // any other is not in there
  const paths = asked?.success ? toRealPaths(cwd, asked.data) : undefined
  return paths && [{ kind, paths }]
}

/** The CLI writes a server's name with what it takes in names of tools. */
export const toServerPrefix = (server: string): string => `mcp__${server.replace(/[^a-zA-Z0-9_-]/g, '_')}`

function toServerWants(tool: string, given: readonly string[], inherits: boolean): readonly Want[] | undefined {
  const known = ['madrox', ...given].filter(name => tool.startsWith(`${toServerPrefix(name)}__`))
  // Of two names one of which begins with the other, it is not told whose tool it is.
  if (known.length > 1) return undefined
  const server = known[0] ?? (inherits ? /^mcp__(.+?)__/.exec(tool)?.[1] : undefined)
  return server === undefined ? undefined : [{ kind: 'server', server }]
}
