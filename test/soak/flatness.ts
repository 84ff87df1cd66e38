/** Whether a series of samples is flat: what it grew by along its whole length, against what counts as noise. */

export interface Sample {
  /** Units of work done until then. */
  readonly work: number
  readonly values: Readonly<Record<string, number>>
}

export interface Bound {
  /** What may be gained over the run, as a part of the median. */
  readonly part: number
  /** Less than this is noise, whatever the median: for things that are counted, and few. */
  readonly atLeast?: number
}

export interface Finding {
  readonly measure: string
  readonly first: number
  readonly last: number
  /** Along the line through the samples; one outlier moves it by nothing. */
  readonly growth: number
  readonly allowed: number
  readonly flat: boolean
}

/** What comes before has warmed up: compiled code, pools, caches of a fixed size. */
const warmUp = 1 / 3

export function judge(all: readonly Sample[], bounds: Readonly<Record<string, Bound>>): readonly Finding[] {
  const samples = all.slice(Math.floor(all.length * warmUp))
  const first = samples[0]
  const last = samples.at(-1)
  if (!first || !last || samples.length < 6) throw new Error(`Too few samples to judge by: ${all.length}.`)
  return Object.entries(bounds).map(([measure, { part, atLeast = 0 }]) => {
    const points = samples.map(({ work, values }): Point => [work, values[measure] ?? Number.NaN])
    const growth = slopeOf(points) * (last.work - first.work)
    const allowed = Math.max(atLeast, part * median(points.map(([, value]) => value)))
    return { measure, first: first.values[measure] ?? Number.NaN, last: last.values[measure] ?? Number.NaN, growth, allowed, flat: growth <= allowed } // what is not a number is not flat
  })
}

type Point = readonly [work: number, value: number]

/** The median of the slopes between all pairs (Theil and Sen). */
function slopeOf(points: readonly Point[]): number {
  const slopes = points.flatMap(([x, y], index) => points.slice(index + 1).filter(([later]) => later > x).map(([later, value]) => (value - y) / (later - x)))
  return median(slopes)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** A table for people. */
export function toTable(title: string, samples: readonly Sample[], findings: readonly Finding[]): string {
  const rows = findings.map(({ measure, first, last, growth, allowed, flat }) =>
    `  ${measure.padEnd(28)} ${show(first)} ${show(last)} ${show(growth)} ${show(allowed)}  ${flat ? 'flat' : 'GROWS'}`)
  return [`${title}: ${samples.at(-1)?.work ?? 0} messages, ${samples.length} samples`, `  ${'after warm-up'.padEnd(28)} ${['first', 'last', 'growth', 'allowed'].map(word => word.padStart(12)).join(' ')}`, ...rows, ''].join('\n')
}

const show = (value: number): string => value.toFixed(Math.abs(value) < 10 ? 2 : 0).padStart(12)
