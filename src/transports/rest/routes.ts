/** The paths of REST: which tool answers where, and finding the one that was meant. */

import { nearest } from '../../nearest.ts'
import type { ToolTable } from '../../tools/tool.ts'
import { toHierarchy } from './hierarchy.ts'

type Data = Readonly<Record<string, unknown>>

/** A read: its query makes the arguments, `:id` the one named by `id`. */
export interface Route {
  readonly path: string
  readonly tool: string
  readonly id?: string
  /** What the path says already. */
  readonly fixed?: Data
  /** The tool's data in another form. */
  readonly toBody?: (data: Data) => Data
}

const reads: readonly Route[] = [
  { path: '/instances', tool: 'get_instance_status' },
  { path: '/instances/:id', tool: 'get_instance_status', id: 'instance_id' },
  { path: '/instances/:id/screen', tool: 'get_terminal_screen', id: 'instance_id' },
  { path: '/instances/:id/output', tool: 'get_instance_output', id: 'instance_id' },
  { path: '/network/hierarchy', tool: 'get_instance_status', toBody: toHierarchy },
  { path: '/logs/audit', tool: 'get_audit_logs' },
  { path: '/logs/instances/:id', tool: 'get_instance_logs', id: 'instance_id' },
  { path: '/logs/communication/:id', tool: 'get_instance_logs', id: 'instance_id', fixed: { log_type: 'communication' } },
]

export const toolsPath = '/tools'
export const executePath = '/tools/execute'

/** What others serve on the same port. */
const elsewhere = ['/', '/health', '/metrics', '/mcp']

export interface Match {
  readonly route: Route
  /** What stands in the place of `:id`; h3 has refused broken escapes. */
  readonly id?: string
}

export interface Routes {
  match(pathname: string): Match | undefined
  /** The path there is that looks most like it. */
  nearestTo(pathname: string): string | undefined
}

/** The routes whose tools are in the table. */
export function createRoutes(tools: ToolTable): Routes {
  const served = reads.filter(({ tool }) => tools.has(tool))
  const patterns = served.map(route => ({ route, parts: route.path.split('/') }))
  const known = [...served.map(({ path }) => path), toolsPath, executePath, ...elsewhere]
  return {
    match(pathname) {
      const given = pathname.replace(/(?<=.)\/$/, '').split('/')
      const found = patterns.find(({ parts }) => parts.length === given.length && parts.every((part, index) => (part === ':id' ? given[index] !== '' : part === given[index])))
      if (!found) return undefined
      const id = given[found.parts.indexOf(':id')]
      return { route: found.route, ...(id === undefined ? {} : { id: decodeURIComponent(id) }) }
    },
    nearestTo: pathname => nearest(pathname, known),
  }
}
