/** What the facade says of roles, of templates, and of the teams made of them. Types only; `teams.ts` builds what they promise. */

import type { Address, Caller } from '../messages.ts'
import type { Role } from './roles.ts'
import type { Member, Template, Templates } from './templates.ts'

export interface TeamRequest {
  readonly template: string
  readonly task: string
  /** Whom the team will stand under. */
  readonly under: Address
  /** In place of the template's. */
  readonly supervisorRole?: string
  /** Of every agent of the team, in place of the template's. */
  readonly harness?: string
  /** The members act outside their workspace. */
  readonly bypass: boolean
  /** A call that was made before is not held against the room that its own team takes. */
  readonly callKey?: string
}

/** A team that there is room for: nothing of it exists yet. */
export interface TeamPlan {
  readonly template: Template
  readonly supervisor: Member
  readonly members: readonly Member[]
  /** The supervisor's first message. */
  readonly brief: string
}

export interface Catalogue {
  /** Every role, in order of their names. */
  roles(): Promise<readonly Role[]>
  /** Every template that can be used, and what is wrong with the others. */
  templates(): Promise<Templates>
  /**
   * What a spawn of that team comes to. Refused: `not_found` (with the nearest template), `invalid_input` (a broken template, an
   * empty task, an unknown harness), `unknown_role`, `limit_reached` (the team is larger or deeper than what is free).
   */
  planTeam(caller: Caller, request: TeamRequest): Promise<TeamPlan>
}
