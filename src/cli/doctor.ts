/** `madrox doctor`: whether Madrox can work here, and what it goes by. It starts nothing, changes nothing and spends nothing. */

import { type Config, type Effective, fileKeyOf, misspelt, type Setting, type SettingName, settingList, settings } from '../config.ts'
import { MadroxError } from '../errors.ts'
import { redactData } from '../redaction.ts'
import { allSettings, effectiveOf, type Given, optionsFor } from './arguments.ts'
import { common, isSet, toCommand } from './command.ts'
import { type Check, missing, note, ok } from './doctor/check.ts'
import { checkClis } from './doctor/clis.ts'
import { checkLimits } from './doctor/limits.ts'
import { checkHome, checkNode, checkPlatform, checkPrograms, checkServer, checkStore } from './doctor/machine.ts'
import { exitCodes } from './exit.ts'
import { bold, dim, harmless, print, table } from './output.ts'

const { json } = common

export const doctor = toCommand({
  name: 'doctor',
  description: 'Whether Madrox can work here: programs, logins, home, and the settings that hold with where they come from',
  options: { ...optionsFor(allSettings), json },
  run: async given => {
    const effective = effectiveOrWhy(given)
    // A secret may also stand where none is looked for: in an address, in what a CLI says.
    const checks = redactData('config' in effective ? [...checkMachine(), ok('configuration', 'every value fits'), ...checkVariables(), ...(await checkConfigured(effective.config))] : [...checkMachine(), effective])
    const configuration = 'config' in effective ? redactData(valuesOf(effective)) : []
    const healthy = checks.every(({ status }) => status !== 'missing')
    print(process.stdout, isSet(given, 'json') ? JSON.stringify({ healthy, checks, configuration }, undefined, 2) : inWords(checks, configuration))
    return healthy ? exitCodes.done : exitCodes.refused
  },
})

function effectiveOrWhy(given: Given): Effective | Check {
  try {
    return effectiveOf(given)
  } catch (error) {
    if (error instanceof MadroxError) return missing('configuration', error.message, error.remedy ?? 'Correct it.')
    throw error
  }
}

const checkMachine = (): readonly Check[] => [checkNode(process.versions.node), checkPlatform(process.platform), ...checkPrograms(process.platform, process.env['PATH'])]

const checkVariables = (): readonly Check[] => misspelt(process.env).map(({ name, meant }) => note('environment', `${name} is set, and nothing reads it`, `Did you mean ${meant}?`))

const checkConfigured = async (config: Config): Promise<readonly Check[]> => [checkHome(config), checkStore(config), ...checkLimits(config), ...(await Promise.all([checkServer(config), checkClis(config, process.env)])).flat()]

interface Value {
  readonly setting: string
  readonly value: unknown
  readonly source: { readonly kind: string; readonly name: string }
}

/** What holds; of a secret, that it is set. */
function valuesOf({ config, origins }: Effective): readonly Value[] {
  return [...origins].flatMap(([place, source]) => {
    const [name, member] = place.split('.') as [SettingName, string?] // origins are by the names of settings
    const { secret, family }: Setting = settings[name]
    const whole: unknown = config[name]
    if (family !== undefined && member === undefined) return []
    const value = member === undefined ? whole : (whole as Readonly<Record<string, unknown>>)[member] // of a family, whose members are told one by one
    return [{ setting: [fileKeyOf(name), ...(member === undefined ? [] : [member])].join('.'), value: secret && value !== undefined ? '********' : (value ?? null), source }]
  }).toSorted((a, b) => orderOf(a) - orderOf(b))
}

const orderOf = ({ setting }: Value): number => settingList.findIndex(([name]) => fileKeyOf(name) === setting.split('.')[0])

const isNothing = (value: unknown): boolean => value === null || (Array.isArray(value) && value.length === 0)

const signs = { ok: '✓', note: '!', missing: '✗' } as const

function inWords(checks: readonly Check[], configuration: readonly Value[]): string {
  const told = checks.map(({ name, status, detail, remedy }) => `${signs[status]} ${bold(name.padEnd(13))} ${harmless(detail)}${remedy ? `. ${dim(harmless(remedy))}` : ''}`)
  const rows = configuration.map(({ setting, value, source }) => [setting, isNothing(value) ? dim('none') : harmless(value), source.name])
  return [...told, ...(rows.length > 0 ? ['', table(['setting', 'value', 'from'], rows)] : [])].join('\n')
}
