/** Roles: one Markdown file each, read at every spawn, so that an edit holds from the next spawn on. */

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { closest } from 'fastest-levenshtein'
import { MadroxError } from '../errors.ts'

const shipped = fileURLToPath(new URL('../../prompts', import.meta.url))

const aliases: Readonly<Record<string, string>> = {
  developer: 'backend_developer', frontend: 'frontend_developer', backend: 'backend_developer', tester: 'testing_specialist', qa_engineer: 'testing_specialist',
  reviewer: 'code_reviewer', documenter: 'documentation_writer', docs: 'documentation_writer', researcher: 'data_analyst', data_scientist: 'data_analyst',
  technical_lead: 'architect', devops: 'backend_developer', security: 'security_analyst',
}

/** The prompt of a role. A user directory overrides what is shipped, and adds to it. */
export async function rolePrompt(role: string, userDir?: string): Promise<string> {
  const directories = [...(userDir ? [userDir] : []), shipped]
  const wanted = role.toLowerCase()
  for (const name of [wanted, aliases[wanted]]) {
    for (const directory of directories) {
      const text = name && /^[a-z0-9_]+$/.test(name) ? await readIfThere(join(directory, `${name}.md`)) : undefined
      if (text !== undefined) return text.trim()
    }
  }
  const known = await listRoles(userDir)
  throw new MadroxError('unknown_role', `There is no role "${role}".`, { remedy: `Did you mean "${closest(wanted, known)}"? Roles: ${known.join(', ')}.`, data: { role, known } })
}

export async function listRoles(userDir?: string): Promise<string[]> {
  const files = await Promise.all([...(userDir ? [userDir] : []), shipped].map(directory => readdir(directory).catch(onlyMissing([]))))
  return [...new Set(files.flat().filter(file => file.endsWith('.md')).map(file => file.slice(0, -3)))].toSorted()
}

const readIfThere = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(onlyMissing(undefined))

function onlyMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return error => {
    if (error.code === 'ENOENT') return instead
    throw error
  }
}
