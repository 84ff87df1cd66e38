/** Roles: one Markdown file each, read at every spawn, so that an edit holds from the next spawn on. */

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { codeOf, MadroxError } from '../errors.ts'
import { nearest } from '../nearest.ts'

const shipped = fileURLToPath(new URL('../../prompts', import.meta.url))

const otherNames = {
  general: ['generalist', 'assistant', 'coordinator', 'project_manager'],
  architect: ['software_architect', 'system_architect', 'technical_lead', 'tech_lead'],
  frontend_developer: ['frontend', 'front_end_developer', 'ui_developer', 'web_developer'],
  backend_developer: ['developer', 'software_engineer', 'backend', 'back_end_developer', 'fullstack_developer', 'devops', 'devops_engineer'],
  testing_specialist: ['tester', 'qa', 'qa_engineer', 'test_engineer'],
  documentation_writer: ['documenter', 'docs', 'technical_writer'],
  code_reviewer: ['reviewer'],
  debugger: ['debugging_specialist'],
  security_analyst: ['security', 'security_engineer', 'security_auditor', 'security_lead'],
  data_analyst: ['researcher', 'research_lead', 'data_scientist', 'data_engineer', 'analyst'],
} as const

export const roleAliases: ReadonlyMap<string, string> = new Map(Object.entries(otherNames).flatMap(([role, names]) => names.map(name => [name, role] as const)))

/** What a role may be called, and so the only files that are read: nothing that leads out of a directory. */
const plainName = /^[a-z0-9][a-z0-9_-]*$/

/**
 * The prompt of a role. A user directory overrides what is shipped, and adds to it; a file there named like an alias goes before it.
 * Case does not matter, and a blank or hyphen stands for an underscore. Throws `unknown_role`, with the nearest name there is.
 */
export async function rolePrompt(role: string, userDir?: string): Promise<string> {
  const asked = role.trim().toLowerCase()
  const wanted = asked.replaceAll(/[\s-]+/g, '_')
  for (const name of new Set([asked, wanted, roleAliases.get(wanted) ?? wanted])) {
    for (const directory of directories(userDir)) {
      const text = plainName.test(name) ? await readIfThere(join(directory, `${name}.md`)) : undefined
      if (text !== undefined) return text.trim()
    }
  }
  const known = await listRoles(userDir)
  const near = nearest(wanted, [...known, ...roleAliases.keys()])
  throw new MadroxError('unknown_role', `There is no role "${role}".`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}Roles: ${known.join(', ')}.`, data: { role, known } })
}

/** Every role that can be spawned, aliases apart, in order of their names. */
export async function listRoles(userDir?: string): Promise<string[]> {
  const files = await Promise.all(directories(userDir).map(directory => readdir(directory).catch(onlyMissing([]))))
  const names = files.flat().flatMap(file => (file.endsWith('.md') ? [file.slice(0, -3)] : []))
  return [...new Set(names.filter(name => plainName.test(name)))].toSorted()
}

const directories = (userDir: string | undefined): string[] => [...(userDir ? [userDir] : []), shipped]

const readIfThere = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(onlyMissing(undefined))

function onlyMissing<T>(instead: T): (error: unknown) => T {
  return error => {
    if (codeOf(error) === 'ENOENT') return instead
    throw error
  }
}
