/**
 * What a job does next, and in which words. Pure: what is on record of a job and its steps in, what is to be sent or how it ends out.
 * Nothing else is remembered of a job, so a server that finds one goes on where another was killed.
 *
 * A part that failed is missing from what the others built, and the job says so; it fails only where nobody answered. Where the coordinator
 * does not answer, what was gathered is the result.
 */

import type { AgentId } from '../ids.ts'
import type { Job, JobEnd, StepTaken } from '../jobs.ts'

export type JobPlan =
  | { readonly type: 'send'; readonly steps: readonly PlannedStep[] }
  | { readonly type: 'wait' }
  | { readonly type: 'end'; readonly status: JobEnd['status']; readonly text: string }

export interface PlannedStep {
  readonly number: number
  readonly agentId: AgentId
  readonly text: string
}

export interface JobSurroundings {
  readonly nameOf: (id: AgentId) => string
  /** Characters of a message. */
  readonly maxLength: number
}

/** The coordinator's. */
export const summaryNumber = ({ participants }: Pick<Job, 'participants'>): number => participants.length + 1

/** Who still owes the job something: without any of them it cannot end. */
export const owing = (job: Job, steps: readonly StepTaken[]): readonly AgentId[] =>
  [...job.participants, job.coordinator].filter((_, index) => !steps.some(({ number, outcome }) => number === index + 1 && outcome))

export function planJob(job: Job, steps: readonly StepTaken[], around: JobSurroundings): JobPlan {
  const parts = steps.filter(({ number }) => number < summaryNumber(job))
  const isOpen = parts.some(({ outcome }) => outcome === undefined)
  const missing = job.participants.flatMap((agentId, index) => (parts.some(({ number }) => number === index + 1) ? [] : [{ number: index + 1, agentId }]))
  const next = job.type === 'sequential' ? (isOpen ? [] : missing.slice(0, 1)) : missing
  if (next.length > 0) return { type: 'send', steps: next.map(step => ({ ...step, text: partText(job, step, parts, around) })) }
  if (isOpen) return { type: 'wait' }
  if (!parts.some(isAnswered)) return { type: 'end', status: 'failed', text: `Nobody answered.\n\n${results(parts, around)}` }
  const summary = steps.find(({ number }) => number === summaryNumber(job))
  if (!summary) return { type: 'send', steps: [{ number: summaryNumber(job), agentId: job.coordinator, text: summaryText(job, parts, around) }] }
  return summary.outcome ? endOf(job, parts, summary, around) : { type: 'wait' }
}

const isAnswered = ({ outcome }: StepTaken): boolean => outcome?.status === 'answered'

function endOf(job: Job, parts: readonly StepTaken[], summary: StepTaken, around: JobSurroundings): JobPlan {
  if (isAnswered(summary)) return { type: 'end', status: parts.every(isAnswered) ? 'completed' : 'completed_with_failures', text: summary.outcome?.text ?? '' }
  const text = `${around.nameOf(job.coordinator)} did not make a whole of it (${summary.outcome?.status}: ${summary.outcome?.text}). What was gathered:\n\n${results(parts, around)}`
  return { type: 'end', status: 'completed_with_failures', text }
}

/** What each said, under its name; each at most `length` characters. */
function results(parts: readonly StepTaken[], { nameOf }: JobSurroundings, length = Number.POSITIVE_INFINITY): string {
  return parts.map(({ agentId, outcome }) => {
    const text = outcome?.text ?? ''
    const cut = text.length > length ? `${text.slice(0, length)}\n(cut: ${length} of ${text.length} characters)` : text
    return outcome?.status === 'answered' ? `--- ${nameOf(agentId)} ---\n${cut}` : `--- ${nameOf(agentId)}: no result (${outcome?.status}) ---\n${cut}`
  }).join('\n\n')
}

/** Room that is left for headings and for saying what was cut. */
const headingLength = 200

/** The words around results, and of these as much as a message holds. */
function withResults(before: string, parts: readonly StepTaken[], after: string, around: JobSurroundings): string {
  const room = around.maxLength - before.length - after.length - parts.length * headingLength
  return `${before}\n\n${results(parts, around, Math.max(0, Math.floor(room / Math.max(1, parts.length))))}\n\n${after}`
}

const listed = (names: readonly string[]): string => names.join(', ')

function partText(job: Job, step: Pick<PlannedStep, 'number' | 'agentId'>, parts: readonly StepTaken[], around: JobSurroundings): string {
  const { nameOf } = around
  const lead = nameOf(job.coordinator)
  const others = listed(job.participants.filter(id => id !== step.agentId).map(nameOf))
  if (job.type === 'consensus') {
    return `You are asked by yourself, as others are; ${lead} compares what all of you answer.\n\n${job.task}\n\nAnswer the whole of it on your own, without asking the others. Say what you conclude, why, how sure you are, and what would change your mind.`
  }
  if (job.type === 'parallel') {
    const side = others === '' ? `You have this task; ${lead} makes a whole of it.` : `You have this task at the same time as ${others}; ${lead} makes one whole of what each of you does.`
    return `${side}\n\n${job.task}\n\nDo what falls to your role, without waiting for anybody. Answer with your result, and name what you left to others.`
  }
  const place = `You are number ${step.number} of ${job.participants.length} who work on this task one after the other: ${listed(job.participants.map(nameOf))}. ${lead} sums up.`
  const nextOne = job.participants[step.number]
  const after = `Answer with your result, whole: it is passed on to ${nextOne === undefined ? lead : nameOf(nextOne)}.`
  if (parts.length === 0) return `${place}\n\n${job.task}\n\nYou are the first. ${after}`
  return withResults(`${place}\n\n${job.task}\n\nThe results so far:`, parts, `Go on from these. ${after}`, around)
}

const manners = {
  sequential: ['They worked on it one after the other, each with the results before it', 'Sum up what came of it: the result as it stands at the end, and what was changed or left open on the way.'],
  parallel: ['They worked on it at the same time, each on its part', 'Make one whole of it. Where parts contradict each other or leave a gap, say so and say what you did about it.'],
  consensus: ['Each answered the whole of it independently', 'Make one answer of these. Say first what all agree on. Then name each disagreement: who holds what, and why. Then decide, with your reasons, and keep what speaks against it.'],
} as const

function summaryText(job: Job, parts: readonly StepTaken[], around: JobSurroundings): string {
  const [how, what] = manners[job.type]
  const failed = parts.filter(part => !isAnswered(part)).map(({ agentId }) => around.nameOf(agentId))
  const without = failed.length > 0 ? ` There is no result of ${listed(failed)}: say in your answer what is missing by that.` : ''
  const before = `You coordinate a job of ${listed(job.participants.map(around.nameOf))}. The task:\n\n${job.task}\n\n${how}. What they answered:`
  return withResults(before, parts, `${what}${without} Your answer is the result of the job.`, around)
}
