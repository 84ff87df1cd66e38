/** The facade's words for what agents changed where they work, and for what is left when they have ended. Types only; `changes.ts` and `cleaning.ts` build what they promise. */

import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'

/** Of a workspace in a git repository: the difference between where its work began and the files as they are now. */
export interface Changes {
  readonly branch?: string
  /** The commit compared with: of a worktree, the last one it has in common with what its repository has checked out; else the one it stands on. */
  readonly base?: string
  readonly filesChanged: number
  readonly insertions: number
  readonly deletions: number
  /** New files git does not know of and is not told to ignore. */
  readonly untracked: number
  /** Commits that the base has not; only of a worktree is it known of which. */
  readonly commitsAhead?: number
}

/** Why nothing can be told, for a person. */
export interface Unknown {
  readonly unknown: string
}

export interface ChangedFile {
  readonly path: string
  /** None: the file is binary. */
  readonly insertions?: number
  readonly deletions?: number
}

export interface Diff extends Changes {
  readonly agentId: AgentId
  readonly name: string
  readonly workspace: string
  /** Untracked ones included. */
  readonly files: readonly ChangedFile[]
  /** There are more files than are listed. */
  readonly moreFiles: boolean
  readonly text?: string
  readonly isCut: boolean
}

/** A workspace of its own of an agent that has ended. `kept`: for these reasons. */
export interface Leftover {
  readonly agentId: AgentId
  readonly name: string
  readonly kind: string
  readonly path: string
  readonly branch?: string
  readonly verdict: 'removed' | 'removable' | 'kept'
  readonly reasons: readonly string[]
  /** Files and directories that git is told to ignore, which go with it. */
  readonly ignored: number
}

export interface ChangeReading {
  /** Undefined: it works in no git repository. Of the last two seconds, where it was asked for before. */
  changes(caller: Caller, reference: string): Promise<Changes | Unknown | undefined>
  /** Untracked files shown as new. Refused: `workspace_failed` (in no git repository, or git cannot read it), `unavailable` (git does not answer). */
  diff(caller: Caller, reference: string, query: { readonly maxBytes: number }): Promise<Diff>
  /** The workspaces of ended agents below the caller, and those removed that hold no uncommitted or unmerged work. `dryRun`: none is. */
  cleanWorkspaces(caller: Caller, query: { readonly dryRun: boolean; readonly signal: AbortSignal; readonly progress: (message: string) => void }): Promise<readonly Leftover[]>
}
