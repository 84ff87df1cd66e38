/** Summaries on disk: one file an agent, `<id>.json`, replaced whole. A disk that fails costs a warning and nothing else. */

import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, wordsOf } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Log } from '../log.ts'
import { redactData } from '../redaction.ts'
import type { Summaries, Summary } from './summaries.ts'

interface FileOptions {
  readonly dir: string
  readonly log: Log
}

export function createSummaryFiles({ dir, log }: FileOptions): Summaries {
  const byModel = new Map<AgentId, Summary>()
  const writing = new Map<AgentId, Promise<void>>()
  let warned = false
  const write = async (summary: Summary): Promise<void> => {
    const path = join(dir, `${summary.agentId}.json`)
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      // Whoever reads the file meanwhile reads the one before.
      await writeFile(`${path}.new`, `${JSON.stringify(redactData(toFile(summary)), undefined, 2)}\n`, { mode: 0o600 })
      await rename(`${path}.new`, path)
      warned = false
    } catch (error) {
      if (!warned) log.warn('A summary could not be kept on disk.', { reason: wordsOf(error), dir })
      warned = true
    }
  }
  return {
    newestByModel: agentId => byModel.get(agentId),
    keep: summary => {
      const written = (writing.get(summary.agentId) ?? Promise.resolve()).then(() => write(summary)).then(() => {
        if (summary.source === 'model') byModel.set(summary.agentId, summary)
      })
      writing.set(summary.agentId, written)
      return written
    },
  }
}

const toFile = ({ agentId, name, state, at, source, model, activityOverview, keyAccomplishments, nextSteps, completionPercentage, tokensUsed }: Summary): Record<string, unknown> => ({
  instance_id: agentId, name, state, at: new Date(at).toISOString(), source, ...(model === undefined ? {} : { model }), activity_overview: activityOverview, key_accomplishments: keyAccomplishments, next_steps: nextSteps,
  completion_percentage: completionPercentage ?? null, tokens_used: tokensUsed,
})

/** Removes those that nobody has renewed since then. */
export async function forgetSummaries({ dir, log }: FileOptions, before: number): Promise<void> {
  try {
    for (const name of await readdir(dir)) if ((await stat(join(dir, name))).mtimeMs < before) await rm(join(dir, name))
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') log.warn('Old summaries could not be removed; it is tried again at the next start.', { reason: wordsOf(error), dir })
  }
}
