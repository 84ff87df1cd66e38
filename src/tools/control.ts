/** Interrupting and ending. */

import { z } from 'zod'
import type { InterruptReport } from '../actors/system.ts'
import { toWireError } from '../errors.ts'
import { orCancelled } from './cancelling.ts'
import { answer, endedFields, interruptedFields, resultsOf } from './outputs.ts'
import { acting, ending, instanceId, reference } from './schemas.ts'
import { defineTool, type ToolContext } from './tool.ts'

const afterwards = z.enum(['hold', 'continue', 'clear'])
export const then = afterwards.default('hold').describe('hold: wait for your next message; continue: go on with its queue; clear: drop its queue, then hold')

export const toInterrupted = (report: InterruptReport): Record<string, unknown> & { readonly instance_id: string } => ({
  instance_id: report.agentId, name: report.name, interrupted: report.interrupted, was: report.was,
  ...(report.confirmedBy ? { confirmed_by: report.confirmedBy } : {}), ...(report.afterMs === undefined ? {} : { after_ms: report.afterMs }),
  ...(report.cancelledMessageId ? { cancelled_message_id: report.cancelledMessageId } : {}), ...(report.note ? { note: report.note } : {}),
})

/** What is said to a caller that waits no longer. */
export const goesOn = 'Not waited for any longer; it goes on. Look at get_instance_status.'

async function interrupt(referenceGiven: string, then: z.output<typeof afterwards>, { system, caller, signal, progress }: ToolContext): Promise<Record<string, unknown> & { instance_id: string }> {
  const { id, name, state } = system.status(caller, referenceGiven)
  progress(`the turn of "${name}" is being interrupted`)
  return toInterrupted(await orCancelled(system.interrupt(caller, referenceGiven, then), signal, () => ({ agentId: id, name, interrupted: false, was: state, note: goesOn })))
}

export const interruptInstance = defineTool({
  name: 'interrupt_instance',
  title: 'Interrupt an agent',
  description: "Stops an agent's running turn; its context is kept and the message it worked on ends as cancelled. Then send_to_instance to redirect it. Agents below it go on. Not for ending: terminate_instance.",
  input: z.strictObject({ instance_id: instanceId, then }),
  output: answer(interruptedFields),
  annotations: acting,
  topic: 'interrupt',
  listedFor: ['supervisor', 'client'],
  searchHint: 'stop pause cancel redirect turn agent',
  handler: async (input, context) => ({ data: await interrupt(input.instance_id, input.then, context) }),
})

/** Each on its own, in the order given. */
async function each<T>(references: readonly string[], act: (reference: string) => Promise<T>): Promise<(T | { instance_id: string; error: object })[]> {
  const settled = await Promise.allSettled(references.map(act))
  return settled.map((result, index) => (result.status === 'fulfilled' ? result.value : { instance_id: references[index] ?? '', error: toWireError(result.reason) }))
}

export const interruptMultiple = defineTool({
  name: 'interrupt_multiple_instances',
  title: 'Interrupt several agents',
  description: 'interrupt_instance for several at once; each result on its own.',
  input: z.strictObject({ instance_ids: z.array(reference).min(1).max(100), then }),
  output: answer({ results: resultsOf(interruptedFields) }),
  annotations: acting,
  topic: 'interrupt',
  listedFor: ['client'],
  searchHint: 'stop pause cancel several agents',
  handler: async (input, context) => ({ data: { results: await each(input.instance_ids, id => interrupt(id, input.then, context)) } }),
})

async function terminate(referenceGiven: string, force: boolean, { system, caller, signal, progress }: ToolContext): Promise<Record<string, unknown> & { instance_id: string }> {
  const id = system.resolve(caller, referenceGiven)
  progress(`"${referenceGiven}" and all below it are ending, leaves first`)
  const ended = await orCancelled(system.terminate(caller, id, force), signal, () => undefined)
  if (!ended) return { instance_id: id, already_ended: false, terminated: [], note: goesOn }
  const already = ended.some(agent => agent.alreadyEnded)
  return { instance_id: id, already_ended: already, terminated: already ? [] : ended.map(agent => ({ instance_id: agent.agentId, name: agent.name, reason: agent.reason })), ...(already ? { note: `It had already ended: ${ended[0]?.reason}.` } : {}) }
}

export const force = z.boolean().default(false).describe('Kill at once instead of asking first')

export const terminateInstance = defineTool({
  name: 'terminate_instance',
  title: 'End an agent and all below it',
  description: 'Ends an agent and every agent below it, leaves first, and everything they started. Open messages end as agent_gone; workspaces stay. To only stop its current turn use interrupt_instance.',
  input: z.strictObject({ instance_id: instanceId, force }),
  output: answer(endedFields),
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
  output: answer({ results: resultsOf(endedFields) }),
  annotations: ending,
  topic: 'interrupt',
  listedFor: ['client'],
  searchHint: 'end kill stop close several agents',
  handler: async (input, context) => ({ data: { results: await each(input.instance_ids, id => terminate(id, input.force, context)) } }),
})
