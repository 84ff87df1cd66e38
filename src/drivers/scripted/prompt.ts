/** Reads a prompt in the form Madrox gives it: one task, or replies and notices handed in together. */

export interface HandedIn {
  readonly kind: 'reply' | 'notice'
  /** The message a reply answers. */
  readonly id: string | undefined
  readonly from: string
  readonly text: string
}

export type Prompt =
  | { readonly kind: 'message'; readonly id: string | undefined; readonly text: string }
  | { readonly kind: 'replies'; readonly entries: readonly HandedIn[]; readonly text: string }

/** The note of a second delivery is Madrox's, not part of the task. */
const task = /^\[MSG:([^\]\s]+)\] (?:\(delivered again: [^)]*\) )?([\s\S]*)$/
const handedIn = /^\[(?:REPLY:([^\]\s]+)|NOTICE) from ([^\]]+)\] ?/gm

export function toPrompt(text: string): Prompt {
  const message = task.exec(text)
  if (message) return { kind: 'message', id: message[1], text: message[2] ?? '' }
  const entries = /^\[(REPLY:|NOTICE )/.test(text) ? toEntries(text) : []
  return entries.length === 0 ? { kind: 'message', id: undefined, text } : { kind: 'replies', entries, text: toForwardedText(entries) }
}

function toEntries(text: string): HandedIn[] {
  const heads = [...text.matchAll(handedIn)]
  return heads.map((head, index) => {
    const next = heads[index + 1]
    const body = text.slice(head.index + head[0].length, next?.index)
    return { kind: head[1] === undefined ? 'notice' : 'reply', id: head[1], from: head[2] ?? '', text: next ? body.replace(/\n+$/, '') : body }
  })
}

/** A lone reply is forwarded in its own words, so that an answer climbs a tree unchanged; several are told apart by name. */
function toForwardedText(entries: readonly HandedIn[]): string {
  const [first] = entries
  if (entries.length === 1 && first?.kind === 'reply') return first.text
  return entries.map(entry => `${entry.from}${entry.kind === 'notice' ? ' (notice)' : ''}: ${entry.text}`).join('\n')
}
