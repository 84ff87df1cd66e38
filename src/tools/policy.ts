/** Policies, and answering what they have asked first. */

import { z } from 'zod'
import { type PolicyChange, policyFields, type PolicySetting, type PolicyTold } from '../actors/system.ts'
import { answer, named, time } from './outputs.ts'
import { acting, readOnly, reference } from './schemas.ts'
import { defineTool } from './tool.ts'

const toSetting = ({ value, setBy, scope, at, reason }: PolicySetting): Record<string, unknown> => ({ value, set_by: setBy, scope, ...(at === undefined ? {} : { at: new Date(at).toISOString() }), ...(reason === undefined ? {} : { reason }) })
const toSettings = (settings: Readonly<Record<string, PolicySetting>>): Record<string, unknown> => Object.fromEntries(Object.entries(settings).map(([key, setting]) => [key, toSetting(setting)]))
const toPolicy = ({ scope, effective, own }: PolicyTold): Record<string, unknown> => ({ scope, effective: toSettings(effective), own: toSettings(own) })

const setting = z.looseObject({ value: z.unknown(), set_by: z.string(), scope: z.string().describe('Whom it binds'), at: time.optional(), reason: z.string().optional() })
const policyOutput = answer({
  scope: z.looseObject({ kind: z.enum(['owner', 'agent']), id: z.string(), name: z.string() }), effective: named(setting).describe('What holds, by key'), own: named(setting).describe('What was set here'),
})

export const getPolicy = defineTool({
  name: 'get_policy',
  title: 'What is allowed',
  description: 'Shows what may be spawned and who is asked first: approval of spawns, allowed models and harnesses, limits, orchestration on or off, notifications, permission prompts. Each value comes with who set it and for whom. Without instance_id: of all your agents; of an agent: what holds for it and all below it.',
  input: z.strictObject({ instance_id: reference.optional() }),
  output: policyOutput,
  annotations: readOnly,
  topic: 'control',
  listedFor: ['client'],
  searchHint: 'policy rules allowed limits approval models',
  handler: ({ instance_id }, { system, caller }) => ({ data: toPolicy(system.policy(caller, instance_id)) }),
})

const keys = {
  spawn_approval: policyFields.spawn_approval.nullish().describe('manual: a person is asked before each spawn'),
  orchestration: policyFields.orchestration.nullish().describe('off: nothing is spawned any more'),
  allowed_models: policyFields.allowed_models.nullish().describe('Names; * stands for any part, e.g. *haiku*'),
  allowed_harnesses: policyFields.allowed_harnesses.nullish(),
  max_instances: policyFields.max_instances.nullish().describe('Living agents'),
  max_depth: policyFields.max_depth.nullish().describe('Levels below the client'),
  max_children: policyFields.max_children.nullish().describe('Of one supervisor'),
  max_total_cost: policyFields.max_total_cost.nullish().describe('USD of living teams'),
  permission_prompts: policyFields.permission_prompts.nullish().describe('Who answers when an agent\'s CLI asks to use a tool. policy: what its isolation allows is allowed, what lies outside is denied'),
  unjudged_prompts: policyFields.unjudged_prompts.nullish().describe('Under policy: who answers what it cannot judge, e.g. a command of an unconfined shell'),
  at_limit: policyFields.at_limit.nullish().describe('At a limit of tokens, cost or time: end the agent, or interrupt and hold it until the limit is raised'),
  notifications: policyFields.notifications.nullish().describe('Notices in your inbox: on spawn, end, error, and once agents have cost so many USD'),
} as const

const changeInput = z
  .strictObject({ instance_id: reference.optional().describe('That agent and all below it; none: all your agents'), ...keys, reason: z.string().trim().min(1).max(500).optional().describe('Told to whoever is refused by it') })
  .refine(({ instance_id: _, reason: __, ...changes }) => Object.values(changes).some(value => value !== undefined), 'nothing to change: name a key')

/** Keys that were left out are left as they are. */
const toChange = ({ instance_id: of, reason, ...changes }: z.output<typeof changeInput>): PolicyChange => ({
  changes: Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)), ...(of === undefined ? {} : { of }), ...(reason === undefined ? {} : { reason }),
})

export const setPolicy = defineTool({
  name: 'set_policy',
  title: 'Say what is allowed',
  description: 'Keeps what the user says about agents: "ask me before spawning" (spawn_approval manual), "Haiku only" (allowed_models ["*haiku*"]), "at most 5" (max_instances 5), "stop orchestrating" (orchestration off). It holds until changed, for new spawns; living agents go on (at_limit holds for them too). null takes a key back. Only what the user asked for: do not loosen it on your own. An agent can only tighten it, for itself and those below it.',
  input: changeInput,
  output: policyOutput,
  annotations: { ...acting, idempotentHint: true, openWorldHint: false },
  topic: 'control',
  listedFor: ['client'],
  searchHint: 'policy ask before spawning approval only models limit stop orchestrating notifications',
  handler: (input, { system, caller }) => ({ data: toPolicy(system.setPolicy(caller, toChange(input))) }),
})
