/** Interrupting and ending. */

import { z } from 'zod'
import type { InterruptReport } from '../actors/system.ts'
import { toWireError } from '../errors.ts'
import { acting, ending, instanceId, reference } from './schemas.ts'
import { defineTool, type ToolContext } from './tool.ts'

export const then = z.enum(['hold', 'continue', 'clear']).default('hold').describe('hold: wait for your next message; continue: go on with its queue; clear: drop its queue, then hold')

export const toInterrupted = (report: InterruptReport): Record<string, unknown> => ({
  instance_id: report.agentId, name: report.name, interrupted: report.interrupted, was: report.was,
  ...(report.confirmedBy ? { confirmed_by: report.confirmedBy } : {}), ...(report.afterMs === undefined ? {} : { after_ms: report.afterMs }),
  ...(report.cancelledMessageId ? { cancelled_message_id: report.cancelledMessageId } : {}), ...(report.note ? { note: report.note } : {}),
})

export const interruptedOutput = z.looseObject({ instance_id: z.string(), interrupted: z.boolean(), was: z.string() })

export const interruptInstance = defineTool({
  name: 'interrupt_instance',
  title: 'Interrupt an agent',
  description: "Stops an agent's running turn; its context is kept and the message it worked on ends as cancelled. Then send_to_instance to redirect it. Agents below it go on. Not for ending: terminate_instance.",
  input: z.strictObject({ instance_id: instanceId, then }),
  output: interruptedOutput,
  annotations: acting,
  topic: 'interrupt',
  listedFor: ['supervisor', 'client'],
  searchHint: 'stop pause cancel redirect turn agent',
  handler: async (input, { system, caller }) => ({ data: toInterrupted(await system.interrupt(caller, input.instance_id, input.then)) }),
})

/** Each on its own, in the order given. */
async function each<T>(references: readonly string[], act: (reference: string) => Promise<T>): Promise<(T | { instance_id: string; error: object })[]> {
  const settled = await Promise.allSettled(references.map(act))
  return settled.map((result, index) => (result.status === 'fulfilled' ? result.value : { instance_id: references[index] ?? '', error: toWireError(result.reason) }))
}

const resultsOutput = z.object({ results: z.array(z.looseObject({ instance_id: z.string() })), pending_replies: z.number().optional() })

export const interruptMultiple = defineTool({
  name: 'interrupt_multiple_instances',
  title: 'Interrupt several agents',
  description: 'interrupt_instance for several at once; each result on its own.',
  input: z.strictObject({ instance_ids: z.array(reference).min(1).max(100), then }),
  output: resultsOutput,
  annotations: acting,
  topic: 'interrupt',
  listedFor: ['client'],
  searchHint: 'stop pause cancel several agents',
  handler: async (input, { system, caller }) => ({ data: { results: await each(input.instance_ids, async id => toInterrupted(await system.interrupt(caller, id, input.then))) } }),
})

const endedOutput = z.looseObject({ instance_id: z.string(), terminated: z.array(z.object({ instance_id: z.string(), name: z.string(), reason: z.string() })), already_ended: z.boolean() })

async function terminate(referenceGiven: string, force: boolean, { system, caller }: ToolContext): Promise<Record<string, unknown> & { instance_id: string }> {
  const id = system.resolve(caller, referenceGiven)
  const ended = await system.terminate(caller, id, force)
  const already = ended.some(agent => agent.alreadyEnded)
  return { instance_id: id, already_ended: already, terminated: already ? [] : ended.map(agent => ({ instance_id: agent.agentId, name: agent.name, reason: agent.reason })), ...(already ? { note: `It had already ended: ${ended[0]?.reason}.` } : {}) }
}

export const force = z.boolean().default(false).describe('Kill at once instead of asking first')

export const terminateInstance = defineTool({
  name: 'terminate_instance',
  title: 'End an agent and all below it',
  description: 'Ends an agent and every agent below it, leaves first, and everything they started. Open messages end as agent_gone; workspaces stay. To only stop its current turn use interrupt_instance.',
  input: z.strictObject({ instance_id: instanceId, force }),
  output: endedOutput,
  annotations: ending,
  topic: 'interrupt',
  listedFor: ['supervisor', 'client'],
  searchHint: 'end kill stop close remove agent team',
  handler: async (input, context) => ({ data: await terminate(input.instance_id, input.force, context) }),
})

export const terminateMultiple = defineTool({
  name: 'terminate_multiple_instances',
  title: 'End several agents',
  description: 'terminate_instance for several at once; each result on its own.',
  input: z.strictObject({ instance_ids: z.array(reference).min(1).max(100), force }),
  output: resultsOutput,
  annotations: ending,
  topic: 'interrupt',
  listedFor: ['client'],
  searchHint: 'end kill stop close several agents',
  handler: async (input, context) => ({ data: { results: await each(input.instance_ids, id => terminate(id, input.force, context)) } }),
})
