/** Short looks: what agents do at this moment, several records at once, and where people look. */

import { z } from 'zod'
import type { AgentStatus } from '../actors/system.ts'
import { toWireError } from '../errors.ts'
import { answer, note } from './outputs.ts'
import { isoTime, readOnly, reference } from './schemas.ts'
import { iso, readOutput, toStatus } from './see.ts'
import { liveOutput } from './status-output.ts'
import { defineTool } from './tool.ts'

const seconds = (since: number | undefined, now: number): number | null => (since === undefined ? null : Math.max(0, Math.round((now - since) / 1000)))

/** The whole status; the current tool with since when, and by what it was told. */
const toLive = (status: AgentStatus, now: number): Record<string, unknown> => ({
  ...toStatus(status, now), seconds_in_state: seconds(status.since, now),
  current_tool: status.currentTool === undefined ? null : { name: status.currentTool, since: status.currentToolSince === undefined ? null : iso(status.currentToolSince), source: status.currentToolSource ?? null },
  waiting_messages: status.mailbox, waits_for_others: status.waits ?? false,
  last_fact_at: status.lastFactAt === undefined ? null : iso(status.lastFactAt), seconds_since_last_fact: seconds(status.lastFactAt, now), stuck: status.stuckSince !== undefined,
})

export const getLiveInstanceStatus = defineTool({
  name: 'get_live_instance_status',
  title: 'What agents do right now',
  description: 'The status of an agent at this moment: the tool it is in and since when, when it was last heard of, and the rest of what get_instance_status says, less what it changed in git. Without instance_id: all living ones. Not for waiting: answers are kept for you.',
  input: z.strictObject({ instance_id: reference.optional() }),
  output: liveOutput,
  annotations: readOnly,
  topic: 'see',
  listedFor: ['client'],
  searchHint: 'live now current tool activity stuck status agent',
  handler: ({ instance_id }, { system, caller, now }) => {
    if (instance_id !== undefined) return { data: toLive(system.status(caller, instance_id), now()) }
    const all = system.list(caller)
    return { data: { instances: all.map(status => toLive(status, now())), total: all.length } }
  },
})

export const getMultipleOutputs = defineTool({
  name: 'get_multiple_instance_outputs',
  title: 'What several agents did and said',
  description: 'get_instance_output for several at once, one after the other; what cannot be shown says why.',
  input: z.strictObject({ instance_ids: z.array(reference).min(1).max(100), limit: z.number().int().positive().max(1_000).default(100), since: isoTime.optional() }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['client'],
  searchHint: 'outputs records logs several agents',
  handler: ({ instance_ids, ...span }, context) => {
    const show = (id: string): string => {
      try {
        const status = context.system.status(context.caller, id)
        return `=== ${status.name} (${status.id})\n${readOutput(context, id, span)}`
      } catch (error) {
        const { code, message, remedy } = toWireError(error) // each on its own: one that is refused hides no other
        return `=== ${id}\n${code}: ${message}${remedy ? ` ${remedy}` : ''}`
      }
    }
    return { text: instance_ids.map(show).join('\n\n') }
  },
})

export const getDashboardUrl = defineTool({
  name: 'get_dashboard_url',
  title: 'Where people watch',
  description: 'The address of the page on which a person watches the agents, live. For showing it to the user.',
  input: z.strictObject({}),
  output: answer({ url: z.string().nullable().describe('null: this Madrox serves no page'), note }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['client'],
  searchHint: 'dashboard inspector web page url watch',
  handler: (_, { system }) => {
    const url = system.dashboardUrl()
    return { data: { url: url ?? null, ...(url === undefined ? { note: 'This Madrox serves no page: it runs inside another program. Use madrox serve for one.' } : {}) } }
  },
})

export const getMainInstanceId = defineTool({
  name: 'get_main_instance_id',
  title: 'The agent at the top',
  description: 'The id of the agent called main-orchestrator, or for an agent the one at the top of its line; null where there is none.',
  input: z.strictObject({}),
  output: answer({ instance_id: z.string().nullable().describe('null: there is none'), because: z.string() }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['client'],
  searchHint: 'main orchestrator top root instance id',
  handler: (_, { system, caller }) => {
    const { agentId, because } = system.mainInstance(caller)
    return { data: { instance_id: agentId ?? null, because } }
  },
})
