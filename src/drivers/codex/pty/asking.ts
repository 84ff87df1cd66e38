/**
 * How an interactive codex asks for approval: by its own `PermissionRequest` hook, a command that waits for our answer. It runs
 * before any dialog would be drawn, so nothing is ever typed for an approval. Measured on codex-cli 0.169.0.
 */

import { z } from 'zod'
import type { Rpc } from '../rpc.ts'

/** What the command of the hook is given on its standard input, and hands on. */
export const permissionBodySchema = z.looseObject({ hook_event_name: z.literal('PermissionRequest'), tool_name: z.string(), tool_input: z.unknown() })
export type PermissionBody = z.infer<typeof permissionBodySchema>

/** A day: a request may wait for a person. Past it, codex draws its dialog. Seconds. */
const timeoutS = 86_400

export interface Asking {
  /** A program that posts its input, and writes what comes back. */
  readonly program: string
  readonly url: string
  readonly token: string
}

export const hookUrlVariable = 'MADROX_HOOK_URL'
/** Begins like the variable of the agent's credential, which is kept from its commands with all that begin so. */
export const hookTokenVariable = 'MADROX_TOKEN_OF_HOOKS'

const hooksResult = z.object({ data: z.array(z.object({ hooks: z.array(z.looseObject({ key: z.string() })) })) })

/**
 * The table `hooks` of an agent that asks. Codex runs hooks that a person has looked at, or all of them: so it is told to run all, and
 * those of the user and of the folder are switched off. Undefined: the server is gone, or does not say which there are.
 */
export async function toHooks(rpc: Rpc, cwd: string, { program }: Asking): Promise<object | undefined> {
  const listed = await rpc.request('hooks/list', { cwds: [cwd] }, hooksResult)
  if (!listed.ok) return undefined
  const others = listed.value.data.flatMap(({ hooks }) => hooks.map(({ key }) => [key, { enabled: false }]))
  const command = [process.execPath, program].map(toShellWord).join(' ')
  return { PermissionRequest: [{ hooks: [{ type: 'command', command, timeout: timeoutS }] }], state: Object.fromEntries(others) }
}

export function describePermission({ tool_name: tool, tool_input: input }: PermissionBody): { readonly tool: string; readonly detail: string } {
  const command = commandSchema.safeParse(input).data
  // Hooks know codex's shell by a name of its own.
  return { tool: tool === 'Bash' ? 'exec_command' : tool, detail: command ? [command.command, command.description].filter(Boolean).join('\n') : JSON.stringify(input ?? {}) }
}
const commandSchema = z.object({ command: z.string(), description: z.string().nullish() })

const toShellWord = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
