/** "Did you mean …": the known word closest to the one given, if it is close enough to have been meant. */

import { closest, distance } from 'fastest-levenshtein'

/** Half the letters, at most, may differ. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const near = known.length > 0 ? closest(given, known) : undefined
  return near !== undefined && distance(given, near) <= Math.max(given.length, near.length) / 2 ? near : undefined
}
