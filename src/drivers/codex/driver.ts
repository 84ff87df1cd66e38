/**
 * Codex by `codex app-server`: one process for all agents of this driver, one thread an agent. Started with the first agent,
 * ended with the last. When it dies, every agent it held has exited, and each can be resumed in a new one.
 */

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { CreateDriver, Driver, DriverCommand, DriverConfig, DriverFact } from '../driver.ts'
import { launchSchema } from '../driver.ts'
import type { BareFact } from '../facts.ts'
import { clearLeftovers } from '../leftovers.ts'
import { sweepMarked } from '../pty/reaper.ts'
import { refuseTerminal } from './not-up.ts'
import { createAgent, type Agent } from './agent.ts'
import { toEnvironment } from './environment.ts'
import { inUse } from './failures.ts'
import { createHost, type Host } from './host.ts'
import { startAppServer } from './server.ts'
import { defaultSilenceMs } from './silence.ts'

export interface CodexDriverConfig extends DriverConfig {
  /** How long the model may owe a word before its turn is failed; default 300 000. Milliseconds. */
  readonly silenceMs?: number
}

export const createCodexDriver: CreateDriver<CodexDriverConfig> = (config, emit) => {
  const { bin, stateDir, clock, log, silenceMs = defaultSilenceMs } = config
  const agents = new Map<string, Agent>()
  let current: Host | undefined
  let closed = false
  const terminals = join(stateDir, 'terminals')
  for (const dir of [join(stateDir, 'tmp'), terminals]) clearLeftovers(dir, log)

  const tellOf = (agentId: string) => (fact: BareFact, source: DriverFact['source'] = 'protocol'): void => {
    emit({ ...fact, agentId, source, at: clock.now() } as DriverFact) // the three fields a BareFact leaves out
  }

  const openHost = (agentId: string, marker: Readonly<Record<string, string>>): Host => {
    if (current) return current
    mkdirSync(join(stateDir, 'tmp'), { recursive: true, mode: 0o700 })
    const host: Host = createHost({
      start: hear => startAppServer({ bin, cwd: stateDir, env: toServerEnvironment(config, agentId, marker), clock, log, ...hear }),
      onOver: () => {
        if (current === host) current = undefined
      },
      log,
    })
    current = host
    return host
  }

  const start = (agentId: string, given: unknown): void => {
    if (agents.has(agentId)) return log.warn('A codex agent was started twice; the second start is ignored.', { agentId })
    const tell = tellOf(agentId)
    const launch = launchSchema.safeParse(given)
    if (!launch.success) return tell({ type: 'startFailed', code: 'invalid_launch', detail: z.prettifyError(launch.error) })
    const { marker, sessionId, resume } = launch.data
    // Codex would let a second one into the running thread; only another process's writer does it lock out.
    if (resume && [...agents.values()].some(agent => agent.sessionId === sessionId)) return tell({ type: 'startFailed', ...inUse(sessionId) })
    const temporary = join(stateDir, 'tmp', agentId)
    mkdirSync(temporary, { recursive: true, mode: 0o700 })
    const agent = createAgent({
      launch: launch.data,
      temporary,
      silenceMs,
      host: openHost(agentId, marker),
      viewing: { bin, env: config.env, dir: terminals },
      tell,
      onOver: () => {
        agents.delete(agentId)
        rmSync(temporary, { recursive: true, force: true })
      },
      sweep: sweepMarked,
      clock,
      log,
    })
    agents.set(agentId, agent)
  }

  const take = (command: DriverCommand): void => {
    if (closed) return
    if (command.type === 'startAgent') return start(command.agentId, command.launch)
    const agent = agents.get(command.agentId)
    if (!agent || agent.isEnding) return
    const tell = tellOf(command.agentId)
    const { thread, terminal } = agent
    switch (command.type) {
      case 'submitPrompt':
        if (thread && terminal?.holds() === undefined) return thread.submit(command.promptId, command.text)
        return tell({ type: 'promptRefused', promptId: command.promptId, reason: thread ? 'held_by_person' : 'not_ready' })
      case 'interrupt':
        return void (thread?.interrupt() ?? Promise.resolve(false)).then(wasInTurn => {
          if (agents.get(command.agentId) === agent) tell({ type: 'interruptFinished', requestId: command.requestId, wasInTurn })
        })
      case 'stopAgent': return void agent.stop(command.mode, command.graceMs)
      case 'answerApproval': return thread?.answer(command.approvalId, { decision: command.decision, message: command.message })
      case 'recallTurn':
        return void (thread?.recall(command.markers) ?? Promise.resolve({ status: 'cut' as const })).then(recalled => {
          if (recalled && agents.get(command.agentId) === agent && !agent.isEnding) tell({ type: 'turnRecalled', requestId: command.requestId, ...recalled })
        })
      case 'readScreen': return tell({ type: 'screenRead', requestId: command.requestId, rendering: 'transcript', text: agent.rendering.toText(command.lines) })
      case 'useTerminal': return terminal ? terminal.use(command.viewerId, command.use) : refuseTerminal(tell, command.viewerId, command.use)
      case 'returnToolResult': return // codex calls its tools itself
    }
  }

  const driver: Driver = {
    harness: 'codex',
    speaksMcp: true,
    // Facts are never told from inside `dispatch`.
    dispatch: command => queueMicrotask(() => take(command)),
    async close() {
      await Promise.resolve() // what was dispatched before is taken before
      closed = true
      await Promise.all([...agents.values()].map(agent => agent.abandon()))
    },
  }
  return driver
}

function toServerEnvironment(config: DriverConfig, agentId: string, marker: Readonly<Record<string, string>>): Record<string, string> {
  // The process belongs to the home, for a start-up sweep, but to no one agent.
  const shared = Object.entries(marker).filter(([, value]) => value !== agentId)
  return toEnvironment(config, join(config.stateDir, 'tmp'), Object.fromEntries(shared))
}
