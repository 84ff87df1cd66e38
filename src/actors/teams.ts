/** Teams from templates: what a team comes to, and whether there is room for all of it before its first agent is spawned. */

import type { Driver } from '../drivers/driver.ts'
import { MadroxError } from '../errors.ts'
import type { Address, Caller } from '../messages.ts'
import { type TeamCalls, writeTeamBrief } from '../team-brief.ts'
import type { Catalogue, TeamRequest } from './catalogue.ts'
import { type Core, lineAbove } from './core.ts'
import { driverOf } from './harnesses.ts'
import { checkText } from './messaging.ts'
import { describeRoles, rolePrompt } from './roles.ts'
import { type Directories, findTemplate, listTemplates, type Member, type Template } from './templates.ts'

export interface TeamsOptions {
  readonly core: Core
  readonly drivers: () => ReadonlyMap<string, Driver>
  readonly dirs: Directories
  /** How many agents may still be spawned, those under way counted. */
  readonly room: () => number
  /** The call was made before, or is being made. */
  readonly isRepeated: (caller: Caller, callKey: string) => boolean
}

export const createTeams = ({ core, drivers, dirs, room, isRepeated }: TeamsOptions): Catalogue => ({
  roles: () => describeRoles(dirs.roles),
  templates: () => listTemplates(dirs),
  planTeam: async (caller, request) => {
    const template = await findTemplate(request.template, dirs)
    checkText(core, request.task)
    if (request.supervisorRole !== undefined) await rolePrompt(request.supervisorRole, dirs.roles)
    const withHarness = (member: Member): Member => ({ name: member.name, role: member.role, harness: request.harness ?? member.harness })
    const supervisor = { ...withHarness(template.supervisor), ...(request.supervisorRole === undefined ? {} : { role: request.supervisorRole }) }
    const members = template.members.map(withHarness)
    for (const { harness } of [supervisor, ...members]) driverOf(harness, drivers())
    if (request.callKey === undefined || !isRepeated(caller, request.callKey)) checkRoom(core, template, request.under, room())
    return { template, supervisor, members, brief: toBrief(template, members, request) }
  },
})

/** A team cut short by a limit would have cost its supervisor and done nothing. */
function checkRoom(core: Core, { name, size }: Template, under: Address, room: number): void {
  const { limits } = core
  const refuse = (why: string, remedy: string, limit: number): never => {
    throw new MadroxError('limit_reached', `The team "${name}" has ${size} agents, and ${why}; nothing was spawned.`, { remedy, data: { size, limit } })
  }
  if (size > room) refuse(`there is room for ${Math.max(0, room)} of ${limits.maxInstances}`, 'Terminate agents you no longer need, or start the server with a higher MAX_INSTANCES.', limits.maxInstances)
  const above = under.kind === 'agent' ? [under, ...lineAbove(core, under.id)].length : 1
  if (above + 1 > limits.maxDepth) refuse(`its members would stand ${above + 1} levels deep of ${limits.maxDepth}`, 'Spawn it from an agent higher up.', limits.maxDepth)
}

function toBrief({ title, size, phases, workspace, members }: Template, planned: readonly Member[], { task, bypass }: TeamRequest): string {
  const calls: TeamCalls = {
    instances: planned.map(({ name, role, harness }) => ({ name, role, instance_type: harness, workspace, toolset: 'leaf', ...(bypass ? { bypass_isolation: true } : {}) })),
    messages: members.map(({ name, brief }) => ({ instance_id: name, message: brief })),
  }
  return writeTeamBrief({ title, size, phases, task, calls })
}
