/** Monitoring as a server has it: switched on by somebody, told of aloud, because what agents say leaves the machine. */

import type { Log } from '../log.ts'
import { createModelSummariser } from './model.ts'
import { type Monitor, type MonitorOptions, startMonitor } from './monitor.ts'

export interface Monitoring {
  /** Of an OpenAI-compatible endpoint, up to and with the version. */
  readonly url: string
  readonly key?: string
  readonly model?: string
}

export const openRouterUrl = 'https://openrouter.ai/api/v1'

/** Without what the endpoint needs, summaries come from the record, and nothing leaves. */
export function startMonitoring({ url, key, model }: Monitoring, options: Omit<MonitorOptions, 'summariser'>): Monitor {
  const missing = [...(model === undefined ? ['OPENROUTER_MODEL'] : []), ...(key === undefined && url === openRouterUrl ? ['OPENROUTER_API_KEY'] : [])]
  if (model === undefined || missing.length > 0) return withoutModel(missing, options)
  options.log.warn(`Monitoring is on: what agents say and do is sent to ${url} (${model}), without the secrets that are known.`)
  return startMonitor({ ...options, summariser: createModelSummariser({ url, model, ...(key === undefined ? {} : { key }) }) })
}

function withoutModel(missing: readonly string[], options: Omit<MonitorOptions, 'summariser'> & { readonly log: Log }): Monitor {
  options.log.warn(`Monitoring is on, and ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set: summaries come from the record, and nothing leaves this machine.`)
  return startMonitor({ ...options, summariser: undefined })
}
