/** What a scripted session's own record says it spent, read without the driver. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tokens } from '../../contracts/driver.ts'

export function readSpent(stateDir: string, sessionId: string): Tokens {
  const lines = readFileSync(join(stateDir, 'sessions', `${sessionId}.jsonl`), 'utf8').trimEnd().split('\n')
  // The driver's own, well-formed lines.
  const spent = lines.map(line => JSON.parse(line) as { type: string; inputTokens: number; outputTokens: number }).filter(({ type }) => type === 'usageSpent')
  const sum = (field: 'inputTokens' | 'outputTokens'): number => spent.reduce((total, entry) => total + entry[field], 0)
  return { inputTokens: sum('inputTokens'), outputTokens: sum('outputTokens'), cacheReadTokens: 0, cacheCreationTokens: 0 }
}
