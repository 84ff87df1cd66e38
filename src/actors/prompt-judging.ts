/**
 * What an agent's own isolation says to a permission prompt of its CLI. What lies within the rights it was spawned with is allowed,
 * what lies outside is denied, and what they do not tell apart is nobody's to decide here. Pure: paths come followed to their end, and
 * whoever may change the file system in between may outrun the answer; that is the sandbox's to prevent.
 */

import type { Launch, Want } from '../drivers/driver.ts'
import { escapes } from './paths.ts'
import { familyOf, freedomOf } from './rights.ts'

export type PromptLaunch = Pick<Launch, 'cwd' | 'readableDirs' | 'confinement' | 'mcpServers' | 'inheritMcp'>

/** `reason`: of a denial, what its model is told. */
export interface Judgement {
  readonly decision: 'allow' | 'deny' | 'unjudged'
  readonly reason: string
}

/** Written there, it is read by programs that nothing confines: git, editors, other agents' CLIs. */
const readByOthers = /(?:^|\/)(?:\.git|\.claude|\.codex|\.agents|\.vscode|\.idea|\.husky|\.devcontainer|\.github|\.mcp\.json|\.envrc)(?:\/|$)/i // on macOS `.GIT` is the same

const allow = (reason: string): Judgement => ({ decision: 'allow', reason })
const deny = (reason: string): Judgement => ({ decision: 'deny', reason })
const unjudged = (reason: string): Judgement => ({ decision: 'unjudged', reason })

/** All of what is wanted: one thing outside denies it, one that cannot be judged leaves it open. */
export function judgePrompt(harness: string, launch: PromptLaunch, tool: string, wants: readonly Want[] | undefined): Judgement {
  if (!wants || wants.length === 0) return unjudged(`it does not say how far ${tool} reaches`)
  const judged = wants.map(want => judgeWant(harness, launch, tool, want))
  return judged.find(({ decision }) => decision === 'deny') ?? judged.find(({ decision }) => decision === 'unjudged') ?? allow(judged.map(({ reason }) => reason).join('; '))
}

function judgeWant(harness: string, launch: PromptLaunch, tool: string, want: Want): Judgement {
  if (want.kind === 'server') return judgeServer(launch, want.server)
  const listed = toolsOf(harness, launch)
  if (listed && !listed.includes(tool)) return deny(`You may not use ${tool}: your tools are ${listed.join(', ')}. Do it with those, or ask your supervisor.`)
  const { unconfined, writes } = freedomOf({ harness, ...launch })
  switch (want.kind) {
    case 'read': return judgeRead(harness, launch, unconfined, want.paths)
    case 'write': return judgeWrite(launch, { unconfined, writes }, want.paths)
    case 'run':
      if (unconfined) return unjudged('nothing confines its commands')
      if (want.unsandboxed) return deny(`You may run commands inside your sandbox only, and this one would leave it. Do it within ${launch.cwd}, or ask your supervisor to run it.`)
      return writes ? allow('its sandbox confines the command') : unjudged('it may only read, and a command does not tell whether it writes')
    case 'network': return unconfined ? unjudged('nothing confines what it may reach') : deny('You are confined to your workspace and have no network. Go on without it, or ask your supervisor for what you need from there.')
    case 'tool': return listed ? allow(`${tool} is one of its tools`) : unjudged(`nobody has said whether it may use ${tool}`)
  }
}

/** The CLI's own tools it was given, without what a rule says of their arguments. Codex knows no such list. */
const toolsOf = (harness: string, { confinement: { allowedTools } }: PromptLaunch): readonly string[] | undefined =>
  familyOf(harness) === 'codex' ? undefined : allowedTools?.map(name => name.replace(/\(.*$/s, ''))

function judgeServer({ mcpServers, inheritMcp }: PromptLaunch, server: string): Judgement {
  if (server === 'madrox') return allow("it is Madrox's own tool")
  return Object.hasOwn(mcpServers, server) || inheritMcp ? allow(`it was given the MCP server ${server}`) : deny(`You were not given the MCP server "${server}". Go on without it, or ask your supervisor.`)
}

/** Codex's sandboxes bound writing alone. */
function judgeRead(harness: string, { cwd, readableDirs }: PromptLaunch, unconfined: boolean, paths: readonly string[]): Judgement {
  if (unconfined || familyOf(harness) === 'codex') return allow('it may read anywhere')
  const outside = paths.find(path => [cwd, ...readableDirs].every(dir => escapes(dir, path)))
  return outside === undefined ? allow('it reads where it may') : deny(`You may read inside ${[cwd, ...readableDirs].join(' and ')} only, and ${outside} lies outside. Ask your supervisor for what you need from there.`)
}

function judgeWrite({ cwd }: PromptLaunch, { unconfined, writes }: { readonly unconfined: boolean; readonly writes: boolean }, paths: readonly string[]): Judgement {
  if (!writes) return deny('You may only read and not write anything. Say in your answer what should be written, and leave it to others.')
  const outside = paths.find(path => escapes(cwd, path))
  if (outside !== undefined) return unconfined ? unjudged(`${outside} lies outside its workspace, and nothing confines it to that`) : deny(`You may write inside your workspace ${cwd} only, and ${outside} lies outside. Write it there, or ask your supervisor to put it in its place.`)
  const special = paths.find(path => readByOthers.test(path.slice(cwd.length)))
  return special === undefined ? allow('it writes inside its workspace') : unjudged(`${special} is read by programs outside its confinement`)
}
