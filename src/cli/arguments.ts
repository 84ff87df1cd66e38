/** What stands behind a command: options, checked more strictly than citty does, and the configuration they make. */

import { parseArgs } from 'node:util'
import type { ArgsDef } from 'citty'
import { type Config, defaultOf, type Effective, optionOf, resolveConfig, type Setting, type SettingName, settingList, settings } from '../config.ts'
import { nearest } from '../nearest.ts'
import { Misunderstood } from './exit.ts'

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
  try {
    const { values, positionals } = parseArgs({ args: [...rawArgs], options, strict: true, allowPositionals })
    return { given: values as Given, words: positionals } // every option is `multiple`
  } catch (error) {
    throw withNearest(error, Object.keys(options))
  }
}

/** Node says which option it does not know; here also which was meant. */
function withNearest(error: unknown, known: readonly string[]): unknown {
  const [said, option = ''] = error instanceof Error ? (/^Unknown option '--([\w-]+)'/.exec(error.message) ?? []) : []
  const near = said === undefined ? undefined : nearest(option, known)
  return near === undefined ? error : new Misunderstood(`${said}. Did you mean --${near}?`)
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
