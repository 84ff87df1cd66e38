/**
 * What a person has typed into an input box and not submitted, as far as keys and the CLI's own word on submitted prompts tell.
 * It errs on one side only: text it does not know of cannot be there, text it believes in may be gone. Reads no screen.
 */

export interface Draft {
  type(data: string): void
  /** The CLI took a prompt that Madrox did not type. */
  submitted(text: string): void
  /** Text may be in the box. */
  isOpen(): boolean
  /** Line breaks that may be in the box. */
  lineBreaks(): number
  /** The box is known to be empty. */
  clear(): void
}

const pasteStart = '\x1b[200~'
const pasteEnd = '\x1b[201~'

/** What terminals send by themselves and no program takes for text: mouse and focus reports, answers to questions. */
const reports = /\x1b\[<[\d;]*[Mm]|\x1b\[M[\s\S]{3}|\x1b\[[IO]|\x1b\[[?>]?[\d;]*[cRn]|\x1b\[\?[\d;]*(?:u|\$y)|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP[^\x1b]*\x1b\\/g

/** Arrows and their like: what they do to the text is not followed. */
const otherKeys = /\x1b(?:\[[0-?]*[ -/]*[@-~]|O[\s\S]|[\s\S])?/g

export function createDraft(): Draft {
  /** Behind the last Enter: anything at all, and of it the text. */
  let isTouched = false
  let line = ''
  /** Lines whose Enter the CLI has said nothing to. */
  let entered: string[] = []
  let breaks = 0
  let isPasting = false

  const enter = (): void => {
    // Behind a backslash, Enter is a line break.
    if (line.endsWith('\\')) {
      line = line.slice(0, -1)
      breaks += 1
    } else if (isTouched) {
      entered.push(toBare(line))
      isTouched = false
      line = ''
    }
  }
  const put = (keys: string): void => {
    isTouched = true
    breaks += keys.match(/[\r\n]/g)?.length ?? 0
    for (const char of keys.replace(otherKeys, '')) line = char === '\x7f' ? line.slice(0, -1) : line + char
  }
  const clear = (): void => {
    isTouched = false
    line = ''
    entered = []
    breaks = 0
  }

  return {
    type(data) {
      for (const part of data.replace(reports, '').split(/(\x1b\[20[01]~|\x1b\r|\r)/)) {
        if (part === pasteStart || part === pasteEnd) isPasting = part === pasteStart
        else if (part === '\r' && !isPasting) enter()
        else if (part !== '') put(part)
      }
    },
    submitted(text) {
      const bare = toBare(text)
      const at = entered.findLastIndex(each => each !== '' && bare.endsWith(each))
      // One edited beyond recognition is still the oldest that was entered.
      entered.splice(0, at < 0 ? 1 : at + 1)
      if (entered.length === 0 && !isTouched) clear()
    },
    isOpen: () => isTouched || entered.length > 0,
    lineBreaks: () => breaks,
    clear,
  }
}

const toBare = (text: string): string => text.replace(/[\s\p{Cc}\p{Cf}]/gu, '')
