/** What is said to people. */

import { stripVTControlCharacters } from 'node:util'

/** Colours are for people at a terminal who did not ask to be spared. */
export const print = (to: NodeJS.WriteStream, text: string): void => void to.write(`${hasColours(to) ? text : stripVTControlCharacters(text)}\n`)

export const hasColours = (to: NodeJS.WriteStream): boolean => to.isTTY && !process.env['NO_COLOR']
