/** A session as people read it, where it has no screen: its last lines, in order. */

export interface Rendering {
  add(text: string): void
  /** The last `lines` lines; all that are kept when not given. */
  toText(lines?: number): string
}

/** `onAdded` is called behind each piece; `keptLines` of the last are kept. */
export function createRendering({ onAdded = () => {}, keptLines = 1000 }: { readonly onAdded?: () => void; readonly keptLines?: number } = {}): Rendering {
  const kept: string[] = []
  return {
    add(text) {
      kept.push(...text.split('\n').slice(-keptLines))
      kept.splice(0, kept.length - keptLines)
      onAdded()
    },
    toText: lines => kept.slice(lines === undefined ? 0 : -Math.max(1, lines)).join('\n'),
  }
}
