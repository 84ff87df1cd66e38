/** Teams from templates, and what there is to make a team of: templates and roles. */

import { z } from 'zod'
import type { TeamMember } from '../actors/system.ts'
import { toWireError } from '../errors.ts'
import { answer, named, refusalFields, spawnedOutput } from './outputs.ts'
import { acting, readOnly, spawnFields } from './schemas.ts'
import { spawnOne } from './spawn.ts'
import { defineTool } from './tool.ts'

const { parent_instance_id, workspace, wait_for_ready, wait_for_response, timeout_seconds, bypass_isolation, max_total_tokens, max_cost, timeout_minutes } = spawnFields

const memberOutput = z.looseObject({ name: z.string(), role: z.string(), instance_type: z.string() })
const toMember = ({ name, role, harness }: TeamMember): Record<string, string> => ({ name, role, instance_type: harness })

export const spawnTeam = defineTool({
  name: 'spawn_team_from_template',
  title: 'Spawn a team from a template',
  description: 'Starts the supervisor of a team (see list_templates) and gives it the whole template and your task; it spawns and leads the members, and its report answers message_id. Several agents, each a real process that costs money; harness=scripted rehearses the team for free. For one agent, or a team of your own making, use spawn_multiple_instances.',
  input: z.strictObject({
    template_name: z.string().min(1).max(80).describe('e.g. software_engineering'),
    task_description: z.string().min(1).describe('All the team must know; it does not see your conversation'),
    supervisor_role: z.string().min(1).max(80).optional().describe("none: the template's"),
    parent_instance_id,
    harness: z.string().min(1).max(80).optional().describe("Of every agent of the team; none: the template's"),
    workspace, bypass_isolation, max_total_tokens, max_cost, timeout_minutes, wait_for_ready, wait_for_response, timeout_seconds,
  }),
  output: spawnedOutput.extend({ template: z.string(), size: z.number().describe('Agents in all, the supervisor included'), estimated_duration: z.string(), members: z.array(memberOutput).describe('Whom the supervisor will spawn') }),
  annotations: acting,
  topic: 'spawn',
  listedFor: ['client'],
  alwaysLoad: true,
  spawns: true,
  searchHint: 'start create launch team template crew squad software research security data',
  handler: async ({ template_name, task_description, supervisor_role, parent_instance_id: wanted, harness, ...rest }, context) => {
    const { system, caller, callKey } = context
    const parent = system.resolveParent(caller, wanted)
    const { template, supervisor, members, brief } = await system.planTeam(caller, {
      template: template_name, task: task_description, under: parent.address, bypass: rest.bypass_isolation,
      ...(supervisor_role === undefined ? {} : { supervisorRole: supervisor_role }), ...(harness === undefined ? {} : { harness }), ...(callKey === undefined ? {} : { callKey }),
    })
    const { data, ...result } = await spawnOne(supervisor.harness, { ...rest, name: supervisor.name, role: supervisor.role, initial_prompt: brief, toolset: 'supervisor' }, context, parent)
    return { ...result, data: { ...data, template: template.name, size: template.size, estimated_duration: template.estimatedDuration, members: members.map(toMember) } }
  },
})

export const listTemplates = defineTool({
  name: 'list_templates',
  title: 'Templates of teams',
  description: 'Lists the team templates for spawn_team_from_template: their members, how long they take, and when (not) to use each. A file that cannot be used is listed under broken, with what is wrong with it.',
  input: z.strictObject({}),
  output: answer({
    templates: z.array(z.looseObject({
      name: z.string(), title: z.string(), description: z.string(), size: z.number().describe('Agents in all, the supervisor included'), supervisor: memberOutput, members: z.array(memberOutput), estimated_duration: z.string(),
      when_to_use: z.array(z.string()), when_not_to_use: z.array(z.string()), source: z.enum(['shipped', 'user']), path: z.string(),
    })),
    broken: z.array(z.looseObject({ path: z.string(), ...refusalFields, data: named(z.unknown()).optional() })).describe('Files that cannot be used'),
  }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['client'],
  searchHint: 'team templates crews squads available',
  handler: async (_input, { system }) => {
    const { templates, broken } = await system.templates()
    return {
      data: {
        templates: templates.map(({ name, title, description, size, supervisor, members, estimatedDuration, whenToUse, whenNotToUse, source, path }) => ({
          name, title, description, size, supervisor: toMember(supervisor), members: members.map(toMember), estimated_duration: estimatedDuration, when_to_use: whenToUse, when_not_to_use: whenNotToUse, source, path,
        })),
        broken: broken.map(({ path, error }) => ({ path, ...toWireError(error) })),
      },
    }
  },
})

export const listRoles = defineTool({
  name: 'list_roles',
  title: 'Roles of agents',
  description: 'Lists the roles an agent can be spawned in: what each is, its other names, and the file its prompt is read from at every spawn.',
  input: z.strictObject({}),
  output: answer({ roles: z.array(z.looseObject({ name: z.string(), aliases: z.array(z.string()), description: z.string(), source: z.enum(['shipped', 'user']), path: z.string().describe('Its prompt, read at every spawn') })) }),
  annotations: readOnly,
  topic: 'see',
  listedFor: ['client'],
  searchHint: 'roles prompts personas specialists available',
  handler: async (_input, { system }) => ({ data: { roles: (await system.roles()).map(({ name, aliases, description, source, path }) => ({ name, aliases, description, source, path })) } }),
})
