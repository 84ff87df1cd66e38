/** What stands behind a command: options, checked more strictly than citty does, and the configuration they make. */

import { parseArgs } from 'node:util'
import type { ArgsDef } from 'citty'
import { type Config, defaultOf, type Effective, optionOf, resolveConfig, type Setting, type SettingName, settingList, settings } from '../config.ts'
import { codeOf, wordsOf } from '../errors.ts'
import { Misunderstood, orNearest } from './exit.ts'

export type Given = Readonly<Record<string, (string | boolean)[] | undefined>>

/** The options of these settings; those that no option sets are left out. */
export function optionsFor(names: readonly SettingName[]): ArgsDef {
  return Object.fromEntries(names.flatMap(name => {
    const setting: Setting = settings[name]
    const option = optionOf(name)
    return option === undefined ? [] : [[option, { type: 'string' as const, valueHint: setting.hint, description: describe(setting) }]]
  }))
}

function describe(setting: Setting): string {
  const instead = defaultOf(setting)
  return `${setting.description}${setting.repeatable ? '; repeatable' : ''}${instead === undefined ? '' : ` (default: ${instead})`}`
}

/** Of every setting: what `madrox serve` takes. */
export const allSettings: readonly SettingName[] = settingList.map(([name]) => name)

/**
 * The options as given: unknown ones, missing values and stray words are refused, and a repeated option keeps all its values,
 * none of which citty does.
 */
export function parse(rawArgs: readonly string[], known: ArgsDef): Given {
  return parseWith(rawArgs, known, false).given
}

/** The same for a command that takes words as well. */
export function parseWith(rawArgs: readonly string[], known: ArgsDef, allowPositionals: boolean): { readonly given: Given; readonly words: readonly string[] } {
  const options = Object.fromEntries(Object.entries(known).filter(([, { type }]) => type !== 'positional').map(([name, { type }]) => [name, { type: type === 'boolean' ? ('boolean' as const) : ('string' as const), multiple: true }]))
  const { values, positionals } = orUnknown(Object.keys(options), () => parseArgs({ args: [...rawArgs], options, strict: true, allowPositionals }))
  return { given: values as Given, words: positionals } // every option is `multiple`
}

/** Node tells of a word that begins with `-`; a person mistyped an option. */
function orUnknown<Parsed>(known: readonly string[], parseThem: () => Parsed): Parsed {
  try {
    return parseThem()
  } catch (error) {
    const option = codeOf(error) === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? /'(-[^']*)'/.exec(wordsOf(error))?.[1] : undefined
    if (option === undefined) throw error
    throw new Misunderstood(`Unknown option '${option}'.${orNearest(option, known)}`)
  }
}

/** What these options make of the configuration. */
export function effectiveOf(given: Given): Effective {
  const said = settingList.map(([name, { repeatable }]): [string, unknown] => {
    const option = optionOf(name)
    const values = option === undefined ? undefined : given[option]
    return [name, repeatable ? values : values?.at(-1)]
  })
  return resolveConfig(Object.fromEntries(said), process.env)
}

export const configOf = (rawArgs: readonly string[], known: ArgsDef): Config => effectiveOf(parse(rawArgs, known)).config
