/** What `--help` shows, of one command and of all: names in a column, lines no longer than the terminal. */

import type { ArgDef, ArgsDef, CommandDef } from 'citty'
import { bold } from './output.ts'

/** Longer names have a line of their own. */
const widest = 32
/** A narrower terminal wraps for itself. */
const narrowest = 60

type Row = readonly [name: string, about: string]

/** @param columns of the terminal; none: nobody's, where lines are as long as they are */
export async function usage(command: CommandDef, columns = Infinity): Promise<string> {
  const { name = '', description = '' } = await resolved(command.meta ?? {})
  const all = Object.entries((await resolved(command.args ?? {})) as ArgsDef) // as every command here declares them
  const words = all.filter(([, { type }]) => type === 'positional')
  const options = all.filter(([, { type }]) => type !== 'positional')
  const line = [name, ...words.map(([word, { valueHint = `[${word}]` }]) => valueHint), ...(options.length > 0 ? ['[OPTIONS]'] : [])].join(' ')
  return [
    `${bold('Usage:')} ${line}`, '', wrap(description, columns, 0),
    ...section('Arguments', words.map(([word, { description: about = '' }]) => [word, about]), columns),
    ...section('Options', options.map(([option, argument]) => [optionWords(option, argument), argument.description ?? '']), columns),
  ].join('\n')
}

/** Of the program: every command, with the first sentence of what it is for. */
export async function overview(about: string, commands: Readonly<Record<string, () => Promise<CommandDef>>>, columns = Infinity): Promise<string> {
  const rows = await Promise.all(Object.entries(commands).map(async ([name, load]): Promise<Row> => [name, (await resolved((await load()).meta ?? {})).description?.split('. ')[0] ?? '']))
  return [about, '', `${bold('Usage:')} madrox COMMAND [ARGUMENTS] [OPTIONS]`, ...section('Commands', rows, columns), '', wrap('madrox COMMAND --help tells more of a command, madrox call TOOL --help of a tool.', columns, 0)].join('\n')
}

const optionWords = (name: string, { type, valueHint = 'VALUE' }: ArgDef): string => (type === 'boolean' ? `--${name}` : `--${name}=${valueHint}`)

function section(title: string, rows: readonly Row[], columns: number): readonly string[] {
  if (rows.length === 0) return []
  const indent = Math.min(widest, Math.max(...rows.map(([name]) => name.length))) + 4
  const lines = rows.map(([name, about]) => {
    const told = wrap(about, columns, indent)
    return (name.length + 4 > indent && about !== '' ? `  ${name}\n${' '.repeat(indent)}${told}` : `  ${name.padEnd(indent - 2)}${told}`).trimEnd()
  })
  return ['', bold(`${title}:`), ...lines]
}

/** Broken between words; what follows the first line is indented. */
function wrap(text: string, columns: number, indent: number): string {
  const room = Math.max(columns, narrowest) - indent
  const lines = text.split(' ').reduce<string[]>((done, word) => {
    const last = done.at(-1)
    return last !== undefined && last.length + 1 + word.length <= room ? [...done.slice(0, -1), `${last} ${word}`] : [...done, word]
  }, [])
  return lines.join(`\n${' '.repeat(indent)}`)
}

const resolved = async <T>(value: T | Promise<T> | (() => T | Promise<T>)): Promise<T> => (typeof value === 'function' ? (value as () => T | Promise<T>)() : value) // citty's own form of what may be made later
