/** Jobs in SQLite. */

import { z } from 'zod'
import { asAgentId, asClientId, asJobId, asMessageId, asOwnerId, asReplyId } from '../ids.ts'
import { coordinationTypes, type Job, type JobEnd, jobStatuses, type JobStep } from '../jobs.ts'
import type { Address, Caller, Outcome } from '../messages.ts'
import { outcomeStatuses } from '../messages.ts'
import type { Connection } from './database.ts'
import type { JobRow, JobStore } from './job-store.ts'
import { compact, fromJson, jsonOrNull, optional, orNull, toJson, type Values, words } from './rows.ts'
import { expectKnown, insertInto } from './statements.ts'

const agentId = z.string().transform(asAgentId)
const clientId = z.string().transform(asClientId)
const ownerId = z.string().transform(asOwnerId)
const messageId = z.string().transform(asMessageId)

const caller: z.ZodType<Caller> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('agent'), agentId }),
  z.object({ kind: z.literal('client'), clientId, ownerId }),
  z.object({ kind: z.literal('owner'), ownerId }),
])
const address: z.ZodType<Address> = z.discriminatedUnion('kind', [z.object({ kind: z.literal('agent'), id: agentId }), z.object({ kind: z.literal('client'), id: clientId })])
const outcome = z.object({ status: z.enum(outcomeStatuses), text: z.string(), at: z.number() })

const jobRow = z
  .object({
    id: z.string().transform(asJobId), type: z.enum(coordinationTypes), task: words, coordinator: agentId, participants: fromJson.pipe(z.array(agentId)), caller: fromJson.pipe(caller),
    from_address: fromJson.pipe(address), owner_id: ownerId, subject: optional(messageId), created_at: z.number(),
    status: optional(z.enum(jobStatuses).exclude(['running'])), result: optional(words), notice_id: optional(z.string().transform(asReplyId)), ended_at: optional(z.number()),
  })
  .transform((row): JobRow => compact({
    id: row.id, type: row.type, task: row.task, coordinator: row.coordinator, participants: row.participants, caller: row.caller, from: row.from_address, ownerId: row.owner_id, subject: row.subject, createdAt: row.created_at,
    end: row.status && compact<JobEnd>({ status: row.status, text: row.result ?? '', noticeId: row.notice_id, at: row.ended_at ?? 0 }),
  }))

const jobValues = (job: Job): Values => ({
  id: job.id, type: job.type, task: toJson(job.task), coordinator: job.coordinator, participants: toJson(job.participants), caller: toJson(job.caller), from_address: toJson(job.from), owner_id: job.ownerId, subject: orNull(job.subject), created_at: job.createdAt,
})

const stepRow = z
  .object({ job_id: z.string().transform(asJobId), number: z.number(), agent_id: agentId, message_id: optional(messageId), refusal: optional(fromJson.pipe(outcome)) })
  .transform((row): JobStep => compact({ jobId: row.job_id, number: row.number, agentId: row.agent_id, messageId: row.message_id, refusal: row.refusal }))

const stepValues = ({ jobId, number, agentId, messageId, refusal }: JobStep): Values => ({ job_id: jobId, number, agent_id: agentId, message_id: orNull(messageId), refusal: refusalValue(refusal) })
const refusalValue = (refusal: Outcome | undefined): string | null => (refusal === undefined ? null : toJson(refusal))

export function createSqliteJobs(db: Connection): JobStore {
  const insert = db.write(insertInto('jobs', 'id, type, task, coordinator, participants, caller, from_address, owner_id, subject, created_at'))
  const one = db.read('SELECT * FROM jobs WHERE id = @id', jobRow)
  const running = db.read('SELECT * FROM jobs WHERE status IS NULL ORDER BY seq', jobRow)
  const newest = db.read('SELECT * FROM jobs WHERE owner_id = @owner_id ORDER BY seq DESC LIMIT @limit', jobRow)
  const end = db.write('UPDATE jobs SET status = @status, result = @result, notice_id = @notice_id, ended_at = @ended_at WHERE id = @id AND status IS NULL')
  const addStep = db.write(insertInto('job_steps', 'job_id, number, agent_id, message_id, refusal'))
  const steps = db.read('SELECT * FROM job_steps WHERE job_id = @id ORDER BY number', stepRow)
  const jobOf = db.read('SELECT * FROM job_steps WHERE message_id = @id', stepRow)
  return {
    insertJob: job => void insert(jobValues(job)),
    getJob: id => one({ id })[0],
    listRunningJobs: () => running(),
    listJobs: (owner, limit) => newest({ owner_id: owner, limit }),
    endJob: (id, { status, text, noticeId, at }) => {
      if (end({ id, status, result: jsonOrNull(text), notice_id: orNull(noticeId), ended_at: at }) > 0) return true
      expectKnown(one({ id }).length, 'job', id)
      return false
    },
    addJobStep: step => void addStep(stepValues(step)),
    listJobSteps: id => steps({ id }),
    findJobOf: id => jobOf({ id })[0]?.jobId,
  }
}
