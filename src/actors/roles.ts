/** Roles: one Markdown file each, read at every spawn, so that an edit holds from the next spawn on. */

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { MadroxError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { listVolumes, readVolume, type Shelf, toPlainName, type Volume } from './shelf.ts'

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

const shelf = (user: string | undefined): Shelf => ({ shipped, user })

/**
 * The prompt of a role. A user directory overrides what is shipped, and adds to it; a file there named like an alias goes before it.
 * Case does not matter, and a blank or hyphen stands for an underscore. Throws `unknown_role`, with the nearest name there is.
 */
export async function rolePrompt(role: string, userDir?: string): Promise<string> {
  const wanted = toPlainName(role)
  const text = await readVolume(shelf(userDir), [role.trim().toLowerCase(), wanted, roleAliases.get(wanted) ?? wanted])
  if (text !== undefined) return text.trim()
  const known = await listRoles(userDir)
  const near = nearest(wanted, [...known, ...roleAliases.keys()])
  throw new MadroxError('unknown_role', `There is no role "${role}".`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}Roles: ${known.join(', ')}.`, data: { role, known } })
}

/** Every role that can be spawned, aliases apart, in order of their names. */
export async function listRoles(userDir?: string): Promise<string[]> {
  return (await listVolumes(shelf(userDir))).map(({ name }) => name)
}

export interface Role extends Volume {
  /** What else it is called; not what a role of the user's own is called now. */
  readonly aliases: readonly string[]
  /** The first sentence of its file. */
  readonly description: string
}

export async function describeRoles(userDir?: string): Promise<Role[]> {
  const volumes = await listVolumes(shelf(userDir))
  const aliasesOf = (role: string): string[] => [...roleAliases].flatMap(([alias, name]) => (name === role && !volumes.some(volume => volume.name === alias) ? [alias] : []))
  return Promise.all(volumes.map(async volume => ({ ...volume, aliases: aliasesOf(volume.name), description: firstSentence(await readFile(volume.path, 'utf8')) })))
}

/** Of its first paragraph that is no heading. */
function firstSentence(text: string): string {
  const paragraph = text.split(/\n\s*\n/).map(part => part.replaceAll(/^#.*$/gm, '').trim()).find(part => part !== '') ?? ''
  return /^.*?[.!?](?=\s|$)/.exec(paragraph.replaceAll(/\s+/g, ' '))?.[0] ?? paragraph.replaceAll(/\s+/g, ' ')
}
