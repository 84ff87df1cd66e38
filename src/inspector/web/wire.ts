/** What the page is told, as it crosses the wire. Types alone: the server builds them, the page's script reads them. */

export interface AgentView {
  readonly id: string
  readonly name: string
  readonly harness: string
  readonly role: string
  readonly model: string | null
  readonly state: string
  /** With the inner state: `busy.awaitingApproval`. */
  readonly detail: string
  /** Milliseconds since the epoch, as all times here. */
  readonly since: number
  readonly source: string
  readonly parent: { readonly kind: string; readonly id: string; readonly name: string } | null
  readonly mailbox: number
  readonly pendingReplies: number
  readonly requestCount: number
  readonly openMessages: readonly string[]
  readonly currentMessage: string | null
  readonly currentTool: string | null
  /** The tool it asks a person about. */
  readonly approvalOf: string | null
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number; readonly cacheReadTokens: number; readonly cacheCreationTokens: number }
  readonly workspace: { readonly kind: string; readonly path: string; readonly branch: string | null }
  readonly createdAt: number
  readonly endedAt: number | null
  readonly endReason: string | null
  readonly lastError: string | null
  readonly warnings: readonly string[]
}

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly remedy?: string
}

/** `GET inspector/tree`: living agents in tree order, and the one asked for by `?agent=`, ended or not. */
export interface TreeView {
  readonly now: number
  readonly agents: readonly AgentView[]
  readonly agent: AgentView | null
  /** Why there is no such agent to see. */
  readonly refusal: Refusal | null
}

/** What waits for a yes, as the tool `list_approvals` gives it: the tree has nothing of what agents say, and this is nothing else. */
export interface ApprovalView {
  readonly approval_id: string
  readonly text: string
  /** ISO 8601. */
  readonly expires_at: string
}

/** Events of `GET inspector/events`, by their SSE names; those named `happened` carry an id. */
export interface StreamEvents {
  /** First of all. False: what the page knows of the past has a gap, or is of another run. */
  readonly opened: { readonly complete: boolean }
  readonly happened: HappeningView
  readonly touched: { readonly agents: readonly string[] }
  /** What waits for a yes has changed; what that is, is asked for. */
  readonly approvals: { readonly open: number }
}

export interface HappeningView {
  readonly id: string
  readonly at: number
  readonly agentId: string
  readonly name: string
  readonly type: 'spawned' | 'changed' | 'ended'
  readonly harness?: string
  readonly from?: string
  readonly to?: string
  readonly event?: string
  readonly source?: string
  readonly byItself?: boolean
}
