/** Finds a prompt again by what Madrox put before it: its text may hold several messages and replies, each behind a marker of its own. */

/** Whether one of the text's lines begins with one of the markers. */
export const isMarked = (text: string, markers: readonly string[]): boolean =>
  text.split('\n').some(line => markers.some(marker => line.startsWith(marker)))
