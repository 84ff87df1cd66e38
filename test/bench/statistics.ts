/** Paired samples and what they say. */

export interface Pair {
  readonly bare: number
  readonly madrox: number
}

/** Runs `bare` and `madrox` once a pair, one after the other, each first in every second pair: drift meets both alike. */
export async function measurePairs(pairs: number, bare: () => Promise<number>, madrox: () => Promise<number>): Promise<readonly Pair[]> {
  const found: Pair[] = []
  for (let n = 0; n < pairs; n += 1) {
    const first = n % 2 === 0
    const early = await (first ? bare() : madrox())
    const late = await (first ? madrox() : bare())
    found.push(first ? { bare: early, madrox: late } : { bare: late, madrox: early })
  }
  return found
}

export const quantile = (values: readonly number[], at: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))] ?? Number.NaN
}

/** The median's 95 % interval by order statistics: no assumption about the shape. */
export function medianInterval(values: readonly number[]): readonly [low: number, high: number] {
  const half = 0.98 / Math.sqrt(values.length)
  return [quantile(values, Math.max(0, 0.5 - half)), quantile(values, Math.min(0.999, 0.5 + half))]
}

const ms = (value: number): string => `${value.toFixed(1)} ms`

/** One line for people. `budgetMs`: what Madrox may add. */
export function describePairs(what: string, pairs: readonly Pair[], budgetMs: number): string {
  const added = pairs.map(pair => pair.madrox - pair.bare)
  const [low, high] = medianInterval(added)
  const verdict = high < budgetMs ? 'within' : low > budgetMs ? 'OVER' : 'undecided against'
  return [
    `${what} (${pairs.length} pairs): Madrox adds ${ms(quantile(added, 0.5))} [${ms(low)} .. ${ms(high)}], ${verdict} the budget of ${ms(budgetMs)}`,
    `  bare   p50 ${ms(quantile(pairs.map(pair => pair.bare), 0.5))}  p95 ${ms(quantile(pairs.map(pair => pair.bare), 0.95))}`,
    `  madrox p50 ${ms(quantile(pairs.map(pair => pair.madrox), 0.5))}  p95 ${ms(quantile(pairs.map(pair => pair.madrox), 0.95))}`,
  ].join('\n')
}
