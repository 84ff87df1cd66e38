/** What agents changed where they work, and the clearing away of workspaces that hold no work any more. */

import { z } from 'zod'
import type { Changes, Diff, Leftover, Unknown } from '../actors/system.ts'
import { agentNamed, answer, changesFields } from './outputs.ts'
import { ending, instanceId, readOnly } from './schemas.ts'
import { defineTool } from './tool.ts'

/** What is not known stands as null. */
export const toChanges = (changes: Changes | Unknown): Record<string, unknown> =>
  'unknown' in changes
    ? { unknown: changes.unknown }
    : {
        branch: changes.branch ?? null, base: changes.base ?? null, files_changed: changes.filesChanged, insertions: changes.insertions, deletions: changes.deletions,
        untracked: changes.untracked, commits_ahead: changes.commitsAhead ?? null,
      }

const toDiff = ({ agentId, name, workspace, files, moreFiles, text, isCut, ...changes }: Diff): Record<string, unknown> => ({
  instance_id: agentId, name, workspace, ...toChanges(changes),
  files: files.map(({ path, insertions, deletions }) => ({ path, insertions: insertions ?? null, deletions: deletions ?? null })), ...(moreFiles ? { more_files: true } : {}),
  ...(text === undefined ? {} : { diff: text, truncated: isCut }),
})

export const getInstanceDiff = defineTool({
  name: 'get_instance_diff',
  title: 'What an agent changed',
  description: 'The changes of an agent that works in a git repository, ended agents too: of a worktree all that its repository\'s checked-out branch has not, else what is uncommitted; untracked files as new ones. Counts alone are in get_instance_status. Bringing them back: merge its branch.',
  input: z.strictObject({
    instance_id: instanceId,
    stat_only: z.boolean().default(false).describe('Files and counts, without the diff'),
    max_bytes: z.number().int().positive().max(1_000_000).default(50_000).describe('Of the diff'),
  }),
  output: answer({
    ...agentNamed, workspace: z.string().describe('Absolute path'), ...changesFields, files: z.array(z.looseObject({ path: z.string(), insertions: z.number().nullable().describe('null: a binary file'), deletions: z.number().nullable() })),
    more_files: z.boolean().optional().describe('There are more than are listed'), diff: z.string().optional(), truncated: z.boolean().optional().describe('The diff was longer than max_bytes'),
  }),
  annotations: readOnly,
  topic: 'files',
  listedFor: ['client'],
  searchHint: 'diff changes git worktree branch what changed review',
  handler: async ({ instance_id, stat_only, max_bytes }, { system, caller }) => ({ data: toDiff(await system.diff(caller, instance_id, { maxBytes: stat_only ? 0 : max_bytes })) }),
})

const toLeftover = ({ agentId, name, kind, path, branch, verdict, reasons, ignored }: Leftover): Record<string, unknown> =>
  ({ instance_id: agentId, name, workspace_kind: kind, workspace: path, ...(branch === undefined ? {} : { branch }), verdict, reasons, ...(ignored > 0 ? { ignored } : {}) })

export const cleanWorkspaces = defineTool({
  name: 'clean_workspaces',
  title: 'Clear away workspaces',
  description: 'Lists the workspaces of ended agents; with dry_run=false removes those that hold no uncommitted or unmerged work, and their branches. Never others, whose reasons it gives; what git ignores goes with its worktree. An agent whose workspace is gone cannot go on there.',
  input: z.strictObject({ dry_run: z.boolean().default(true).describe('Only tell what would be removed') }),
  output: answer({
    dry_run: z.boolean(), total: z.number(),
    workspaces: z.array(z.looseObject({
      ...agentNamed, workspace_kind: z.string(), workspace: z.string().describe('Absolute path'), branch: z.string().optional(), verdict: z.enum(['removed', 'removable', 'kept']), reasons: z.array(z.string()).describe('Why it is kept'),
      ignored: z.number().optional().describe('What git ignores, which goes with it'),
    })),
  }),
  annotations: ending,
  topic: 'files',
  listedFor: ['client'],
  searchHint: 'clean remove workspaces worktrees branches disk space',
  handler: async ({ dry_run }, { system, caller, signal, progress }) => {
    const left = await system.cleanWorkspaces(caller, { dryRun: dry_run, signal, progress })
    return { data: { dry_run, workspaces: left.map(toLeftover), total: left.length } }
  },
})
