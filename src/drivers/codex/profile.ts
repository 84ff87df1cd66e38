/**
 * A user's configuration profile, `$CODEX_HOME/<name>.config.toml`, as a layer of a thread's own configuration: codex-cli 0.169
 * refuses `--profile` for its app-server. Owns the file and what of it an agent may be given; what a key means is codex's.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'
import { codeOf, wordsOf } from '../../errors.ts'
import type { StartFailure } from './failures.ts'
import { modelProviders, projects } from './protocol.ts'

const table = z.record(z.string(), z.unknown())
/** The keys that meet settings of Madrox's own; all others pass as they are. */
const profileSchema = z.looseObject({
  model_provider: z.string().optional(),
  model_providers: modelProviders.optional(),
  mcp_servers: z.record(z.string(), table).optional(),
  features: table.optional(),
  projects: projects.optional(),
  shell_environment_policy: z.looseObject({ set: table.optional(), exclude: z.array(z.string()).optional() }).optional(),
})
export type Profile = z.infer<typeof profileSchema>

export type ProfileResult = { readonly ok: true; readonly profile: Profile } | { readonly ok: false; readonly failure: StartFailure }

/** Codex takes these names and no others, so none of them leaves its home. */
const plainName = /^[A-Za-z0-9_-]+$/

export async function readProfile(codexHome: string, name: string): Promise<ProfileResult> {
  if (!plainName.test(name)) return refuse(`"${name}" is no name of a codex profile. Use letters, digits, "_" and "-" only, such as "work".`)
  const path = join(codexHome, `${name}.config.toml`)
  try {
    const profile = profileSchema.safeParse(parse(await readFile(path, 'utf8')))
    if (profile.success) return { ok: true, profile: withoutConfinement(profile.data) }
    return refuse(`${path} does not fit codex: ${z.prettifyError(profile.error)}`)
  } catch (error) {
    if (error instanceof TomlError) return refuse(`${path}:${error.line}:${error.column}: ${error.message}`)
    // Codex itself goes on without a profile that is not there; an agent on another model than asked for would be a surprise.
    if (codeOf(error) === 'ENOENT') return refuse(`There is no codex profile "${name}": ${path} does not exist. Create it with the keys the profile sets, or spawn without a profile.`)
    return refuse(`The codex profile "${name}" could not be read: ${wordsOf(error)}`)
  }
}

/** Who may name a profile must not thereby choose a wider sandbox: confinement is the launch's to say. */
function withoutConfinement(profile: Profile): Profile {
  return Object.fromEntries(Object.entries(profile).filter(([key]) => !confining.has(key)))
}
const confining = new Set(['sandbox_mode', 'sandbox_workspace_write', 'approval_policy', 'approvals_reviewer', 'permissions', 'default_permissions'])

const refuse = (detail: string): ProfileResult => ({ ok: false, failure: { code: 'invalid_launch', detail } })
