/** Jobs as calls: begun, looked at, waited for, cancelled. `jobs.ts` drives them. */

import { MadroxError } from '../errors.ts'
import { type AgentId, asJobId, type JobId, type ReplyId } from '../ids.ts'
import type { Job, StepTaken } from '../jobs.ts'
import { owing, planJob } from '../machines/job.ts'
import type { Caller } from '../messages.ts'
import type { JobRow } from '../store/job-store.ts'
import { plain } from './approvals.ts'
import { audit } from './auditing.ts'
import { checkTotalCost } from './budgets.ts'
import { interrupt } from './control.ts'
import type { Coordination, JobCancelled, JobPart, JobRequest, JobTold, JobWait } from './coordination.ts'
import { agentContext, callerKey, type Core, isBelow, isEnded, ledgerActor, nameOf, ownerOf, rowOf, tellAgent } from './core.ts'
import { isWithin, resolveLiving } from './directory.ts'
import { claim, inboxOf } from './inboxes.ts'
import { jobsActor, stepsOf, surroundingsOf } from './jobs.ts'
import { checkText, subjectNow } from './messaging.ts'
import { addressOf, standFor } from './principals.ts'
import { withinTurn } from './turns.ts'
import type { Waiting } from './waiting.ts'

export const createCoordination = (core: Core, waiting: Waiting): Coordination => ({
  coordinate: (caller, request) => coordinate(core, caller, request),
  jobStatus: async (caller, id, wait) => {
    const { id: jobId } = findJob(core, caller, id)
    if (wait) await withinTurn(core, caller, wait, within => untilEnded(core, waiting, caller, jobId, { ...wait, ...within }))
    const job = findJob(core, caller, id)
    return { job: toTold(core, job), replies: claimNotice(core, caller, job) }
  },
  cancelJob: (caller, id) => cancel(core, caller, findJob(core, caller, id)),
})

function coordinate(core: Core, caller: Caller, request: JobRequest): JobTold {
  const by = callerKey(core, caller)
  const key = request.callKey === undefined ? undefined : `coordinate ${request.callKey}`
  const earlier = key === undefined ? undefined : (core.store.findCall(by, key) as { jobId: JobId } | undefined) // recorded below
  if (earlier) return toTold(core, findJob(core, caller, earlier.jobId))
  const job = toJob(core, caller, request)
  standFor(core, caller)
  core.store.transaction(() => {
    core.store.insertJob(job)
    if (key !== undefined) core.store.recordCall(by, key, { jobId: job.id }, job.createdAt, job.coordinator)
    audit(core.store, { at: job.createdAt, event: 'job_begun', agentId: job.coordinator, data: { job: job.id, type: job.type, participants: [...job.participants], by } })
  })
  jobsActor(core).send({ type: 'jobBegun', jobId: job.id })
  return toTold(core, core.store.getJob(job.id) ?? job)
}

function toJob(core: Core, caller: Caller, { coordinator, participants, task, type }: JobRequest): Job {
  const subject = caller.kind === 'agent' ? subjectNow(core, caller.agentId) : undefined
  const find = (reference: string): AgentId => {
    refuseItself(core, caller, reference)
    return resolveLiving(core, caller, reference, 'address').id
  }
  const job: Job = {
    id: core.ids.job(), type, task, coordinator: find(coordinator), participants: participants.map(find),
    caller, from: addressOf(core, caller), ownerId: ownerOf(core, caller), createdAt: core.clock.now(), ...(subject ? { subject } : {}),
  }
  const all = [...job.participants, job.coordinator]
  const twice = all.find((id, index) => all.indexOf(id) !== index)
  if (twice) throw new MadroxError('invalid_input', `"${rowOf(core, twice).name}" is named twice: everybody has one part in a job, and its coordinator has that.`, { remedy: 'Name each agent once.', data: { agentId: twice } })
  checkText(core, task)
  const plan = planJob(job, [], surroundingsOf(core))
  if (plan.type === 'send') for (const { text } of plan.steps) checkText(core, text)
  for (const id of all) checkTotalCost(core, rowOf(core, id).ownerId)
  return job
}

/** Its part could begin only when its turn has ended, and the job is what it waits for. */
function refuseItself(core: Core, caller: Caller, reference: string): void {
  const own = caller.kind === 'agent' ? rowOf(core, caller.agentId) : undefined
  if (!own || (reference !== own.id && reference !== own.name)) return
  throw new MadroxError('wait_cycle', 'An agent cannot take part in its own job: it would wait for itself.', { remedy: 'Name others, and do your own part yourself; with sequential or parallel you may also put it into the task.', data: { agentId: own.id } })
}

function findJob(core: Core, caller: Caller, id: string): JobRow {
  const job = core.store.getJob(asJobId(id))
  if (job && maySee(core, caller, job)) return job
  throw new MadroxError('not_found', `There is no job "${id}" of yours.`, { remedy: `Use the job_id that coordinate_instances returned.${ownJobs(core, caller)}`, data: { id } })
}

const maySee = (core: Core, caller: Caller, job: Job): boolean =>
  caller.kind === 'agent' ? job.caller.kind === 'agent' && (job.caller.agentId === caller.agentId || isBelow(core, job.caller.agentId, caller.agentId)) : job.ownerId === caller.ownerId

/** Of an owner's newest, how many are looked through for those of one caller; and how many are told. */
const lookedThrough = 100
const toldJobs = 5

/** For one who has lost the id: what there is, newest first, each by how its task begins. */
function ownJobs(core: Core, caller: Caller): string {
  const own = core.store.listJobs(ownerOf(core, caller), lookedThrough).filter(job => maySee(core, caller, job)).slice(0, toldJobs)
  if (own.length === 0) return ' You have had none.'
  return ` Yours, newest first: ${own.map(({ id, type, task, end }) => `${id} (${type}, ${(end?.status ?? 'running').replaceAll('_', ' ')}: ${plain(task, 60)})`).join('; ')}.`
}

function toTold(core: Core, job: JobRow): JobTold {
  const steps = stepsOf(core, job.id)
  const part = (agentId: AgentId, index: number): JobPart => {
    const step = steps.find(({ number }) => number === index + 1)
    return {
      agentId, name: nameOf(core, { kind: 'agent', id: agentId }), as: index < job.participants.length ? 'participant' : 'coordinator',
      status: step?.outcome?.status ?? (step ? 'open' : 'waiting'), ...(step?.messageId ? { messageId: step.messageId } : {}), ...(step?.outcome ? { text: step.outcome.text } : {}),
    }
  }
  return {
    id: job.id, type: job.type, task: job.task, status: job.end?.status ?? 'running', parts: [...job.participants, job.coordinator].map(part), createdAt: job.createdAt,
    ...(job.end ? { endedAt: job.end.at, result: job.end.text } : {}),
  }
}

/** What would tell the caller of the end: this answer does. */
function claimNotice(core: Core, caller: Caller, { end }: JobRow): readonly ReplyId[] {
  if (!end?.noticeId) return []
  const own = addressOf(core, caller)
  const notice = inboxOf(core, own).find(reply => reply.id === end.noticeId)
  if (!notice) return []
  claim(core, own, [notice])
  return [notice.id]
}

/** Resolves when it has ended, or the wait has. @throws MadroxError `wait_cycle`, at once or as soon as it is one */
function untilEnded(core: Core, waiting: Waiting, caller: Caller, jobId: JobId, { timeoutMs, signal, progress }: JobWait): Promise<void> {
  return new Promise((resolve, reject) => {
    let leave = (): void => {}
    const over = (error?: unknown): void => {
      leave()
      core.clock.clearTimeout(timer)
      moved.unsubscribe()
      signal?.removeEventListener('abort', onAbort)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onAbort = (): void => over()
    const look = (): void => {
      try {
        const job = core.store.getJob(jobId)
        if (!job || job.end) return over()
        const steps = stepsOf(core, jobId)
        leave()
        const owed = owing(job, steps)
        leave = waiting.enter(caller, owed, onAbort)
        if (owed.length > 0) progress?.(inWords(core, job, steps)) // else its end is being put on record
      } catch (error) {
        over(error)
      }
    }
    const moved = jobsActor(core).on('jobMoved', event => event.jobId === jobId && look())
    const timer = core.clock.setTimeout(onAbort, Math.max(0, waiting.deadlineFor(caller, timeoutMs) - core.clock.now()))
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) over()
    else look()
  })
}

function inWords(core: Core, job: Job, steps: readonly StepTaken[]): string {
  const out = steps.filter(({ outcome }) => !outcome).map(({ agentId }) => nameOf(core, { kind: 'agent', id: agentId }))
  return `${steps.length - out.length} of ${job.participants.length + 1} parts are done; ${out.length > 0 ? `${out.join(', ')} at work` : 'the next is on its way'}`
}

/** Its end first, so that nothing more is sent; then what is open is cut, as far as the caller may. */
async function cancel(core: Core, caller: Caller, job: JobRow): Promise<JobCancelled> {
  const none = { interrupted: [], withdrawn: [], left: [] }
  if (job.end) return { job: toTold(core, job), cancelled: false, ...none }
  const by = callerKey(core, caller)
  ledgerActor(core).send({ type: 'jobEnded', jobId: job.id, end: { status: 'cancelled', text: 'It was cancelled.', at: core.clock.now() }, by, quiet: by === callerKey(core, job.caller) })
  if (!core.store.getJob(job.id)?.end) throw new MadroxError('unavailable', 'The job is being cancelled, but that cannot be put on record now.', { remedy: 'It is tried again every second; call again to see, and to cut what is open.', data: { id: job.id } })
  const cuts = await Promise.all(stepsOf(core, job.id).filter(({ outcome }) => !outcome).map(step => cut(core, caller, step)))
  const those = (how: Cut): string[] => cuts.flatMap(each => (each.how === how ? [nameOf(core, { kind: 'agent', id: each.agentId })] : []))
  return { job: toTold(core, findJob(core, caller, job.id)), cancelled: true, interrupted: those('interrupted'), withdrawn: those('withdrawn'), left: those('left') }
}

type Cut = 'interrupted' | 'withdrawn' | 'left'

async function cut(core: Core, caller: Caller, { agentId, messageId }: StepTaken): Promise<{ readonly agentId: AgentId; readonly how: Cut }> {
  const context = agentContext(core, agentId)
  if (!context || !messageId || isEnded(core, agentId)) return { agentId, how: 'left' }
  if (context.mailbox.some(({ message }) => message.id === messageId)) {
    tellAgent(core, agentId, { type: 'messageWithdrawn', messageId, reason: 'The job it was a part of was cancelled.', at: core.clock.now() })
    return { agentId, how: 'withdrawn' }
  }
  if (context.turn?.subject !== messageId || !isWithin(core, caller, rowOf(core, agentId), 'rule')) return { agentId, how: 'left' }
  return { agentId, how: (await interrupt(core, caller, agentId, 'continue')).interrupted ? 'interrupted' : 'left' }
}
