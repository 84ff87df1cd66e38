/** "Did you mean …": the known word closest to the one given, if it is close enough to have been meant. */

import { closest, distance } from 'fastest-levenshtein'

/** No name is longer; to measure millions of letters against each would hold up everybody. */
const longest = 200

/** Half the letters, at most, may differ. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const near = known.length > 0 && given.length <= longest ? closest(given, known) : undefined
  return near !== undefined && distance(given, near) <= Math.max(given.length, near.length) / 2 ? near : undefined
}
