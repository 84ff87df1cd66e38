/** The statuses of agents as a tree: for programs, which would not take a drawn one apart. */

import { z } from 'zod'

const statuses = z.object({
  instances: z.array(z.looseObject({ instance_id: z.string(), name: z.string(), parent_instance_id: z.string().nullable() })),
  total: z.number(), pending_replies: z.number().optional(),
})
type Status = z.output<typeof statuses>['instances'][number]

const shown = ['instance_id', 'name', 'instance_type', 'role', 'model', 'state', 'detail', 'since', 'current_tool', 'total_tokens_used', 'total_cost'] as const

/** Whose supervisor is not among them stands at the top. */
export function toHierarchy(data: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { instances, ...counts } = statuses.parse(data) // our own tool's
  const ids = new Set(instances.map(status => status.instance_id))
  const node = (status: Status): Record<string, unknown> => ({
    ...Object.fromEntries(shown.map(key => [key, status[key] ?? null])),
    children: instances.filter(other => other.parent_instance_id === status.instance_id).map(node),
  })
  return { hierarchy: instances.filter(({ parent_instance_id: parent }) => parent === null || !ids.has(parent)).map(node), ...counts }
}
