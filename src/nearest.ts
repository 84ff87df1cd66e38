/** "Did you mean …": the known word closest to the one given, if it is close enough to have been meant. */

import { closest, distance } from 'fastest-levenshtein'

/** No name is longer; to measure millions of letters against each would hold up everybody. */
const longest = 200

/** @param share of the letters, at most, that may differ */
export function nearest(given: string, known: readonly string[], share = 1 / 2): string | undefined {
  const near = known.length > 0 && given.length <= longest ? closest(given, known) : undefined
  return near !== undefined && distance(given, near) <= Math.max(given.length, near.length) * share ? near : undefined
}
