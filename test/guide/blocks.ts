/** The fenced blocks of a page of the guide, in order: what language they are in, what is to be done with them, and their lines. */

export interface Block {
  readonly language: string
  /** The word behind the language; empty where the page forgot it. */
  readonly use: string
  readonly text: string
  /** Where it begins in the page, counted from 1. */
  readonly line: number
}

export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = []
  let open: { readonly language: string; readonly use: string; readonly line: number; readonly lines: string[] } | undefined
  for (const [index, line] of page.split('\n').entries()) {
    const fence = /^```(\S*) ?(.*)$/.exec(line)
    if (!fence) open?.lines.push(line)
    else if (open) {
      blocks.push({ language: open.language, use: open.use, line: open.line, text: open.lines.join('\n') })
      open = undefined
    } else open = { language: fence[1] ?? '', use: fence[2] ?? '', line: index + 1, lines: [] }
  }
  if (open) throw new Error(`The block of line ${open.line} is not closed.`)
  return blocks
}

/** Ids, times, measures and directories are a run's own. */
const normal = (text: string): string =>
  text
    .replaceAll(/\b[a-z0-9]{16}\b/g, '<id>') // one in a hundred has no digit
    .replaceAll(/\((?=\w*\d|[a-z]{8}\))[a-z0-9]{8}\)/g, '(<id>)')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
    .trim()

/** Whether what was said is what the page shows; `…` stands for anything. */
export function isShown(shown: string, said: string): boolean {
  const pattern = normal(shown).split('…').map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')
  return new RegExp(`^${pattern}$`).test(normal(said))
}

/** An expectation that a page's answer is: objects may have more, lists as many, and a text with `…` anything there. */
export function fits(shown: unknown, said: unknown): boolean {
  if (typeof shown === 'string') return typeof said === 'string' && isShown(shown, said)
  if (Array.isArray(shown)) return Array.isArray(said) && shown.length === said.length && shown.every((item, index) => fits(item, said[index]))
  if (typeof shown === 'object' && shown !== null) return typeof said === 'object' && said !== null && Object.entries(shown).every(([key, value]) => fits(value, (said as Readonly<Record<string, unknown>>)[key])) // of an object
  return shown === said
}
