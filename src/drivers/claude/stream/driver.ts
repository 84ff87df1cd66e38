/**
 * The second way of speaking with Claude Code: structured messages on its pipes instead of keys in a terminal. Launch, isolation,
 * sessions and their record are the same as in a PTY, and either driver resumes the other's sessions. See decision 9.
 */

import type { CreateDriver } from '../../driver.ts'
import { createDriver, type Medium } from '../driver.ts'
import { startStreamAgent } from './agent.ts'

const structured: Medium = {
  harness: 'claude-stream',
  prepare: () => Promise.resolve(undefined), // everything is told on the pipe
  start: (_agentId, context) => startStreamAgent(context),
  forget: () => {},
  close: () => Promise.resolve(),
}

/** Runs Claude Code sessions by structured messages. See the port for commands and facts. */
export const createClaudeStreamDriver: CreateDriver = (config, emit) => ({ ...createDriver(config, emit, structured), tellsCost: true })
