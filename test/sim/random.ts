/** Chance from a seed: everything a simulation leaves to chance comes from here, so that a seed is the whole story. */

export interface Random {
  /** A whole number from 0 up to, and without, `sides`. */
  roll(sides: number): number
  /** True `percent` times in a hundred. */
  chance(percent: number): boolean
  pick<T>(list: readonly T[]): T | undefined
  /** Milliseconds: mostly short, at times long enough to meet a deadline. */
  delay(): number
  /** For an id source. */
  fill(bytes: Uint8Array): Uint8Array
  /** A stream of its own: what is drawn from it moves nothing elsewhere. */
  fork(label: string): Random
}

/** sfc32 (Chris Doty-Humphrey's PractRand): 128 bits of state, passes BigCrush, a few lines. */
function sfc32(seed: number): () => number {
  let [a, b, c, count] = [0, seed | 0, (seed / 2 ** 32) | 0, 1]
  const next = (): number => {
    const sum = (((a + b) | 0) + count) | 0
    count = (count + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return sum >>> 0
  }
  for (let round = 0; round < 15; round += 1) next() // its author's warm-up: seeds that differ in one bit part here
  return next
}

/** FNV-1a: a seed of a label. */
const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193)
  return hash >>> 0
}

export function createRandom(seed: number): Random {
  const next = sfc32(seed)
  const roll = (sides: number): number => next() % sides
  return {
    roll,
    chance: percent => (next() / 2 ** 32) * 100 < percent,
    pick: list => list[roll(Math.max(1, list.length))],
    delay: () => {
      const kind = roll(100)
      if (kind < 70) return 1 + roll(40)
      if (kind < 95) return 40 + roll(2_000)
      return 2_000 + roll(20_000)
    },
    fill: bytes => bytes.map(() => next() & 0xff),
    fork: label => createRandom(hashOf(`${seed} ${label}`)),
  }
}
