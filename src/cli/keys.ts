/**
 * The keyboard of `madrox attach`: which keys are for Madrox and which for the agent. Everything goes through as bytes but the
 * prefix key and the one behind it, as in tmux and screen, because any single key may mean something to the program looked at.
 */

import { MadroxError } from '../errors.ts'

export type AttachKey =
  | { readonly type: 'through'; readonly data: string }
  | { readonly type: 'detach' | 'takeControl' | 'releaseControl' | 'clearAndRelease' }

export interface Prefix {
  /** The character the key sends. */
  readonly char: string
  /** As it is written: `Ctrl-\`. */
  readonly name: string
}

/** @throws MadroxError `invalid_input` for what is no control key */
export function parsePrefix(text: string): Prefix {
  const letter = /^(?:ctrl[-+]|c-|\^)([a-z@[\\\]^_])$/i.exec(text)?.[1]?.toUpperCase()
  // Ctrl-[ is Escape, Ctrl-I Tab, Ctrl-J and Ctrl-M Enter: nobody could press those any more.
  if (letter === undefined || '[IJM'.includes(letter)) throw new MadroxError('invalid_input', `"${text}" cannot be the detach key.`, { remedy: 'Give a control key, like ctrl-\\ (the default), ctrl-b or ctrl-].' })
  return { char: String.fromCharCode(letter.charCodeAt(0) & 0x1f), name: `Ctrl-${letter}` }
}

const bindings: Readonly<Record<string, Exclude<AttachKey['type'], 'through'>>> = { d: 'detach', c: 'takeControl', r: 'releaseControl', x: 'clearAndRelease' }

/** Feeds on what the terminal sends, in pieces of any size. The prefix twice is the prefix, for the program; behind it, any other key is lost. */
export function createAttachKeys({ char }: Prefix): (data: string) => AttachKey[] {
  let isPrefixed = false
  return data => {
    const keys: AttachKey[] = []
    for (let rest = data; rest !== ''; ) {
      if (isPrefixed) {
        const [key = ''] = rest
        const type = bindings[key.toLowerCase()]
        if (key === char) keys.push({ type: 'through', data: char })
        else if (type) keys.push({ type })
        rest = rest.slice(key.length)
        isPrefixed = false
        continue
      }
      const at = rest.indexOf(char)
      const through = at < 0 ? rest : rest.slice(0, at)
      if (through !== '') keys.push({ type: 'through', data: through })
      isPrefixed = at >= 0
      rest = at < 0 ? '' : rest.slice(at + 1)
    }
    return keys
  }
}
