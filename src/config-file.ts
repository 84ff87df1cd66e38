/** The configuration file of a home: `config.toml`, or `config.json`. It is read here and means something in `config.ts`. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { codeOf, MadroxError, wordsOf } from './errors.ts'

export interface ConfigFile {
  readonly path: string
  readonly content: Readonly<Record<string, unknown>>
}

/** @throws MadroxError `invalid_input` where there are two, or one cannot be read or understood */
export function readConfigFile(home: string): ConfigFile | undefined {
  const [toml, json] = [join(home, 'config.toml'), join(home, 'config.json')]
  const [tomlText, jsonText] = [textOf(toml), textOf(json)]
  if (tomlText !== undefined && jsonText !== undefined) throw new MadroxError('invalid_input', `There are two configuration files: ${toml} and ${json}.`, { remedy: 'Keep one of them.' })
  if (tomlText !== undefined) return { path: toml, content: understood(toml, 'TOML', () => parse(tomlText)) }
  if (jsonText !== undefined) return { path: json, content: understood(json, 'JSON', () => JSON.parse(jsonText)) }
  return undefined
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined // a home that is no directory is refused by whoever opens it
    throw new MadroxError('invalid_input', `The configuration file ${path} cannot be read: ${wordsOf(error)}.`, { remedy: 'Let this user read it, or remove it.', cause: error })
  }
}

function understood(path: string, form: string, read: () => unknown): Readonly<Record<string, unknown>> {
  let content: unknown
  try {
    content = read()
  } catch (cause) {
    throw new MadroxError('invalid_input', `The configuration file ${path} is no ${form}: ${wordsOf(cause).split('\n')[0]}.`, { remedy: 'Correct it and start again.', cause })
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new MadroxError('invalid_input', `The configuration file ${path} holds no settings.`, { remedy: 'Write one object of settings by their names.' })
  return { ...content }
}
