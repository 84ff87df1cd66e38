/** What is said to people: colours, lines of agents, tables. */

import { stripVTControlCharacters, styleText } from 'node:util'

/** Colours are for people at a terminal who did not ask to be spared. */
export const print = (to: NodeJS.WriteStream, text: string): void => void to.write(`${hasColours(to) ? text : stripVTControlCharacters(text)}\n`)

export const hasColours = (to: NodeJS.WriteStream): boolean => to.isTTY && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'

export const bold = (text: string): string => styleText('bold', text)
export const dim = (text: string): string => styleText('dim', text)

/** What agents said may hold anything; a terminal is to show it, not to obey it. */
export const harmless = (text: unknown): string => stripVTControlCharacters(typeof text === 'string' ? text : (JSON.stringify(text) ?? '')).replaceAll(/[^\P{Cc}\n\t]/gu, '')

const stateColours = { spawning: 'cyan', idle: 'green', busy: 'yellow', interrupted: 'magenta', terminated: 'gray' } as const

export const coloured = (state: string): string => styleText(stateColours[state as keyof typeof stateColours] ?? 'white', state) // of another version: none of these

type Data = Readonly<Record<string, unknown>>

/** Enough of an id to name its agent by. */
export const shortId = (id: unknown): string => String(id).slice(0, 8)

/** USD; nothing where it is not known, which is not zero. */
export const toUsd = (cost: unknown): string => (typeof cost === 'number' ? `$${cost.toFixed(cost < 1 ? 4 : 2)}` : 'unknown')

/** `Project Manager (abc123de) [idle] (claude)` and what it is at. */
export function agentLine(agent: Data): string {
  const notes = [agent['current_tool'] ? `in ${harmless(agent['current_tool'])}` : '', Number(agent['total_tokens_used'] ?? 0) > 0 ? `${Number(agent['total_tokens_used']).toLocaleString('en')} tokens, ${toUsd(agent['total_cost'])}` : ''].filter(note => note !== '')
  return `${bold(harmless(agent['name']))} (${shortId(agent['instance_id'])}) [${coloured(String(agent['state']))}] (${harmless(agent['instance_type'])})${notes.length > 0 ? ` ${dim(notes.join(' · '))}` : ''}`
}

/** Agents with their `children`, drawn. */
export function drawTree(roots: readonly Data[]): string {
  const below = (parent: Data, indent: string): string[] => {
    const children = listOf(parent['children'])
    return children.flatMap((child, index) => {
      const last = index === children.length - 1
      return [`${indent}${last ? '└── ' : '├── '}${agentLine(child)}`, ...below(child, `${indent}${last ? '    ' : '│   '}`)]
    })
  }
  return roots.flatMap(root => [agentLine(root), ...below(root, '')]).join('\n')
}

/** A list of objects in an answer; of anything else, none. */
export const listOf = (value: unknown): readonly Data[] => (Array.isArray(value) ? value.filter((item): item is Data => typeof item === 'object' && item !== null) : [])

/** Columns as wide as what is in them. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const width = (text: string): number => Array.from(stripVTControlCharacters(text)).length
  const widths = head.map((title, column) => Math.max(...[title, ...rows.map(row => row[column] ?? '')].map(width)))
  const toLine = (cells: readonly string[]): string => cells.map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell)))).join('  ').trimEnd()
  return [dim(toLine(head)), ...rows.map(toLine)].join('\n')
}

/** `key: value`, one a line, of what is within as well (`workspace.path`); what is not known or empty is left out. */
export function fields(data: Data): string {
  const told = flat(data, '')
  const longest = Math.max(...told.map(([key]) => key.length))
  return told.map(([key, value]) => `${dim(key.padEnd(longest))}  ${harmless(value)}`).join('\n')
}

function flat(data: Data, before: string): readonly (readonly [string, unknown])[] {
  return Object.entries(data).flatMap(([key, value]): readonly (readonly [string, unknown])[] => {
    if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return []
    if (Array.isArray(value)) return [[`${before}${key}`, value.every(item => typeof item !== 'object') ? value.join(', ') : value]]
    return typeof value === 'object' ? flat(value as Data, `${before}${key}.`) : [[`${before}${key}`, value]] // of JSON, with string keys
  })
}
