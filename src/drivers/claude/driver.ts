/**
 * The claude driver: one process of Claude Code an agent. Owns the agents' names and what is common to every way of speaking with
 * a session; the way itself is a `Medium`. Here is that of the interactive program in a PTY, which owns the hook listener; what
 * happens in such a session is `agent.ts`.
 */

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { z } from 'zod'
import { wordsOf } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { launchSchema, type CreateDriver, type Driver, type DriverConfig, type DriverFact, type FactOf } from '../driver.ts'
import { findExecutable } from '../executable.ts'
import type { SourcedFact } from '../facts.ts'
import { createHookListener } from '../hooks.ts'
import { listProcesses } from '../pty/processes.ts'
import { startAgent, type TerminalAgent } from './agent.ts'
import { findConfigDir, listStatuses, prepareConfigDir, transcriptPath, type ConfigDir } from './config-dir.ts'
import { hookBodySchema } from './hook-bodies.ts'
import { baseEnvironment, findLaunchFault, prepareLaunch, type ParsedLaunch, type Surroundings } from './launch.ts'
import type { AgentContext, ClaudeAgent } from './life.ts'
import { createLogins, type Login } from './login.ts'
import { clearPrivateFiles } from './private-files.ts'

type StartFailure = FactOf<'startFailed'>['code']

interface Entry {
  readonly sessionId: string
  /** Absent while the launch is prepared. */
  agent: ClaudeAgent | undefined
  stopAsked: boolean
  readonly ended: PromiseWithResolvers
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

/** One way of speaking with Claude Code. */
export interface Medium {
  readonly harness: string
  /** Before each launch: where the session is to tell what happens, if it needs a place for that. */
  prepare(agentId: string): Promise<Surroundings['hooks']>
  start(agentId: string, context: AgentContext): ClaudeAgent
  forget(agentId: string): void
  close(): Promise<void>
}

/** Runs Claude Code sessions in PTYs. See the port for commands and facts. */
export const createClaudeDriver: CreateDriver = (config, emit) => createDriver(config, emit, createTerminalMedium(config.log))

function createTerminalMedium(log: Log): Medium {
  const hooks = createHookListener(hookBodySchema, (agentId, reason) => log.warn('A hook of Claude Code was not understood.', { agentId, reason }))
  const agents = new Map<string, TerminalAgent>()
  return {
    harness: 'claude',
    prepare: async agentId => ({ url: await hooks.url(), token: hooks.register(agentId, (body, gone) => agents.get(agentId)?.takeHook(body, gone) ?? {}) }),
    start(agentId, context) {
      const agent = startAgent(context)
      agents.set(agentId, agent)
      return agent
    },
    forget(agentId) {
      hooks.unregister(agentId)
      agents.delete(agentId)
    },
    close: hooks.close,
  }
}

/** A driver by that medium. */
export function createDriver(config: DriverConfig, emit: (fact: DriverFact) => void, medium: Medium): Driver {
  const { clock, log } = config
  const env = baseEnvironment(config)
  const configDir = findConfigDir(env)
  const agents = new Map<string, Entry>()
  const logins = createLogins(env, configDir, log)
  let isClosed = false
  clearPrivateFiles(config.stateDir, log)

  const teller = (agentId: string) => (fact: SourcedFact): void =>
    emit({ ...fact, agentId, at: clock.now() } as DriverFact) // the two fields a SourcedFact leaves out

  const start = async (agentId: string, given: unknown): Promise<void> => {
    const tell = teller(agentId)
    const fail = (code: StartFailure, detail: string): void => tell({ type: 'startFailed', source: 'self', code, detail })
    if (agents.has(agentId)) return log.warn('An agent was started twice; the second start is ignored.', { agentId })
    const parsed = launchSchema.safeParse(given)
    if (!parsed.success) return fail('invalid_launch', z.prettifyError(parsed.error))
    const launch = withFreeSession(configDir, parsed.data)
    const fault = findLaunchFault(launch)
    if (fault !== undefined) return fail('invalid_launch', fault)
    const file = findExecutable(config.bin, env['PATH'])
    if (file === undefined) return fail('cli_missing', `No executable "${config.bin}" was found. Install Claude Code where the server's PATH finds it, or set MADROX_CLAUDE_BIN.`)
    const holder = findHolder(launch.sessionId)
    if (holder !== undefined) return fail('session_locked', `Session ${launch.sessionId} is in use by ${holder}.`)

    const entry: Entry = { sessionId: launch.sessionId, agent: undefined, stopAsked: false, ended: withResolvers() }
    agents.set(agentId, entry)
    try {
      const [hooks, login] = await Promise.all([medium.prepare(agentId), logins(file)])
      if (entry.stopAsked) return finish(agentId, () => tell({ type: 'exited', source: 'self', expected: true }))
      entry.agent = launchAgent(agentId, launch, { file, login, ...(hooks ? { hooks } : {}) })
    } catch (error) {
      finish(agentId, () => fail('exited', `Claude Code could not be started: ${wordsOf(error)}`))
    }
  }

  const launchAgent = (agentId: string, launch: ParsedLaunch, around: Pick<Surroundings, 'file' | 'hooks'> & { readonly login: Login }): ClaudeAgent => {
    prepareConfigDir(configDir)
    const prepared = prepareLaunch(launch, agentId, { ...around, configDir, stateDir: config.stateDir })
    for (const warning of prepared.warnings) log.warn(warning, { agentId })
    try {
      return medium.start(agentId, { launch, prepared, configDir, clock, log, tell: teller(agentId), login: around.login, onEnded: () => finish(agentId) })
    } catch (error) {
      prepared.dispose()
      throw error
    }
  }

  const finish = (agentId: string, lastFact?: () => void): void => {
    const entry = agents.get(agentId)
    medium.forget(agentId)
    agents.delete(agentId)
    lastFact?.()
    entry?.ended.resolve()
  }

  /** Claude Code itself lets two processes resume one session, and both would write it. */
  const findHolder = (sessionId: string): string | undefined => {
    for (const [agentId, entry] of agents) if (entry.sessionId === sessionId) return `agent ${agentId}`
    const pid = findLivePid(configDir, sessionId)
    return pid === undefined ? undefined : `process ${pid}`
  }

  const stop = (entry: Entry, mode: 'graceful' | 'force', graceMs: number): void => {
    entry.stopAsked = true
    entry.agent?.stop(mode, graceMs)
  }

  return {
    harness: medium.harness,
    speaksMcp: true,
    dispatch(command) {
      // Behind the caller's own work: facts are never told from inside dispatch.
      if (isClosed) return
      queueMicrotask(() => {
        if (command.type === 'startAgent') return void start(command.agentId, command.launch)
        const entry = agents.get(command.agentId)
        if (!entry) return
        const { agent } = entry
        switch (command.type) {
          case 'submitPrompt':
            if (!agent) return teller(command.agentId)({ type: 'promptRefused', source: 'self', promptId: command.promptId, reason: 'not_ready' })
            return agent.submitPrompt(command.promptId, command.text)
          case 'interrupt':
            if (!agent) return teller(command.agentId)({ type: 'interruptFinished', source: 'self', requestId: command.requestId, wasInTurn: false })
            return agent.interrupt(command.requestId)
          case 'stopAgent': return stop(entry, command.mode, command.graceMs)
          case 'answerApproval': return agent?.answerApproval(command.approvalId, command.decision, command.message)
          case 'recallTurn':
            if (!agent) return teller(command.agentId)({ type: 'turnRecalled', source: 'self', requestId: command.requestId, status: 'cut' })
            return agent.recallTurn(command.requestId, command.markers)
          case 'readScreen': return agent?.readScreen(command.requestId, command.lines)
          case 'useTerminal': return agent?.useTerminal(command.viewerId, command.use)
          case 'returnToolResult': return // Claude Code calls tools by MCP itself
        }
      })
    },
    async close() {
      isClosed = true
      await Promise.resolve() // commands already dispatched are taken first
      const open = [...agents.values()]
      for (const entry of open) stop(entry, 'force', 0)
      await Promise.all(open.map(entry => entry.ended.promise))
      await medium.close()
    },
  }
}

function withResolvers(): PromiseWithResolvers {
  let resolve = (): void => {}
  const promise = new Promise<void>(done => (resolve = done))
  return { promise, resolve }
}

/** Claude Code takes no id it has a file of, though it be of a session that died before its first word: a fresh start gets another then. */
const withFreeSession = (dir: ConfigDir, launch: ParsedLaunch): ParsedLaunch =>
  launch.resume || !existsSync(transcriptPath(dir, launch.cwd, launch.sessionId)) ? launch : { ...launch, sessionId: randomUUID() }

/** A status file may outlive its process, and the pid may be somebody else's by then: both pid and start time must fit. */
function findLivePid(dir: ConfigDir, sessionId: string): number | undefined {
  prepareConfigDir(dir)
  const holders = listStatuses(dir).filter(status => status.sessionId === sessionId)
  if (holders.length === 0) return undefined
  const processes = listProcesses()
  return holders.find(({ pid, procStart }) =>
    processes.some(each => each.pid === pid && each.state !== 'Z' && (procStart === undefined || process.platform !== 'linux' || each.startedAt === procStart)))?.pid
}
