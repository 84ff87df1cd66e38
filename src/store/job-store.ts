/** The part of the store port that holds jobs and which message is which step of them. Records; decides nothing. */

import type { JobId, MessageId, OwnerId } from '../ids.ts'
import type { Job, JobEnd, JobStep } from '../jobs.ts'

export interface JobRow extends Job {
  /** Absent: it runs. */
  readonly end?: JobEnd
}

export interface JobStore {
  insertJob(job: Job): void
  getJob(id: JobId): JobRow | undefined
  /** Those that run, oldest first. */
  listRunningJobs(): readonly JobRow[]
  /** The newest so many of an owner's, newest first. */
  listJobs(ownerId: OwnerId, limit: number): readonly JobRow[]
  /** Once. False: it ended before, and that stands. */
  endJob(id: JobId, end: JobEnd): boolean
  /** Once for each number of a job: a second one is refused as `internal`, and with it the transaction that would send the step again. */
  addJobStep(step: JobStep): void
  /** By number. */
  listJobSteps(id: JobId): readonly JobStep[]
  /** The job that a message is a step of. */
  findJobOf(id: MessageId): JobId | undefined
}
