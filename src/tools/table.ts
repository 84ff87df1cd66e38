/** The tool table: what MCP, REST and CLI all read. */

import { z } from 'zod'
import { MadroxError } from '../errors.ts'
import { answerApproval, listApprovals } from './approvals.ts'
import { cleanWorkspaces, getInstanceDiff } from './changes.ts'
import { interruptInstance, interruptMultiple, terminateInstance, terminateMultiple } from './control.ts'
import { listInstanceFiles, listMultipleInstanceFiles, retrieveInstanceFile, retrieveMultipleInstanceFiles } from './files.ts'
import { cancelJob, coordinateInstances, getJobStatus } from './jobs.ts'
import { getDashboardUrl, getLiveInstanceStatus, getMainInstanceId, getMultipleOutputs } from './glance.ts'
import { listDeadLetters, resendDeadLetter } from './letters.ts'
import { interruptAll, listPersistedInstances, resumeInstance, suspendInstance, terminateAll } from './lifecycle.ts'
import { getAuditLogs, getInstanceLogs, listLoggedInstances } from './logs.ts'
import { broadcastToChildren, getPendingReplies, replyToCaller, sendToInstance, sendToMultiple, waitForAny } from './messages.ts'
import { getMetrics } from './metrics.ts'
import { getPolicy, setPolicy } from './policy.ts'
import { acting, readOnly } from './schemas.ts'
import { getChildren, getInstanceOutput, getInstanceStatus, getInstanceTree, getPeers, getTerminalScreen } from './see.ts'
import { spawnAgent, spawnClaude, spawnCodex, spawnMultiple } from './spawn.ts'
import { getAgentSummary, getAllAgentSummaries } from './summaries.ts'
import { listRoles, listTemplates, spawnTeam } from './teams.ts'
import { defineTool, runTool, type Tool, type ToolTable, topics } from './tool.ts'

const tools: readonly Tool[] = [
  spawnClaude, spawnCodex, spawnAgent, spawnMultiple, spawnTeam, listTemplates, listRoles,
  sendToInstance, sendToMultiple, broadcastToChildren, replyToCaller, getPendingReplies, waitForAny, listDeadLetters, resendDeadLetter,
  coordinateInstances, getJobStatus, cancelJob,
  interruptInstance, interruptMultiple, terminateInstance, terminateMultiple,
  suspendInstance, resumeInstance, listPersistedInstances, interruptAll, terminateAll,
  getPolicy, setPolicy, listApprovals, answerApproval,
  getLiveInstanceStatus, getMultipleOutputs, getDashboardUrl, getMainInstanceId,
  getInstanceStatus, getInstanceTree, getChildren, getPeers, getInstanceOutput, getTerminalScreen,
  getInstanceLogs, getAuditLogs, listLoggedInstances,
  getMetrics, getAgentSummary, getAllAgentSummaries,
  listInstanceFiles, retrieveInstanceFile, listMultipleInstanceFiles, retrieveMultipleInstanceFiles, getInstanceDiff, cleanWorkspaces,
]

/** Every tool by name, and by alias. */
export function createToolTable(): ToolTable {
  const table = new Map<string, Tool>()
  const add = (tool: Tool): void => {
    for (const name of [tool.name, ...(tool.aliases ?? [])]) table.set(name, tool)
  }
  tools.forEach(add)
  add(listTools(table))
  add(callAnyTool(table))
  return table
}

/** Checked here and not by an enum in the schema, which every agent would pay for. */
const topic = z.string().refine(text => topics.some(known => known === text), `is none of ${topics.join(', ')}`).describe('e.g. files, logs, jobs')

/** Agents are shown few tools; by these two they reach the rest. */
const listTools = (table: ToolTable): Tool =>
  defineTool({
    name: 'list_tools',
    title: 'Further tools',
    description: 'Lists the tools you are not shown, with their schemas; call them by call_tool.',
    input: z.strictObject({ topic: topic.optional() }),
    annotations: readOnly,
    topic: 'see',
    listedFor: ['leaf', 'supervisor'],
    searchHint: 'more tools topics',
    handler: ({ topic }, { system, caller }) => {
      const shown = system.toolsetOf(caller)
      const orchestrates = system.policy(caller).effective.orchestration?.value !== 'off'
      const rest = [...new Set(table.values())].filter(tool => !tool.listedFor.includes(shown) && (topic === undefined || tool.topic === topic) && (orchestrates || !tool.spawns))
      return { text: rest.map(tool => `${tool.name}: ${tool.description}\n  ${JSON.stringify(z.toJSONSchema(tool.input, { io: 'input', unrepresentable: 'any' }))}`).join('\n') || 'There are no others.' }
    },
  })

const callAnyTool = (table: ToolTable): Tool =>
  defineTool({
    name: 'call_tool',
    title: 'Call a further tool',
    description: 'Calls a tool named by list_tools.',
    input: z.strictObject({ name: z.string().min(1), arguments: z.record(z.string(), z.unknown()).default({}) }),
    annotations: acting,
    topic: 'control',
    listedFor: ['leaf', 'supervisor'],
    searchHint: 'call further tool',
    handler: (input, context) => {
      // As deep as a caller likes, it would run out of stack; and the record names the tool that was called.
      if (input.name === 'call_tool') throw new MadroxError('invalid_input', 'call_tool does not call itself.', { remedy: 'Name the tool that is meant.', data: { name: input.name } })
      return runTool(table, input.name, input.arguments, context)
    },
  })
