/**
 * The driver port: plain data both ways. A driver runs one harness for any number of agents; it takes commands, each naming
 * its agent, and reports facts, each with its source. It decides nothing: no retries of work, no routing, no supervision.
 * Nothing that cannot be serialised crosses, so a driver may live in this process, in a host process, or on another machine.
 *
 * Contract (held by `test/contracts/driver.ts` for every implementation):
 * - after `startAgent` comes exactly one of `ready`, `startFailed` or, when it was stopped before either, `exited`; after
 *   `startFailed` nothing of the agent is alive;
 * - after `submitPrompt` comes `promptSeen`, `promptRefused` or `promptUnconfirmed`; `promptWritten` may come before;
 * - every `promptSeen` and `turnStarted` is followed by exactly one `turnEnded` of the same turn, or by `exited`;
 * - after `interrupt` comes exactly one `interruptFinished`, behind the `turnEnded` it caused;
 * - after `recallTurn` comes exactly one `turnRecalled`, unless the agent exits first;
 * - a resumed session reports again all the usage on its record, under the same `unitId`s: a killed server may not have counted it;
 * - after `stopAgent` comes exactly one `exited`, when no process of the agent is left, and nothing of the agent behind it; the
 *   first cause of an end wins, so a start that was already failing is told as `startFailed` alone. Later commands are ignored;
 * - a process that dies by itself is reported as `exited {expected: false}`, behind everything it had said;
 * - after `useTerminal` to attach comes `terminalOutput` of that viewer, the first with the whole of what is on the screen, or
 *   `terminalClosed`; behind `terminalClosed`, or to a viewer that detached, nothing. One viewer has control at a time;
 * - after `useTerminal` to take or release control comes `controlChanged`, whether or not it changed. While it `holds`, prompts are
 *   refused `held_by_person`, and nothing a person has typed and not submitted is touched. The end of the process ends the hold.
 */

import { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'

const agentId = z.string()

/** What a confined agent gets of tools that have names, where it is given no list: enough to work in a directory, nothing that reaches beyond it. */
export const confinedTools: readonly string[] = ['Bash', 'Read', 'Edit', 'Write', 'Glob', 'Grep', 'NotebookEdit', 'ToolSearch', 'TaskStop']

/** An MCP server an agent gets beside Madrox. */
export const mcpServerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stdio'), command: z.string(), args: z.array(z.string()).default([]), env: z.record(z.string(), z.string()).default({}) }),
  z.object({ type: z.literal('http'), url: z.url(), headers: z.record(z.string(), z.string()).default({}) }),
])
export type McpServer = z.infer<typeof mcpServerSchema>

/** What confines a child. `confined`: the CLI's own permission or sandbox mode keeps it to its workspace. */
export const confinementSchema = z.object({
  bypass: z.boolean().default(false),
  /** Claude's permission mode; none: `dontAsk` when confined, `bypassPermissions` when not. */
  permissionMode: z.string().optional(),
  /** Codex's sandbox mode. */
  sandboxMode: z.enum(['read-only', 'workspace-write', 'danger-full-access']).optional(),
  /** The CLI's built-in tools the agent may use; none: the harness's default set. */
  allowedTools: z.array(z.string()).optional(),
})
export type Confinement = z.infer<typeof confinementSchema>

export const launchSchema = z.object({
  name: z.string(),
  /** Absolute, real path; exists. */
  cwd: z.string(),
  /** Further directories the agent may read (its supervisor's workspace). */
  readableDirs: z.array(z.string()).default([]),
  /** Appended to the CLI's own system prompt: role and briefing. */
  systemPrompt: z.string(),
  /** Passed through; none: the CLI's own default. */
  model: z.string().optional(),
  /** A configuration profile of the CLI (codex `-p`). */
  profile: z.string().optional(),
  /** A UUID. A fresh claude session takes it as its own; harnesses that mint their own ids report theirs in `ready`. */
  sessionId: z.string(),
  /** Return to the session of that id instead of starting one. */
  resume: z.boolean().default(false),
  /** The agent's way back into Madrox; absent where no transport serves (embedded use). */
  madrox: z.object({ url: z.url(), token: z.string() }).optional(),
  mcpServers: z.record(z.string(), mcpServerSchema).default({}),
  inheritMcp: z.boolean().default(false),
  confinement: confinementSchema,
  /** Put into the environment of the process and of all its descendants: how the reaper knows them. Includes home and agent. */
  marker: z.record(z.string(), z.string()),
  /** The rules of a scripted agent; other harnesses ignore it. */
  script: z.unknown().optional(),
  /** Not ready by then: `startFailed {code: 'timeout'}`. Milliseconds. */
  readyTimeoutMs: z.number().default(60_000),
})
export type Launch = z.infer<typeof launchSchema>

/** What a viewer of an agent's terminal does. Sizes are of the viewer's own terminal, in cells. */
export const terminalUseSchema = z.discriminatedUnion('action', [
  /** Again, it is shown the whole screen anew. */
  z.object({ action: z.literal('attach'), columns: z.number().int().positive(), rows: z.number().int().positive() }),
  /** Releases control as well. */
  z.object({ action: z.literal('detach') }),
  /** The agent's terminal takes the size of the viewer that has control, and its own again afterwards. */
  z.object({ action: z.literal('resize'), columns: z.number().int().positive(), rows: z.number().int().positive() }),
  /**
   * Given when the driver has typed to the end what it was typing, unless another viewer has it. `answers`: what the driver holds for
   * an answer (`approvalRequested`) may be answered in the terminal too; a driver whose CLI shows none of that there has no use for it.
   */
  z.object({ action: z.literal('takeControl'), answers: z.boolean().optional() }),
  /** `clear`: the person lets what is in the input box be swept away, so that prompts may be typed again. */
  z.object({ action: z.literal('releaseControl'), clear: z.boolean() }),
  /** What the person's terminal sent, keys and mouse alike, but for Ctrl-Z: no shell would wake the program again. Ignored without control. */
  z.object({ action: z.literal('type'), data: z.string() }),
])
export type TerminalUse = z.infer<typeof terminalUseSchema>

/** Why nothing may be typed but by a person: one has control, or has left text in the input box that was not submitted. */
export const personHolds = ['control', 'unsent_text'] as const
export type PersonHold = (typeof personHolds)[number]

export const driverCommandSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('startAgent'), agentId, launch: launchSchema }),
  /** Only to an agent that is ready and in no turn; anything else is answered `promptRefused`, and nothing is typed. */
  z.object({ type: z.literal('submitPrompt'), agentId, promptId: z.string(), text: z.string() }),
  z.object({ type: z.literal('interrupt'), agentId, requestId: z.string() }),
  /** `graceful`: the running turn is interrupted, the process asked, then forced at `graceMs`. `force`: killed at once. */
  z.object({ type: z.literal('stopAgent'), agentId, mode: z.enum(['graceful', 'force']), graceMs: z.number() }),
  z.object({ type: z.literal('answerApproval'), agentId, approvalId: z.string(), decision: z.enum(['allow', 'deny']), message: z.string().optional() }),
  /** What the agent shows, for people: never a source of state. */
  z.object({ type: z.literal('readScreen'), agentId, requestId: z.string(), lines: z.number().optional() }),
  /** What the session's own record says of its latest turn on a prompt one of whose lines begins with one of these. Only to an agent that is ready and in no turn. */
  z.object({ type: z.literal('recallTurn'), agentId, requestId: z.string(), markers: z.array(z.string()).min(1) }),
  z.object({ type: z.literal('useTerminal'), agentId, viewerId: z.string(), use: terminalUseSchema }),
  /** Answers a `toolCallRequested` (harnesses without an MCP client of their own). */
  z.object({ type: z.literal('returnToolResult'), agentId, callId: z.string(), ok: z.boolean(), result: z.string() }),
])
/** As callers write it: defaults may be left out. */
export type DriverCommand = z.input<typeof driverCommandSchema>

/** A thing that a permission prompt asks for. Paths are absolute, and real as far as they exist. */
export const wantSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('read'), paths: z.array(z.string()) }),
  z.object({ kind: z.literal('write'), paths: z.array(z.string()) }),
  /** A command of a shell. `unsandboxed`: it is to run outside of what confines the agent. */
  z.object({ kind: z.literal('run'), unsandboxed: z.boolean() }),
  z.object({ kind: z.literal('network') }),
  /** A tool of an MCP server, by the name the launch gave it; `madrox`: the way back. */
  z.object({ kind: z.literal('server'), server: z.string() }),
  /** A tool of the CLI's own that bounds itself: there is nothing in its arguments to judge. */
  z.object({ kind: z.literal('tool') }),
])
export type Want = z.infer<typeof wantSchema>

/** What told us. `process`: the operating system; `self`: the harness is Madrox's own. */
export const factSources = ['hook', 'protocol', 'osc', 'status_file', 'transcript', 'process', 'self'] as const
export type FactSource = (typeof factSources)[number]

const fact = { agentId, source: z.enum(factSources), at: z.number() }

export const backgroundTaskSchema = z.object({ id: z.string(), description: z.string().optional() })
export type BackgroundTask = z.infer<typeof backgroundTaskSchema>

/** Why an agent did not come up. `detail` carries the CLI's own words. */
export const startFailures = ['cli_missing', 'not_logged_in', 'model_rejected', 'unsandboxed', 'session_unknown', 'session_locked', 'exited', 'timeout', 'invalid_launch'] as const

/** Why a turn failed, where the CLI's own word is plain and something follows from it. No CLI checks its model at start: `model_rejected` is how it shows. */
export const turnFailures = ['model_rejected'] as const
export type TurnFailure = (typeof turnFailures)[number]

export const driverFactSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('processStarted'), ...fact, pid: z.number().optional(), cliVersion: z.string().optional() }),
  /** Up, and able to take a prompt. That its MCP tools are listed is known to the transport, not to the driver. */
  z.object({
    type: z.literal('ready'),
    ...fact,
    sessionId: z.string(),
    /** What it was asked to have and runs without, and how that is mended: for its supervisor. */
    warnings: z.array(z.string()).optional(),
  }),
  z.object({ type: z.literal('startFailed'), ...fact, code: z.enum(startFailures), detail: z.string() }),
  /** Handed to the CLI: *delivered*. */
  z.object({ type: z.literal('promptWritten'), ...fact, promptId: z.string() }),
  /** The CLI's own word that it works on it: *seen*. The turn has begun. */
  z.object({ type: z.literal('promptSeen'), ...fact, promptId: z.string(), turnId: z.string() }),
  /** Nothing was typed; it can be submitted again later. */
  z.object({ type: z.literal('promptRefused'), ...fact, promptId: z.string(), reason: z.enum(['not_ready', 'in_turn', 'awaiting_approval', 'held_by_person']) }),
  /** Typed, repeated, never confirmed, and swept away again as far as the CLI allows. */
  z.object({ type: z.literal('promptUnconfirmed'), ...fact, promptId: z.string(), detail: z.string() }),
  /** A turn Madrox did not start: a background command finished (`self`), or a person typed (`person`). */
  z.object({ type: z.literal('turnStarted'), ...fact, turnId: z.string(), origin: z.enum(['self', 'person']), backgroundTaskId: z.string().optional(), causedByPromptId: z.string().optional() }),
  z.object({
    type: z.literal('turnEnded'),
    ...fact,
    turnId: z.string(),
    promptId: z.string().optional(),
    status: z.enum(['completed', 'failed', 'interrupted']),
    /** The turn's last words; absent when it said nothing. */
    finalText: z.string().optional(),
    /** On `failed`: the CLI's own words. */
    error: z.string().optional(),
    /** On `failed`: absent when the reason is any other. */
    cause: z.enum(turnFailures).optional(),
    /** Every background task of the session still running. */
    background: z.array(backgroundTaskSchema),
  }),
  z.object({ type: z.literal('interruptFinished'), ...fact, requestId: z.string(), wasInTurn: z.boolean() }),
  z.object({ type: z.literal('outputProduced'), ...fact, turnId: z.string().optional(), kind: z.enum(['text', 'tool_call', 'tool_result']), callId: z.string().optional(), tool: z.string().optional(), content: z.string() }),
  /** One model call's usage. `unitId` names that call in every process that tells of it: counted once, however often it is reported. */
  z.object({
    type: z.literal('usageReported'),
    ...fact,
    unitId: z.string(),
    model: z.string(),
    inputTokens: z.number(),
    outputTokens: z.number(),
    cacheReadTokens: z.number(),
    cacheCreationTokens: z.number(),
    /** USD, by the CLI's own word: of this call, or its share where the CLI tells of several at once. May come with a later report of the call. */
    costUsd: z.number().optional(),
  }),
  z.object({
    type: z.literal('approvalRequested'),
    ...fact,
    approvalId: z.string(),
    tool: z.string(),
    detail: z.string(),
    /** All that it asks for; absent: not told in a form that a policy could judge. */
    wants: z.array(wantSchema).optional(),
  }),
  z.object({ type: z.literal('approvalResolved'), ...fact, approvalId: z.string(), decision: z.enum(['allow', 'deny', 'gone']) }),
  z.object({ type: z.literal('screenRead'), ...fact, requestId: z.string(), rendering: z.enum(['terminal', 'transcript']), text: z.string() }),
  z.object({
    type: z.literal('turnRecalled'),
    ...fact,
    requestId: z.string(),
    /** `absent`: no such prompt is on its record. `cut`: begun, and its end is not on it; or the record could not be read. */
    status: z.enum(['absent', 'cut', 'completed', 'failed']),
    /** On `completed`: the turn's last words; absent when it said nothing. */
    finalText: z.string().optional(),
    /** On `failed`: the CLI's own words. */
    error: z.string().optional(),
  }),
  /** For that viewer's terminal, as it is: a change of what it shows. */
  z.object({ type: z.literal('terminalOutput'), ...fact, viewerId: z.string(), data: z.string() }),
  /** There is nothing to see, or nothing more. */
  z.object({ type: z.literal('terminalClosed'), ...fact, viewerId: z.string(), detail: z.string() }),
  /** `viewerId`: who has control; absent: nobody. `holds`: why prompts are refused; absent: they are not. */
  z.object({ type: z.literal('controlChanged'), ...fact, viewerId: z.string().optional(), holds: z.enum(personHolds).optional() }),
  z.object({ type: z.literal('toolCallRequested'), ...fact, callId: z.string(), tool: z.string(), arguments: z.record(z.string(), z.unknown()) }),
  z.object({
    type: z.literal('exited'),
    ...fact,
    expected: z.boolean(),
    code: z.number().optional(),
    signal: z.string().optional(),
    /** The last lines the process wrote, for the error message. */
    lastWords: z.string().optional(),
  }),
])
export type DriverFact = z.infer<typeof driverFactSchema>
export type FactOf<Type extends DriverFact['type']> = Extract<DriverFact, { type: Type }>

export interface Driver {
  readonly harness: string
  /** True where the agent reaches Madrox by MCP itself, so that ready also means "its tools are listed". */
  readonly speaksMcp: boolean
  /** True where the CLI itself tells what calls cost, before their turn's end at the latest. */
  readonly tellsCost?: boolean
  /** Never throws and never blocks: what goes wrong comes back as a fact. */
  dispatch(command: DriverCommand): void
  /** Ends every agent by force and releases listeners, timers and files. Resolves when nothing is left. */
  close(): Promise<void>
}

export interface DriverConfig {
  /** The harness's executable: a path, or a name looked up on PATH. */
  readonly bin: string
  /** The server's environment, unfiltered; the driver passes on what `childEnvironment` allows its family. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Further variables to pass on, by name. */
  readonly childEnv: readonly string[]
  /** A directory of the driver's own under `$MADROX_HOME`, created on demand. */
  readonly stateDir: string
  readonly clock: Clock
  readonly log: Log
}

/** Makes a driver. `emit` is called in the order things happened, never from inside `dispatch`. */
export type CreateDriver<Config extends DriverConfig = DriverConfig> = (config: Config, emit: (fact: DriverFact) => void) => Driver
