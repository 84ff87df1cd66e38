/** The agent machine, drawn: its five states, as the chart of `machines/agent.ts` has them, and what leads from one to another. */

interface Box {
  readonly state: string
  readonly x: number
  readonly y: number
}

const width = 136
const height = 58
const boxes: readonly Box[] = [
  { state: 'spawning', x: 12, y: 74 },
  { state: 'idle', x: 247, y: 74 },
  { state: 'busy', x: 482, y: 74 },
  { state: 'interrupted', x: 717, y: 74 },
  { state: 'terminated', x: 364, y: 208 },
]

/** A path with a tip at its end, and what makes an agent take it. */
const edges: readonly { readonly path: string; readonly label: string; readonly at: readonly [number, number] }[] = [
  { path: 'M148 103 H243', label: 'ready', at: [197, 95] },
  { path: 'M383 93 H478', label: 'work', at: [431, 85] },
  { path: 'M482 113 H387', label: 'turn ended', at: [434, 130] },
  { path: 'M618 103 H713', label: 'interrupt', at: [666, 95] },
  { path: 'M300 74 C300 22 80 22 80 70', label: 'woken or revived', at: [190, 26] },
  { path: 'M785 74 C785 22 330 22 330 70', label: 'new instructions', at: [558, 26] },
  { path: 'M80 132 C80 172 432 172 432 204', label: '', at: [0, 0] },
  { path: 'M785 132 C785 172 432 172 432 204', label: 'told to end, or dead: from any state', at: [432, 154] },
]

const drawBox = ({ state, x, y }: Box): string =>
  `<g class="state" data-state="${state}"><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="12"/>` +
  `<text class="label" x="${x + width / 2}" y="${y + 25}">${state}</text><text class="inner" x="${x + width / 2}" y="${y + 44}"></text></g>`

export const machine = `<svg id="machine" viewBox="0 0 866 278" role="img" aria-label="The five states of an agent">
<defs><marker id="tip" viewBox="0 0 8 8" refX="6.5" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>
${edges.map(({ path, label, at: [x, y] }) => `<path class="edge" d="${path}" marker-end="url(#tip)"/>${label && `<text x="${x}" y="${y}">${label}</text>`}`).join('\n')}
${boxes.map(drawBox).join('\n')}
</svg>`
