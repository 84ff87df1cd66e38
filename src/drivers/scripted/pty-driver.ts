/**
 * The scripted harness as a program in a real terminal: everything a real CLI puts between Madrox and an agent (typing,
 * confirmation, an MCP client of its own, processes that misbehave), without a model.
 */

import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { wordsOf } from '../../errors.ts'
import { launchSchema, type Driver, type DriverCommand, type DriverConfig, type DriverFact, type FactOf, type Launch } from '../driver.ts'
import { childEnvironment } from '../environment.ts'
import { findExecutable } from '../executable.ts'
import { clearLeftovers } from '../leftovers.ts'
import type { ProgramLaunch } from './program-launch.ts'
import { startPtyAgent, type PtyAgent } from './pty-agent.ts'
import { createTaskQueue } from './queue.ts'
import { scriptSchema } from './script.ts'
import { readTranscript } from './transcript.ts'

export interface ScriptedPtyDriverConfig extends DriverConfig {
  /** The built program; default: the one built beside this module. */
  readonly program?: string
  /** How long a typed prompt may stay unconfirmed before it is typed again. Milliseconds. */
  readonly confirmTimeoutMs?: number
}

/** Runs each agent as `node program.js` in a PTY. `bin` is the node to run it with; empty: this process's own. */
export function createScriptedPtyDriver(config: ScriptedPtyDriverConfig, emit: (fact: DriverFact) => void): Driver {
  const { clock, log } = config
  const agents = new Map<string, { readonly sessionId: string; readonly agent: PtyAgent }>()
  const endings = new Set<Promise<void>>()
  const queue = createTaskQueue(queueMicrotask, log)
  let closed = false
  clearLeftovers(join(config.stateDir, 'launches'), log)

  const failStart = (agentId: string, code: FactOf<'startFailed'>['code'], detail: string): void =>
    emit({ type: 'startFailed', agentId, source: 'self', at: clock.now(), code, detail })

  const start = (agentId: string, given: unknown): void => {
    if (agents.has(agentId)) return log.warn('A scripted agent was started twice; the second start is ignored.', { agentId })
    const parsed = launchSchema.safeParse(given)
    if (!parsed.success) return failStart(agentId, 'invalid_launch', z.prettifyError(parsed.error))
    const script = scriptSchema.safeParse(parsed.data.script)
    if (!script.success) return failStart(agentId, 'invalid_launch', `The script does not fit: ${z.prettifyError(script.error)}`)
    const { sessionId } = parsed.data
    if ([...agents.values()].some(each => each.sessionId === sessionId)) return failStart(agentId, 'session_locked', `Session ${sessionId} is in use by another agent.`)
    const file = findExecutable(config.bin || process.execPath, config.env['PATH'])
    if (file === undefined) return failStart(agentId, 'cli_missing', `There is no executable "${config.bin}".`)
    try {
      agents.set(agentId, { sessionId, agent: launchAgent(agentId, file, parsed.data, script.data) })
    } catch (error) {
      failStart(agentId, 'exited', wordsOf(error))
    }
  }

  const launchAgent = (agentId: string, file: string, launch: Launch, script: ProgramLaunch['script']): PtyAgent => {
    const key = randomUUID()
    const transcripts = join(config.stateDir, 'sessions')
    const launches = join(config.stateDir, 'launches')
    mkdirSync(launches, { recursive: true, mode: 0o700 })
    const launchFile = join(launches, `${key}.json`)
    const program: ProgramLaunch = {
      agentName: launch.name,
      sessionId: launch.sessionId,
      resume: launch.resume,
      key,
      transcripts,
      script,
      ...(launch.madrox && { madrox: launch.madrox }),
    }
    writeFileSync(launchFile, JSON.stringify(program), { mode: 0o600 })
    // One of its own beside the caller's: a marker may be empty, and an empty one is every process's.
    const marker = { ...launch.marker, MADROX_SCRIPTED_RUN: key }
    const env = { ...childEnvironment(config.env, { families: [], names: config.childEnv }), ...marker }
    return startPtyAgent({
      agentId, key, marker, clock, log, emit,
      readTranscript: () => readTranscript(transcripts, launch.sessionId),
      terminal: { file, args: [config.program ?? fileURLToPath(new URL('program.js', import.meta.url)), launchFile], cwd: launch.cwd, env },
      readyTimeoutMs: launch.readyTimeoutMs,
      confirmTimeoutMs: config.confirmTimeoutMs ?? 5_000,
      onEnd: () => {
        agents.delete(agentId)
        rmSync(launchFile, { force: true })
      },
    })
  }

  const stop = (agent: PtyAgent, mode: 'graceful' | 'force', graceMs: number): void => {
    const ending = agent.stop(mode, graceMs).finally(() => endings.delete(ending))
    endings.add(ending)
  }

  const take = (agent: PtyAgent, command: Exclude<DriverCommand, { type: 'startAgent' }>): void => {
    switch (command.type) {
      case 'submitPrompt': return agent.submit(command.promptId, command.text)
      case 'interrupt': return agent.interrupt(command.requestId)
      case 'stopAgent': return stop(agent, command.mode, command.graceMs)
      case 'answerApproval': return agent.answerApproval(command.approvalId, command.decision)
      case 'recallTurn': return agent.recallTurn(command.requestId, command.markers)
      case 'readScreen': return agent.readScreen(command.requestId, command.lines)
      case 'useTerminal': return agent.useTerminal(command.viewerId, command.use)
      case 'returnToolResult': return // its agents call tools themselves
    }
  }

  return {
    harness: 'scripted',
    speaksMcp: true,
    dispatch: command =>
      queue.add(() => {
        if (closed) return
        if (command.type === 'startAgent') return start(command.agentId, command.launch)
        const known = agents.get(command.agentId)
        if (known) take(known.agent, command)
      }),
    close: async () => {
      await new Promise<void>(resolve => queue.add(resolve)) // behind what was dispatched before
      closed = true
      for (const { agent } of agents.values()) stop(agent, 'force', 0)
      await Promise.all(endings)
    },
  }
}
