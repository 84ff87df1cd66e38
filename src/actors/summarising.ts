/**
 * What an agent has been doing, told from the record: messages and their outcomes, tools it called, what is open. Nothing is guessed: what the
 * record does not know is left out. A model's summary, where one is kept and young, stands before it.
 */

import type { AgentId } from '../ids.ts'
import type { Summaries, Summary } from '../monitoring/summaries.ts'
import { redact, redactData } from '../redaction.ts'
import type { Core } from './core.ts'
import { resolveAgent } from './directory.ts'
import type { AgentStatus } from './facade.ts'
import { statusOf } from './seeing.ts'
import type { SummaryReading } from './summary-reading.ts'

/** So long a model's summary is given. Milliseconds. */
export const modelSummaryMs = 60_000
/** What is read of an agent's past: the newest so many records of each kind. */
const readBack = 500
const shownAccomplishments = 5
const shownSteps = 10
const lineLength = 160

export function createSummarising(core: Core, book: Summaries | undefined): SummaryReading {
  return {
    recordedSummary: (caller, reference) => summarise(core, resolveAgent(core, caller, reference, 'see')),
    summary: async (caller, reference) => {
      const id = resolveAgent(core, caller, reference, 'see')
      const byModel = book?.newestByModel(id)
      if (byModel && core.clock.now() - byModel.at < modelSummaryMs) return byModel
      const summary = summarise(core, id)
      await book?.keep(summary)
      return summary
    },
  }
}

function summarise(core: Core, id: AgentId): Summary {
  const status = statusOf(core, id)
  const { open = 0, ...settled } = core.store.countOutcomes([id])
  const ended = Object.values(settled).reduce((total, count) => total + count, 0)
  const answered = core.store.listSaid(id, { limit: readBack }).flatMap(said => (said.kind === 'outcome' && said.message.to === id && said.outcome.status === 'answered' ? [said] : []))
  return redactData({
    agentId: id, name: status.name, state: status.state, at: core.clock.now(), source: 'record' as const,
    activityOverview: [whoAndWhere(status), toMessages(open, settled), toTools(core, id), ...(status.lastError ? [`Its last error: ${line(status.lastError)}`] : [])].join(' '),
    keyAccomplishments: answered.slice(-shownAccomplishments).map(({ message, outcome }) => `${line(message.text)} → ${line(outcome.text)}`),
    nextSteps: status.state === 'terminated' ? [] : stepsOf(core, status),
    ...(open + ended > 0 ? { completionPercentage: Math.round((100 * ended) / (open + ended)) } : {}),
    tokensUsed: status.spent.tokens,
  })
}

/** The first line, short. Of a secret that was cut nobody would know that it is one. */
const line = (text: string): string => {
  const [first = ''] = redact(text).trim().split('\n')
  return first.length > lineLength ? `${first.slice(0, lineLength - 1)}…` : first
}

const whoAndWhere = ({ name, harness, role, state, since, endReason }: AgentStatus): string =>
  `${name} (${harness}, ${role}) ${state === 'terminated' ? `ended at ${new Date(since).toISOString()}: ${endReason ?? 'for a reason that is not on record'}` : `is ${state} since ${new Date(since).toISOString()}`}.`

function toMessages(open: number, settled: Readonly<Record<string, number>>): string {
  const parts = [...Object.entries(settled).map(([status, count]) => `${count} ${status.replace('_', ' ')}`), ...(open > 0 ? [`${open} open`] : [])]
  return parts.length === 0 ? 'It was given no message.' : `Of its messages: ${parts.join(', ')}.`
}

function toTools(core: Core, id: AgentId): string {
  const counts = new Map<string, number>()
  for (const { kind, content } of core.store.listOutput(id, { limit: readBack })) {
    const [tool = ''] = content.split(' ')
    if (kind === 'tool_call') counts.set(tool, (counts.get(tool) ?? 0) + 1)
  }
  const most = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, shownSteps)
  return most.length === 0 ? 'No tool calls are on record.' : `Tools it called lately: ${most.map(([tool, count]) => `${tool} ${count}`).join(', ')}.`
}

/** What stands between it and rest, most urgent first. */
function stepsOf(core: Core, { id, state, approval, currentMessage }: AgentStatus): readonly string[] {
  const open = core.store.listOpenMessages(id)
  const current = open.filter(message => message.id === currentMessage)
  const waiting = open.filter(message => message.id !== currentMessage)
  return [
    ...(approval ? [`Somebody decides whether it may use ${approval.tool}.`] : []),
    ...(state === 'interrupted' ? ['It waits for new instructions.'] : []),
    ...current.map(({ text }) => `Now: ${line(text)}`),
    ...waiting.map(({ text, seenAt }) => `${seenAt === undefined ? 'Not begun' : 'Begun'}: ${line(text)}`),
  ].slice(0, shownSteps)
}
