/** A session as people read it, where it has no screen: its last lines, in order. */

export interface Rendering {
  add(text: string): void
  /** The last `lines` lines; all that are kept when not given. */
  toText(lines?: number): string
}

const kept = 1000

export function createRendering(onAdded: () => void = () => {}): Rendering {
  let shown: string[] = []
  return {
    add(text) {
      shown = [...shown, ...text.split('\n')].slice(-kept)
      onAdded()
    },
    toText: lines => shown.slice(lines === undefined ? 0 : -Math.max(1, lines)).join('\n'),
  }
}
