/**
 * Team templates: one Markdown file each, its front matter for programs and its phases for the supervisor. Owns what a template
 * must hold, and refuses one that would fail only when the team is already there; who may start a team is `teams.ts`'s.
 */

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parse as parseYaml } from 'yaml'
import { z } from 'zod'
import { MadroxError, wordsOf } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { rolePrompt } from './roles.ts'
import { listVolumes, toPlainName, type Volume } from './shelf.ts'

const shipped = fileURLToPath(new URL('../../templates', import.meta.url))

/** What the supervisor is led through, in this order. */
const phases = ['Assembly', 'Briefing', 'Work', 'Integration', 'Report'] as const

const line = z.string().trim().min(1, 'is empty')
const lines = z.array(line).min(1, 'is empty')
const agentName = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'may only have small letters, digits and hyphens').max(40)
const standing = { name: agentName, role: line, harness: line.default('claude') }

const frontMatterSchema = z.strictObject({
  name: line,
  title: line,
  description: line,
  size: z.number().int().min(2),
  estimated_duration: line,
  when_to_use: lines,
  when_not_to_use: lines,
  supervisor: z.strictObject(standing),
  /** Where the members work; `shared`: with their supervisor. */
  workspace: z.enum(['shared', 'isolated', 'worktree', 'auto']).default('shared'),
  members: z.array(z.strictObject({ ...standing, brief: line })).min(1, 'is empty'),
})

export interface Member {
  readonly name: string
  readonly role: string
  readonly harness: string
}

export interface Template extends Volume {
  readonly title: string
  readonly description: string
  /** Agents in all, the supervisor included. */
  readonly size: number
  readonly estimatedDuration: string
  readonly whenToUse: readonly string[]
  readonly whenNotToUse: readonly string[]
  readonly supervisor: Member
  readonly workspace: string
  readonly members: readonly (Member & { readonly brief: string })[]
  /** The prose below the front matter. */
  readonly phases: string
}

export interface Broken {
  readonly path: string
  readonly error: MadroxError
}

export interface Templates {
  readonly templates: readonly Template[]
  readonly broken: readonly Broken[]
}

/** Where a user's own templates and roles are. */
export interface Directories {
  readonly templates?: string | undefined
  readonly roles?: string | undefined
}

/** Every template; those that cannot be used apart, each with what is wrong with it. */
export async function listTemplates(dirs: Directories): Promise<Templates> {
  const volumes = await listVolumes({ shipped, user: dirs.templates })
  const read = await Promise.all(volumes.map(async volume => readTemplate(volume, dirs).catch((error: unknown) => asBroken(volume, error))))
  return { templates: read.filter(each => 'phases' in each), broken: read.filter(each => 'error' in each) }
}

function asBroken({ path }: Volume, error: unknown): Broken {
  if (error instanceof MadroxError) return { path, error }
  throw error
}

/** @throws MadroxError `not_found`, with the nearest name there is; `invalid_input` where its file cannot be used */
export async function findTemplate(asked: string, dirs: Directories): Promise<Template> {
  const volumes = await listVolumes({ shipped, user: dirs.templates })
  const wanted = toPlainName(asked)
  const found = volumes.find(({ name }) => name === asked) ?? volumes.find(({ name }) => toPlainName(name) === wanted)
  if (found) return readTemplate(found, dirs)
  const known = volumes.map(({ name }) => name)
  const near = nearest(wanted, known)
  throw new MadroxError('not_found', `There is no team template "${asked}".`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}Templates: ${known.join(', ')}.`, data: { template: asked, known } })
}

async function readTemplate(volume: Volume, dirs: Directories): Promise<Template> {
  const [, head, body] = /^---\r?\n([\s\S]*?)\r?\n---\r?\n([\s\S]*)$/.exec(await readFile(volume.path, 'utf8')) ?? []
  if (head === undefined || body === undefined) throw broken(volume, ['it does not begin with front matter between two lines of ---'])
  const parsed = frontMatterSchema.safeParse(toData(volume, head))
  if (!parsed.success) throw broken(volume, parsed.error.issues.map(toFault))
  const { estimated_duration: estimatedDuration, when_to_use: whenToUse, when_not_to_use: whenNotToUse, name, ...rest } = parsed.data
  const faults = [...faultsOfTeam(volume, parsed.data), ...faultsOfPhases(body), ...(await faultsOfRoles(parsed.data, dirs.roles))]
  if (faults.length > 0) throw broken(volume, faults)
  return { ...volume, ...rest, estimatedDuration, whenToUse, whenNotToUse, phases: body.trim() }
}

function toData(volume: Volume, head: string): unknown {
  try {
    return parseYaml(head)
  } catch (error) {
    throw broken(volume, [`its front matter is not YAML: ${wordsOf(error).split('\n')[0]}`])
  }
}

type FrontMatter = z.output<typeof frontMatterSchema>

/** `members.2.brief` in the words of its author. */
const toFault = ({ path, message }: z.core.$ZodIssue): string => `${path.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`)).join('') || 'the front matter'}: ${message}`

function* faultsOfTeam(volume: Volume, { name, size, supervisor, members }: FrontMatter): Generator<string> {
  if (name !== volume.name) yield `its name is "${name}" and its file is ${volume.name}.md`
  if (size !== members.length + 1) yield `size is ${size}, and a supervisor with ${members.length} members makes ${members.length + 1}`
  const names = [supervisor, ...members].map(each => each.name)
  for (const twice of new Set(names.filter((each, index) => names.indexOf(each) !== index))) yield `the name "${twice}" is given twice`
}

function* faultsOfPhases(body: string): Generator<string> {
  const headings = [...body.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading.trim())
  const found = headings.filter(heading => phases.some(phase => phase === heading))
  if (found.join() !== phases.join()) yield `its phases must be ${phases.map(phase => `"## ${phase}"`).join(', ')}, once and in this order`
}

async function faultsOfRoles({ supervisor, members }: FrontMatter, roles: string | undefined): Promise<string[]> {
  const faults = await Promise.all([supervisor, ...members].map(({ name, role }) => rolePrompt(role, roles).then(() => [], (error: unknown) => [`of "${name}": ${error instanceof MadroxError ? error.toText() : wordsOf(error)}`.replace(/\.$/, '')])))
  return faults.flat()
}

const broken = ({ path }: Volume, faults: readonly string[]): MadroxError =>
  new MadroxError('invalid_input', `The template ${path} cannot be used: ${faults.join('; ')}.`, { remedy: 'Correct the file and call again; the shipped templates show what one must hold.', data: { path } })
