/**
 * Codex by its interactive program in a PTY, one process an agent. Owns the agents' names and that a thread has one agent; what
 * happens in a session is `agent.ts`.
 */

import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { wordsOf } from '../../../errors.ts'
import { launchSchema, type CreateDriver, type DriverCommand, type DriverConfig, type DriverFact } from '../../driver.ts'
import type { SourcedFact } from '../../facts.ts'
import { createHookListener } from '../../hooks.ts'
import { clearLeftovers } from '../../leftovers.ts'
import { inUse } from '../failures.ts'
import { startPtyAgent, type PtyAgent } from './agent.ts'
import { permissionBodySchema } from './asking.ts'
import { clearPrivateProfiles } from './private-profile.ts'

export interface CodexPtyDriverConfig extends DriverConfig {
  /** The built command of codex's hooks; default: the one built beside this module. */
  readonly hookProgram?: string
}

/** Runs each agent as `codex resume` in a PTY. See the port for commands and facts. */
export const createCodexPtyDriver: CreateDriver<CodexPtyDriverConfig> = (config, emit) => {
  const { stateDir, clock, log, hookProgram = fileURLToPath(new URL('hook-program.js', import.meta.url)) } = config
  const hooks = createHookListener(permissionBodySchema, (_key, reason) => log.warn('A hook of codex was not understood.', { reason }))
  const agents = new Map<string, PtyAgent>()
  let isClosed = false
  clearLeftovers(join(stateDir, 'tmp'), log)
  clearPrivateProfiles(stateDir, log)

  const teller = (agentId: string) => (fact: SourcedFact): void =>
    emit({ ...fact, agentId, at: clock.now() } as DriverFact) // the two fields a SourcedFact leaves out

  const start = (agentId: string, given: unknown): void => {
    if (agents.has(agentId)) return log.warn('A codex agent was started twice; the second start is ignored.', { agentId })
    const tell = teller(agentId)
    const launch = launchSchema.safeParse(given)
    if (!launch.success) return tell({ type: 'startFailed', source: 'self', code: 'invalid_launch', detail: z.prettifyError(launch.error) })
    const { sessionId, resume } = launch.data
    // Codex locks a second process out itself, once the first has written.
    if (resume && [...agents.values()].some(agent => agent.sessionId === sessionId)) return tell({ type: 'startFailed', source: 'self', ...inUse(sessionId) })
    try {
      agents.set(agentId, startPtyAgent({ launch: launch.data, config, hooks, hookProgram, tell, onOver: () => void agents.delete(agentId) }))
    } catch (error) {
      tell({ type: 'startFailed', source: 'self', code: 'exited', detail: `Codex could not be started: ${wordsOf(error)}` })
    }
  }

  const take = (command: DriverCommand): void => {
    if (isClosed) return
    if (command.type === 'startAgent') return start(command.agentId, command.launch)
    const agent = agents.get(command.agentId)
    if (!agent) return
    switch (command.type) {
      case 'submitPrompt': return agent.submit(command.promptId, command.text)
      case 'interrupt': return agent.interrupt(command.requestId)
      case 'stopAgent': return void agent.stop(command.mode, command.graceMs)
      case 'answerApproval': return agent.answerApproval(command.approvalId, command.decision, command.message)
      case 'recallTurn': return agent.recallTurn(command.requestId, command.markers)
      case 'readScreen': return agent.readScreen(command.requestId, command.lines)
      case 'useTerminal': return agent.useTerminal(command.viewerId, command.use)
      case 'returnToolResult': return // codex calls its tools itself
    }
  }

  return {
    harness: 'codex-pty',
    speaksMcp: true,
    // Facts are never told from inside `dispatch`.
    dispatch: command => queueMicrotask(() => take(command)),
    async close() {
      await Promise.resolve() // what was dispatched before is taken before
      isClosed = true
      await Promise.all([...agents.values()].map(agent => agent.stop('force', 0)))
      await hooks.close()
    },
  }
}
