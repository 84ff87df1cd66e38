/**
 * The hand that drives jobs: whenever something is on record of one, it looks at the whole of it and does what `planJob` says. It keeps
 * nothing of a job in memory. A step goes on record with its message, in one transaction, under its number: a server that was killed
 * anywhere in between finds it sent or not sent, and no step is sent twice.
 */

import { type ActorRefFrom, type AnyActorRef, fromCallback } from 'xstate'
import { MadroxError, toWireError, wordsOf } from '../errors.ts'
import type { AgentId, JobId } from '../ids.ts'
import type { Job, StepTaken } from '../jobs.ts'
import { hands, type JobsEvent } from '../machines/effects.ts'
import { type JobSurroundings, type PlannedStep, planJob } from '../machines/job.ts'
import { type Core, ledgerActor, nameOf, tellAgent } from './core.ts'
import { send } from './messaging.ts'
import type { Waiting } from './waiting.ts'

/** For those who wait: something is on record of it that was not. */
export interface JobMoved {
  readonly type: 'jobMoved'
  readonly jobId: JobId
}

/** How soon a job goes on that could not be recorded. Milliseconds. */
const retryMs = 1_000

export const createJobs = (around: () => { readonly core: Core; readonly waiting: Waiting }) =>
  fromCallback<JobsEvent, undefined, JobMoved>(({ receive, system, emit }) => {
    const tryAgainLater = (): void => {
      const deadlines = system.get(hands.deadlines) as AnyActorRef // lives as long as the system
      deadlines.send({ type: 'setDeadline', key: 'jobs:retry', at: { afterMs: retryMs }, notify: hands.jobs, event: { type: 'jobsDue' } })
    }
    const attempt = (work: () => void): void => {
      try {
        work()
      } catch (error) {
        if (!(error instanceof MadroxError && error.code === 'unavailable')) throw error
        tryAgainLater()
      }
    }
    const goOn = (jobId: JobId): void => attempt(() => advance(around(), jobId))
    receive(event => {
      if (event.type === 'jobsDue') return attempt(() => around().core.store.listRunningJobs().forEach(({ id }) => goOn(id)))
      if (event.type === 'jobClosed') attempt(() => tellCaller(around().core, event.jobId))
      else goOn(event.jobId)
      emit({ type: 'jobMoved', jobId: event.jobId })
    })
  })

export type JobsActor = ActorRefFrom<ReturnType<typeof createJobs>>
export const jobsActor = (core: Core): JobsActor => core.root.system.get(hands.jobs) as JobsActor // lives as long as the system

export const surroundingsOf = (core: Core): JobSurroundings => ({ nameOf: (id: AgentId) => nameOf(core, { kind: 'agent', id }), maxLength: core.limits.maxMessageLength })

/** Its steps with what became of them: the outcomes of their messages. */
export const stepsOf = ({ store }: Core, jobId: JobId): readonly StepTaken[] =>
  store.listJobSteps(jobId).map(step => {
    const outcome = step.refusal ?? (step.messageId && store.getMessage(step.messageId)?.outcome)
    return outcome ? { ...step, outcome } : step
  })

interface Around {
  readonly core: Core
  readonly waiting: Waiting
}

/** As far as it goes now. What cannot be sent is an outcome too, and so may be followed by the next step at once. */
function advance(around: Around, jobId: JobId): void {
  const { core } = around
  const job = core.store.getJob(jobId)
  if (!job || job.end) return
  try {
    for (;;) {
      const plan = planJob(job, stepsOf(core, jobId), surroundingsOf(core))
      if (plan.type === 'wait') return tellCaller(core, jobId)
      if (plan.type === 'end') return ledgerActor(core).send({ type: 'jobEnded', jobId, end: { status: plan.status, text: plan.text, at: core.clock.now() } })
      for (const step of plan.steps) take(around, job, step)
    }
  } catch (error) {
    if (error instanceof MadroxError && error.code === 'unavailable') throw error
    core.log.error(`the job ${jobId} failed`, { error })
    ledgerActor(core).send({ type: 'jobEnded', jobId, end: { status: 'failed', text: `Madrox could not go on with it: ${wordsOf(error)}`, at: core.clock.now() } })
  }
}

function take({ core, waiting }: Around, job: Job, { number, agentId, text }: PlannedStep): void {
  const step = { jobId: job.id, number, agentId }
  try {
    send(core, waiting, job.caller, { to: agentId, text, expectsReply: true, ...subjectOf(job) }, message => core.store.addJobStep({ ...step, messageId: message.id }))
  } catch (error) {
    if (!(error instanceof MadroxError) || error.code === 'unavailable' || error.code === 'internal') throw error
    core.store.addJobStep({ ...step, refusal: { status: error.code === 'agent_ended' ? 'agent_gone' : 'failed', text: toWireError(error).message, at: core.clock.now() } })
  }
}

/** Said even where there is none: what its caller works on by now has nothing to do with the job. */
const subjectOf = ({ subject }: Job): { subject?: Job['subject'] } => ({ subject })

/** An agent's own message stays open as long as a step for it is out; those that ended are out no more. */
function tellCaller(core: Core, jobId: JobId): void {
  const job = core.store.getJob(jobId)
  if (!job?.subject || job.from.kind !== 'agent') return
  const ended = stepsOf(core, jobId).flatMap(({ messageId, outcome }) => (messageId && outcome ? [messageId] : []))
  tellAgent(core, job.from.id, { type: 'repliesClaimed', ids: [], messageIds: ended, at: core.clock.now() })
}
