/** Completing what a person types: instances in resource addresses and prompts, roles, templates. What begins alike, whatever its case. */

import type { CompleteRequest, CompleteResult } from '@modelcontextprotocol/sdk/types.js'
import type { MadroxSystem } from '../../actors/system.ts'
import { MadroxError } from '../../errors.ts'
import type { Caller } from '../../messages.ts'
import { findPrompt, namedBy, type Names } from './prompts.ts'
import { toInvalidParams } from './refusal.ts'
import { listResourceTemplates } from './resources.ts'

/** The protocol's own bound. */
const most = 100

/** @throws what the client is answered: a prompt, a template or an argument that is not there */
export async function complete(system: MadroxSystem, caller: Caller, { ref, argument }: CompleteRequest['params']): Promise<CompleteResult> {
  const names = ref.type === 'ref/prompt' ? namedBy(await findPrompt(system, ref.name), argument.name) : namedInAddress(ref.uri, argument.name)
  return toCompletion(names === undefined ? [] : await candidates[names](system, caller), argument.value)
}

export function toCompletion(all: readonly string[], typed: string): CompleteResult {
  const begins = all.filter(candidate => candidate.toLowerCase().startsWith(typed.toLowerCase()))
  return { completion: { values: begins.slice(0, most), total: begins.length, hasMore: begins.length > most } }
}

function namedInAddress(uri: string, argument: string): Names {
  const known = listResourceTemplates().map(({ uriTemplate }) => uriTemplate)
  if (known.includes(uri) && argument === 'id') return 'instance'
  const what = known.includes(uri) ? `"${uri}" has no variable "${argument}"` : `There is no resource template "${uri}"`
  throw toInvalidParams(new MadroxError('not_found', `${what}.`, { remedy: `Complete {id} of ${known.join(', ')}.` }))
}

const candidates: Readonly<Record<Names, (system: MadroxSystem, caller: Caller) => readonly string[] | Promise<readonly string[]>>> = {
  // A name that two bear names neither.
  instance: (system, caller) => {
    const living = system.list(caller)
    const bearers = (name: string): number => living.filter(status => status.name === name).length
    return [...living.map(({ name }) => name).filter(name => bearers(name) === 1).toSorted(), ...living.map(({ id }) => id).toSorted()]
  },
  role: async system => {
    const roles = await system.roles()
    return [...roles.map(({ name }) => name), ...roles.flatMap(({ aliases }) => aliases).toSorted()]
  },
  template: async system => (await system.templates()).templates.map(({ name }) => name),
}
