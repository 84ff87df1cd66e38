/** Jobs in memory. */

import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { JobStep } from '../jobs.ts'
import type { JobRow, JobStore } from './job-store.ts'
import { createTable, type Journal } from './tables.ts'

export function createMemoryJobs(journal: Journal, knowAgent: (id: AgentId, what: string) => void): JobStore {
  const jobs = createTable<JobRow>(journal, 'job')
  const steps = createTable<JobStep>(journal, 'step')
  return {
    insertJob: job => {
      knowAgent(job.coordinator, 'job')
      jobs.insert(job.id, job)
    },
    getJob: id => jobs.get(id),
    listRunningJobs: () => jobs.list(job => job.end === undefined),
    listJobs: (ownerId, limit) => jobs.list(job => job.ownerId === ownerId).slice(-limit).toReversed(),
    endJob: (id, end) => {
      const runs = jobs.get(id)?.end === undefined
      jobs.update(id, job => ({ ...job, end: job.end ?? end }))
      return runs
    },
    addJobStep: step => {
      knowAgent(step.agentId, 'step')
      if (!jobs.get(step.jobId)) throw new MadroxError('internal', `The store has no job ${step.jobId} for this step.`, { data: { id: step.jobId } })
      steps.insert(JSON.stringify([step.jobId, step.number]), step)
    },
    listJobSteps: id => steps.list(step => step.jobId === id).toSorted((a, b) => a.number - b.number),
    findJobOf: id => steps.list(step => step.messageId === id)[0]?.jobId,
  }
}
