/** Putting agents away and bringing them back, and what concerns all of one's agents at once. */

import { z } from 'zod'
import { orCancelled } from './cancelling.ts'
import { force, goesOn, then, toInterrupted } from './control.ts'
import { agentNamed, answer, endedList, interruptedFields, note, states, time } from './outputs.ts'
import { acting, ending, instanceId, readOnly, spawnFields, timeoutSeconds, toLimits } from './schemas.ts'
import { iso } from './see.ts'
import { defineTool } from './tool.ts'

export const suspendInstance = defineTool({
  name: 'suspend_instance',
  title: 'Suspend an agent',
  description: 'Ends the process of an idle agent and keeps its session: it costs no memory and takes no place, and the next message or reply for it wakes it with all it knows. Its agents go on. Refused for a busy one (agent_busy). To stop a turn use interrupt_instance, to end it for good terminate_instance.',
  input: z.strictObject({ instance_id: instanceId }),
  output: answer({ ...agentNamed, suspended: z.boolean().describe('By this call'), was: z.string().describe('Its state before'), note }),
  annotations: { ...acting, idempotentHint: true, openWorldHint: false },
  topic: 'control',
  listedFor: ['client'],
  searchHint: 'suspend pause sleep put away idle agent save memory',
  handler: async ({ instance_id }, { system, caller, signal, progress }) => {
    const { id, name, state } = system.status(caller, instance_id)
    progress(`the process of "${name}" is ending`)
    const { agentId, ...report } = await orCancelled(system.suspend(caller, instance_id), signal, () => ({ agentId: id, name, suspended: false, was: state, note: goesOn }))
    return { data: { instance_id: agentId, ...report } }
  },
})

export const resumeInstance = defineTool({
  name: 'resume_instance',
  title: 'Bring an agent back',
  description: 'Brings up a suspended agent, or one that ended and whose session is kept (see list_persisted_instances), under the same id in the same conversation. model: what it works with from now on; name: what it is called; max_total_tokens, max_cost, timeout_minutes: its limits from now on, counted from its spawn, within what those above it have left: raising one lets an agent go on that is held at it. Not needed before send_to_instance: a message wakes a suspended agent by itself.',
  input: z.strictObject({ instance_id: instanceId, name: spawnFields.name.optional(), model: spawnFields.model, max_total_tokens: spawnFields.max_total_tokens, max_cost: spawnFields.max_cost, timeout_minutes: spawnFields.timeout_minutes.describe('From its spawn'), timeout_seconds: timeoutSeconds }),
  output: answer({
    ...agentNamed, state: states, was: z.string().describe('Its state before'), revived: z.boolean().describe('It had ended, and lives again'), model: z.string().nullable().describe("null: the CLI's default"),
    session_id: z.string().nullable(), parent_instance_id: z.string().nullable().describe('null: a client is its supervisor'), parent_source: z.string(), note,
  }),
  annotations: { ...acting, idempotentHint: true },
  topic: 'control',
  listedFor: ['client'],
  searchHint: 'resume wake restore continue suspended ended agent session raise limit',
  handler: async ({ instance_id, name, model, timeout_seconds, ...given }, { system, caller, signal, progress, person }) => {
    progress(`the session of "${instance_id}" is being resumed`)
    const limits = toLimits(given)
    const { agentId, ...report } = await system.resume(caller, instance_id, { ...(name === undefined ? {} : { name }), ...(model === undefined ? {} : { model }), ...(Object.keys(limits).length > 0 ? { limits } : {}) }, { signal, progress, ...(person ? { person } : {}), timeoutMs: timeout_seconds * 1000 })
    const status = system.status(caller, agentId)
    return { data: { instance_id: agentId, ...report, state: status.state, model: status.model ?? null, session_id: status.sessionId ?? null, parent_instance_id: status.parent?.kind === 'agent' ? status.parent.id : null, parent_source: status.parentSource } }
  },
})

export const listPersistedInstances = defineTool({
  name: 'list_persisted_instances',
  title: 'Agents on record',
  description: 'The agents on record, living and ended, newest last, each with can_resume: whether resume_instance would bring it up, and if not, why. For those that live get_instance_status says more.',
  input: z.strictObject({ limit: z.number().int().positive().max(1_000).default(100).describe('The newest so many') }),
  output: answer({
    instances: z.array(z.looseObject({
      ...agentNamed, instance_type: z.string().describe('The harness'), role: z.string(), model: z.string().nullable(), state: z.string(), can_resume: z.boolean(), why_not: z.string().optional(),
      session_id: z.string().nullable(), workspace: z.string().describe('Absolute path'), created_at: time, ended_at: time.optional(), end_reason: z.string().nullable().optional(),
    })),
    total: z.number(),
  }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['client'],
  searchHint: 'persisted stored suspended ended agents history resume',
  handler: ({ limit }, { system, caller }) => {
    const { agents, total } = system.persisted(caller, limit)
    return { data: {
      instances: agents.map(({ row, model, state, canResume, reason }) => ({
        instance_id: row.id, name: row.name, instance_type: row.harness, role: row.role, model: model ?? null, state, can_resume: canResume, ...(reason ? { why_not: reason } : {}),
        session_id: row.sessionId ?? null, workspace: row.workspace.path, created_at: iso(row.createdAt), ...(row.endedAt === undefined ? {} : { ended_at: iso(row.endedAt), end_reason: row.endReason ?? null }),
      })),
      total,
    } }
  },
})

export const terminateAll = defineTool({
  name: 'terminate_all',
  title: 'End all your agents',
  description: 'terminate_instance for every agent below you. Other clients keep theirs.',
  input: z.strictObject({ force }),
  output: answer({ terminated: endedList, total: z.number(), note }),
  annotations: ending,
  topic: 'interrupt',
  listedFor: ['client'],
  searchHint: 'end kill stop close all agents clean up',
  handler: async (input, { system, caller, signal, progress }) => {
    progress('your agents are ending, leaves first')
    const ended = await orCancelled(system.terminateAll(caller, input.force), signal, () => undefined)
    if (!ended) return { data: { terminated: [], total: 0, note: goesOn } }
    return { data: { terminated: ended.map(({ agentId, name, reason }) => ({ instance_id: agentId, name, reason })), total: ended.length } }
  },
})

export const interruptAll = defineTool({
  name: 'interrupt_all',
  title: 'Interrupt all your agents',
  description: 'interrupt_instance for every agent below you that is busy, whoever gave it its task.',
  input: z.strictObject({ then }),
  output: answer({ results: z.array(z.looseObject(interruptedFields)), total: z.number(), note }),
  annotations: acting,
  topic: 'interrupt',
  listedFor: ['client'],
  searchHint: 'stop pause halt cancel all agents',
  handler: async (input, { system, caller, signal, progress }) => {
    progress('the turns of your agents are being interrupted')
    const results = await orCancelled(system.interruptAll(caller, input.then), signal, () => undefined)
    if (!results) return { data: { results: [], total: 0, note: goesOn } }
    return { data: { results: results.map(toInterrupted), total: results.length, ...(results.length === 0 ? { note: 'None of your agents is busy; nothing was changed.' } : {}) } }
  },
})
