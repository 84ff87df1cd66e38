/** The facade's words for files: what lies in an agent's workspace, read and copied. Types only; `files.ts` builds what they promise. */

import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'

export interface FileEntry {
  /** From the workspace. */
  readonly path: string
  /** `unknown`: gone meanwhile, or of a name that is no UTF-8. */
  readonly type: 'file' | 'directory' | 'link' | 'other' | 'unknown'
  /** Bytes, of a file. */
  readonly size?: number
  readonly changedAt?: number
  /** Where a link says it leads, which may be nowhere. */
  readonly target?: string
}

export interface FileListing {
  readonly agentId: AgentId
  readonly name: string
  /** The workspace itself, absolute. */
  readonly workspace: string
  /** Directories near the workspace come first. */
  readonly entries: readonly FileEntry[]
  /** There is more than was asked for, or than is looked through at once. */
  readonly more: boolean
  /** Directories that could not be read. */
  readonly unreadable: readonly string[]
}

export interface FileRead {
  readonly agentId: AgentId
  readonly name: string
  readonly path: string
  readonly size: number
  readonly changedAt: number
  readonly offset: number
  readonly bytes: Uint8Array
  /** The bytes as text, where they are UTF-8; then they end with a whole character. */
  readonly text?: string
  /** Where to read on; none: that was the end. */
  readonly nextOffset?: number
}

export interface FileCopied {
  readonly agentId: AgentId
  readonly name: string
  readonly path: string
  /** Absolute. */
  readonly copiedTo: string
  readonly size: number
}

/**
 * Of agents within the caller's rights, ended ones too, and inside their workspaces only, links resolved. Refused: `not_allowed` (it leads
 * out), `not_found`, `invalid_input` (no file; a device, FIFO or socket), `workspace_failed` (the system refuses).
 */
export interface FileReading {
  listFiles(caller: Caller, reference: string, query: { readonly path: string; readonly recursive: boolean; readonly limit: number; readonly signal: AbortSignal }): Promise<FileListing>
  readFile(caller: Caller, reference: string, query: { readonly path: string; readonly offset: number; readonly maxBytes: number }): Promise<FileRead>
  /** To a new file where the caller may write: an agent's workspace, a client's root. Never over another, into no hidden place. */
  copyFile(caller: Caller, reference: string, query: { readonly path: string; readonly to: string; readonly signal: AbortSignal }): Promise<FileCopied>
}
