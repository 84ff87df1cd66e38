/**
 * `madrox complete`: completion for shells, by @bomb.sh/tab. A shell calls it at each Tab, so that it loads no more than the command
 * at hand, and asks the server for the names of agents no longer than a person would wait. The scripts that call it are of its own,
 * in `completions`: the library's bash script needs the package bash-completion and expands what is offered as code (`compgen -W`), and its
 * zsh script leaves it unquoted on the line, where the names of agents are words of theirs.
 */

import { readFileSync } from 'node:fs'
import tab, { type Complete } from '@bomb.sh/tab'
import { type ArgsDef, type CommandDef, defineCommand } from 'citty'
import { callTool, readPath } from './calling.ts'
import { commands } from './commands.ts'
import { serverOf } from './command.ts'
import { Misunderstood } from './exit.ts'
import { listOf } from './output.ts'
import { restartPolicies } from '../restarts.ts'

const shells = ['bash', 'zsh', 'fish'] as const

export const complete = defineCommand({
  meta: { name: 'madrox complete', description: 'Completion for bash, zsh and fish. In bash: source <(madrox complete bash)' },
  args: { shell: { type: 'positional', required: false, valueHint: '[SHELL]', description: shells.join(', ') } },
  run: async ({ rawArgs }) => {
    const [shell, ...words] = rawArgs
    if (shell === '--') return answer(words)
    if (words.length > 0 || !shells.some(known => known === shell)) throw new Misunderstood(`Give one of ${shells.join(', ')}.`)
    process.stdout.write(readFileSync(new URL(`../../completions/madrox.${shell}`, import.meta.url), 'utf8'))
  },
}) as CommandDef // the table knows no command's own options

/** Words that stand for something known, by what usage texts call them; and values of options. */
type Values = Readonly<Record<string, () => Promise<readonly string[]>>>

const fixed = (...values: readonly string[]) => (): Promise<readonly string[]> => Promise.resolve(values)

const words: Values = { AGENT: agentNames, TOOL: () => import('./tool-options.ts').then(({ toolNames }) => toolNames()), CLIENT: fixed('claude', 'codex'), ID: approvalIds, shell: fixed(...shells) }

const options: Values = {
  'parent-instance-id': agentNames, role: roleNames, harness: fixed('claude', 'codex', 'scripted', 'claude-stream', 'codex-pty', 'scripted-pty'), then: fixed('hold', 'continue', 'clear'), type: fixed('output', 'instance', 'communication', 'terminal'),
  workspace: fixed('auto', 'isolated', 'shared', 'worktree'), restart: fixed(...restartPolicies), toolset: fixed('leaf', 'supervisor'), 'log-level': fixed('silent', 'error', 'warn', 'info', 'debug'),
}

async function answer(said: readonly string[]): Promise<void> {
  const name = said.length > 1 ? said[0] : undefined
  const load = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined
  // Of the other commands nothing is asked but that they are there.
  const wanted = load && name !== undefined ? [[name, await load()] as const] : await Promise.all(Object.entries(commands).map(async ([each, loaded]) => [each, await loaded()] as const))
  for (const [each, command] of wanted) await declare(each, command, load !== undefined)
  tab.parse([...said])
  process.exit(0)
}

async function declare(name: string, { meta, args = {} }: CommandDef, whole: boolean): Promise<void> {
  const { description = '' } = (await resolved(meta)) ?? {}
  const declared = tab.command(name, description)
  if (!whole) return
  for (const [arg, { type, description: about = '' }] of Object.entries((await resolved(args)) as ArgsDef)) { // as every command here declares them
    if (type === 'positional') declared.argument(arg, tellAll(await valuesOf(words, arg)), true)
    else if (type === 'boolean') declared.option(arg, about)
    else declared.option(arg, about, tellAll(await valuesOf(options, arg)))
  }
}

const resolved = async <T>(value: T | Promise<T> | (() => T | Promise<T>)): Promise<T> => (typeof value === 'function' ? (value as () => T | Promise<T>)() : value) // citty's own form of what may be made later

const valuesOf = (from: Values, name: string): Promise<readonly string[]> => (Object.hasOwn(from, name) ? (from[name]?.() ?? Promise.resolve([])) : Promise.resolve([]))

const tellAll = (values: readonly string[]) => (tell: Complete): void => values.forEach(value => tell(value, ''))

/** A server that is not there, or slow, has no names to give. Milliseconds. */
const patienceMs = 1_000

function agentNames(): Promise<readonly string[]> {
  return namesIn('name', async signal => (await readPath(await serverOf({}), '/instances', signal))['instances'])
}

/** A person's own among them. */
function roleNames(): Promise<readonly string[]> {
  return namesIn('name', async signal => (await callTool(await serverOf({}), 'list_roles', {}, { signal }))['roles'])
}

function approvalIds(): Promise<readonly string[]> {
  return namesIn('approval_id', async signal => (await callTool(await serverOf({}), 'list_approvals', {}, { signal, inPerson: true }))['approvals'])
}

async function namesIn(field: string, ask: (signal: AbortSignal) => Promise<unknown>): Promise<readonly string[]> {
  try {
    return listOf(await ask(AbortSignal.timeout(patienceMs))).map(each => each[field] as string) // every one has one
  } catch {
    return [] // at a Tab nobody reads an error
  }
}
