/**
 * The hand that holds the drivers: commands go out to the one of the agent's harness, facts come back to the agent's actor.
 * It owns the drivers' lifetime and nothing of what their facts mean.
 */

import { type AnyActorRef, fromCallback } from 'xstate'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Driver, DriverCommand, DriverFact, Launch } from '../drivers/driver.ts'
import { asAgentId, type AgentId } from '../ids.ts'
import { agentKey, type DriversEvent, hands } from '../machines/effects.ts'
import { keptFacts, type KeptFact } from './ledger.ts'
import { leadsElsewhere } from './paths.ts'

/** How an agent without an MCP client of its own calls a tool: by fact and command, through the same table as everyone. `signal`: its turn is over, and the answer would reach nobody. */
export type CallToolForAgent = (agentId: AgentId, tool: string, args: Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<{ readonly ok: boolean; readonly text: string }>

export interface DriversOptions {
  /** Made by the composition root; each gets the `emit` it reports with. */
  readonly connect: (emit: (fact: DriverFact) => void) => ReadonlyMap<string, Driver>
  readonly callTool: CallToolForAgent
  /** An agent's way back into Madrox, new for each start; `later`: a transport will announce one. Undefined: none will. */
  readonly wayBack: (agentId: AgentId) => Launch['madrox'] | 'later'
  /** What is for the people who look at an agent's terminal. */
  readonly toViewers: (fact: DriverFact) => void
  readonly clock: Clock
  readonly log: Log
}

function flush(held: Map<string, () => void>): void {
  const sends = [...held.values()]
  held.clear()
  for (const send of sends) send()
}

const isKept = (fact: DriverFact): fact is KeptFact => (keptFacts as readonly string[]).includes(fact.type)

type Start = Extract<DriverCommand, { type: 'startAgent' }>

export const createDrivers = ({ connect, callTool, wayBack, toViewers, clock, log }: DriversOptions) =>
  fromCallback<DriversEvent>(({ receive, system }) => {
    const answerToolCall = async (driver: Driver | undefined, fact: Extract<DriverFact, { type: 'toolCallRequested' }>): Promise<void> => {
      const call = new AbortController()
      const pending = calls.get(fact.agentId) ?? new Set()
      calls.set(fact.agentId, pending.add(call))
      const { ok, text } = await callTool(asAgentId(fact.agentId), fact.tool, fact.arguments, call.signal).finally(() => pending.delete(call))
      driver?.dispatch({ type: 'returnToolResult', agentId: fact.agentId, callId: fact.callId, ok, result: text })
    }
    let left = false
    const harnesses = new Map<string, string>()
    const calls = new Map<string, Set<AbortController>>()
    const abandonCalls = (agentId: string): void => {
      for (const call of calls.get(agentId) ?? []) call.abort()
      calls.delete(agentId)
    }
    const emit = (fact: DriverFact): void => {
      if (fact.type === 'toolCallRequested') {
        answerToolCall(drivers.get(harnesses.get(fact.agentId) ?? ''), fact).catch((error: unknown) => log.error('a tool call could not be answered', { agentId: fact.agentId, error }))
        return
      }
      toViewers(fact)
      if (fact.type === 'terminalOutput' || fact.type === 'terminalClosed') return
      if (fact.type === 'turnEnded' || fact.type === 'exited') abandonCalls(fact.agentId)
      // Usage counts and output is kept even when its agent is on its way out.
      if (isKept(fact)) (system.get(hands.ledger) as AnyActorRef).send(fact)
      if (left) return
      const agent = system.get(agentKey(fact.agentId)) as AnyActorRef | undefined
      if (agent) agent.send(fact)
      else if (fact.type !== 'exited' && fact.type !== 'usageReported') log.debug('a fact about an agent that has ended', fact)
    }
    const drivers = connect(emit)
    let stalled = false
    const unsent = new Map<string, () => void>()
    const waiting = new Map<string, () => void>()
    const start = (driver: Driver, command: Start): void => {
      const madrox = wayBack(asAgentId(command.agentId))
      if (madrox === 'later') waiting.set(command.agentId, () => start(driver, command))
      else driver.dispatch(madrox ? { ...command, launch: { ...command.launch, madrox } } : command)
    }
    const send = (harness: string, command: DriverCommand): void => {
      const driver = drivers.get(harness)
      if (!driver) return log.error('no driver for this harness', { harness, command: command.type })
      // What was to be typed waits for the record, unless it is taken back or its process is gone.
      if (command.type === 'submitPrompt' && stalled) return void unsent.set(command.agentId, () => driver.dispatch(command))
      if (command.type === 'interrupt' || command.type === 'stopAgent' || command.type === 'startAgent') unsent.delete(command.agentId)
      if (command.type === 'startAgent') {
        harnesses.set(command.agentId, harness)
        // What confines it confines it to where it is started; whoever may write around that may have exchanged it since it was looked at.
        if (leadsElsewhere(command.launch.cwd)) return emit({ type: 'startFailed', agentId: command.agentId, source: 'self', at: clock.now(), code: 'invalid_launch', detail: `its workspace ${command.launch.cwd} is a link by now, and leads elsewhere` })
        return start(driver, command)
      }
      // Nothing of it was started.
      if (command.type === 'stopAgent' && waiting.delete(command.agentId)) return emit({ type: 'exited', agentId: command.agentId, source: 'self', at: clock.now(), expected: true })
      driver.dispatch(command)
    }
    receive(event => {
      if (event.type === 'dispatch') return send(event.harness, event.command)
      if (event.type === 'agentsLeft') left = true
      if (event.type === 'recordStalled') stalled = true
      if (event.type === 'recordResumed') {
        stalled = false
        flush(unsent)
      }
      if (event.type === 'endpointAnnounced') flush(waiting)
    })
  })
