/** What a simulated CLI keeps: sessions with their transcripts, which outlive its processes and the server; and what one process is at. */

import type { FactOf } from '../../src/drivers/driver.ts'
import type { AgentId } from '../../src/ids.ts'
import type { Server } from './server.ts'

export interface RecordedTurn {
  readonly text: string
  /** The message it was for: as its prompt says, else as the agent itself understands it. */
  readonly subject?: string | undefined
  status: 'cut' | 'completed' | 'failed'
  words?: string
}

export interface Session {
  readonly id: string
  readonly transcript: RecordedTurn[]
  /** Of each task sent from here: the message it was sent for. */
  readonly sentFor: Map<string, string>
  /** Messages it was given. */
  readonly given: string[]
  /** Those of whose turns it told too late: they are given again, marked. */
  readonly doubted: Set<string>
  /** Those among them whose turns have all come to their ends, and the server that was told so, or should have been. */
  readonly done: Map<string, Server>
}

export interface Turn {
  readonly id: string
  readonly promptId?: string
  /** The message this works for, as the agent itself understands it. */
  readonly subject: string | undefined
  /** The message its prompt is. */
  readonly given: string | undefined
  /** Its message's own turn, and every later one on it, had come to their ends before this one began. */
  wasDone?: boolean
  readonly recorded: RecordedTurn
  readonly over: AbortController
  approval?: string
}

export interface Process {
  readonly agentId: AgentId
  readonly server: Server
  readonly session: Session
  readonly token: string
  phase: 'starting' | 'ready' | 'gone'
  readonly lies: boolean
  /** Its tools were listed: whole. */
  listed: boolean
  stopping: boolean
  turn: Turn | undefined
  /** On its way, and not seen yet. */
  typed: { readonly promptId: string; readonly text: string; isWritten: boolean } | undefined
  /** Given up as unseen, and perhaps seen after all. */
  late: { readonly promptId: string; readonly text: string } | undefined
  /** Background tasks that run, and those that have ended and will be spoken of: each with the message it was begun for. */
  readonly background: Map<string, string | undefined>
  readonly ended: Map<string, string | undefined>
}

/** What the session says of its latest turn on a prompt that one of the markers begins. */
export function recall({ transcript }: Session, markers: readonly string[]): Pick<FactOf<'turnRecalled'>, 'status' | 'finalText' | 'error'> {
  const turn = transcript.findLast(({ text }) => text.split('\n').some(line => markers.some(marker => line.startsWith(marker))))
  if (!turn) return { status: 'absent' }
  const { status, words } = turn
  return { status, ...(status === 'completed' && words !== undefined ? { finalText: words } : {}), ...(status === 'failed' && words !== undefined ? { error: words } : {}) }
}
