/** Jobs: one task for several agents, and one of them who makes a whole of it. */

import { z } from 'zod'
import type { JobTold } from '../actors/system.ts'
import { coordinationTypes, jobStatuses } from '../jobs.ts'
import { outcomeStatuses } from '../messages.ts'
import { orCancelled } from './cancelling.ts'
import { goesOn } from './control.ts'
import { agentNamed, answer, note, time } from './outputs.ts'
import { acting, ending, instanceId, reference } from './schemas.ts'
import { defineTool } from './tool.ts'

const iso = (at: number): string => new Date(at).toISOString()
const jobId = z.string().min(1).max(200).describe('job_id of coordinate_instances')

const toJob = (job: JobTold): Record<string, unknown> => ({
  job_id: job.id, status: job.status, coordination_type: job.type, task_description: job.task,
  parts: job.parts.map(part => ({ instance_id: part.agentId, name: part.name, as: part.as, status: part.status, ...(part.messageId ? { message_id: part.messageId } : {}), ...(part.text === undefined ? {} : { response: part.text }) })),
  created_at: iso(job.createdAt), ...(job.endedAt === undefined ? {} : { ended_at: iso(job.endedAt) }), ...(job.result === undefined ? {} : { result: job.result }),
})

const partOutput = z.looseObject({
  ...agentNamed, as: z.enum(['participant', 'coordinator']), status: z.enum(['waiting', 'open', ...outcomeStatuses]).describe('waiting: its turn has not come; open: sent and not answered'),
  message_id: z.string().optional(), response: z.string().optional().describe('Its answer, or why there is none'),
})
const jobOutput = answer({
  job_id: z.string(), status: z.enum(jobStatuses), coordination_type: z.enum(coordinationTypes), task_description: z.string(), parts: z.array(partOutput).describe('In the order they were named, the coordinator last'),
  created_at: time, ended_at: time.optional(), result: z.string().optional().describe('Or why there is none'), hint: z.string().optional(),
})

export const coordinateInstances = defineTool({
  name: 'coordinate_instances',
  title: 'Have agents work on one task together',
  description: 'Gives one task to several agents and has a coordinator make a whole of their answers. sequential: one after the other, each is given the results so far; parallel: all at once, each does its part; consensus: all at once, each answers the whole on its own, and the coordinator names agreements and disagreements. Returns at once; get_job_status waits. Not for different tasks: send_to_multiple_instances.',
  input: z.strictObject({
    coordinator_id: instanceId.describe('Who sums up, integrates or decides; none of the participants, nor you'),
    participant_ids: z.array(reference).min(1).max(50).describe('In this order, where it is sequential'),
    task_description: z.string().min(1),
    coordination_type: z.enum(coordinationTypes).default('sequential'),
  }),
  output: jobOutput,
  annotations: acting,
  topic: 'jobs',
  listedFor: ['client'],
  searchHint: 'coordinate job pipeline sequential parallel consensus team together',
  handler: (input, { system, caller, callKey }) => {
    const job = system.coordinate(caller, { coordinator: input.coordinator_id, participants: input.participant_ids, task: input.task_description, type: input.coordination_type, ...(callKey ? { callKey } : {}) })
    return { data: { ...toJob(job), hint: 'You are told when it has ended; get_job_status with wait_for_completion waits for that.' } }
  },
})

export const getJobStatus = defineTool({
  name: 'get_job_status',
  title: 'How a job stands',
  description: 'How a job stands, part by part, and its result once it has ended: completed, completed_with_failures (somebody\'s part is missing from the result), failed, cancelled. With wait_for_completion it answers when the job has ended, or as it stands after max_wait; the job goes on.',
  input: z.strictObject({ job_id: jobId, wait_for_completion: z.boolean().default(false), max_wait: z.number().positive().max(86_400).default(180).describe('Seconds') }),
  output: jobOutput,
  // It hands out what would tell of the job's end.
  annotations: { ...acting, openWorldHint: false },
  topic: 'jobs',
  listedFor: ['client'],
  searchHint: 'job status result wait completion coordinate',
  handler: async ({ job_id, wait_for_completion, max_wait }, { system, caller, signal, progress }) => {
    const { job, replies } = await system.jobStatus(caller, job_id, wait_for_completion ? { timeoutMs: max_wait * 1000, signal, progress } : undefined)
    return { data: { ...toJob(job), ...(job.status === 'running' ? { hint: 'It goes on; you are told when it has ended.' } : {}) }, replies }
  },
})

export const cancelJob = defineTool({
  name: 'cancel_job',
  title: 'Cancel a job',
  description: 'Ends a job: nothing more is sent, parts that have not begun are withdrawn, and the turns at work on it are interrupted where you may (agents below you; they go on with their queue). A peer or your supervisor finishes its turn, and what it answers goes nowhere.',
  input: z.strictObject({ job_id: jobId }),
  output: jobOutput.extend({ cancelled: z.boolean().describe('false: it had ended before'), interrupted: z.array(z.string()).describe('Whose turns were cut'), withdrawn: z.array(z.string()).describe('Whose parts had not begun'), left: z.array(z.string()).describe('Who goes on; their answers go nowhere'), note }),
  annotations: ending,
  topic: 'jobs',
  listedFor: ['client'],
  searchHint: 'cancel stop job coordinate',
  handler: async ({ job_id }, { system, caller, signal, progress }) => {
    const cancelling = system.cancelJob(caller, job_id)
    progress('the turns at work on the job are being interrupted')
    const told = await orCancelled(cancelling, signal, () => undefined)
    if (!told) {
      const { job, replies } = await system.jobStatus(caller, job_id)
      return { data: { ...toJob(job), cancelled: job.status === 'cancelled', interrupted: [], withdrawn: [], left: [], note: goesOn }, replies }
    }
    const { job, cancelled, interrupted, withdrawn, left } = told
    return { data: { ...toJob(job), cancelled, interrupted, withdrawn, left, ...(cancelled ? {} : { note: 'It had ended before.' }) } }
  },
})
