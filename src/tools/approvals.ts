/** What waits for somebody's yes, and giving it. */

import { z } from 'zod'
import type { ApprovalTold } from '../actors/system.ts'
import { answer, time } from './outputs.ts'
import { acting, readOnly } from './schemas.ts'
import { defineTool } from './tool.ts'

const toApproval = ({ id, kind, by, text, asked, askedAt, expiresAt, tool, detail, settled }: ApprovalTold): Record<string, unknown> => ({
  approval_id: id, kind, status: settled ? 'settled' : 'open', by: by.name, by_id: by.id, text, asked, ...(tool === undefined ? {} : { tool }), ...(detail === undefined ? {} : { detail }),
  asked_at: new Date(askedAt).toISOString(), expires_at: new Date(expiresAt).toISOString(),
  ...(settled ? { decision: settled.decision, decided_by: settled.by, decided_at: new Date(settled.at).toISOString(), ...(settled.reason === undefined ? {} : { reason: settled.reason }) } : {}),
})

const approvalFields = {
  approval_id: z.string(), kind: z.enum(['spawn', 'permission']), status: z.enum(['open', 'settled']), by: z.string().describe('Who wants it'), by_id: z.string(), text: z.string(), asked: z.enum(['supervisor', 'person', 'policy']).describe('Who is to answer; policy: its own rights decided'),
  tool: z.string().optional().describe('What its CLI asks to use'), detail: z.string().optional(), asked_at: time, expires_at: time,
  decision: z.enum(['allow', 'deny', 'gone']).optional(), decided_by: z.string().optional(), decided_at: time.optional(), reason: z.string().optional(),
}

export const listApprovals = defineTool({
  name: 'list_approvals',
  title: 'What waits for a yes',
  description: "Lists spawns that a person is asked to approve, and tools that agents' CLIs ask to use, each with its approval_id, oldest first. Answer one by answer_approval. What nobody answers in time is denied.",
  input: z.strictObject({ include_settled: z.number().int().min(0).max(1_000).default(0).describe('Also the newest so many that were settled') }),
  output: answer({ approvals: z.array(z.looseObject(approvalFields)), open: z.number().describe('How many of them wait') }),
  annotations: readOnly,
  topic: 'control',
  listedFor: ['client'],
  searchHint: 'approval permission pending waiting confirm spawn requests',
  handler: ({ include_settled }, { system, caller }) => {
    const approvals = system.approvals(caller, include_settled > 0 ? { settled: include_settled } : {})
    return { data: { approvals: approvals.map(toApproval), open: approvals.filter(({ settled }) => !settled).length } }
  },
})

export const answerApproval = defineTool({
  name: 'answer_approval',
  title: 'Allow or deny what waits',
  description: 'Answers an approval, once. Where a person is asked, pass on what the user has said and decide nothing yourself; no agent answers there. For a tool an agent wants to use, its supervisors may answer.',
  input: z.strictObject({
    approval_id: z.string().min(1).max(200), decision: z.enum(['allow', 'deny']),
    message: z.string().trim().min(1).max(2_000).optional().describe('Why; told to who asked'),
  }),
  output: answer(approvalFields),
  annotations: acting,
  topic: 'control',
  listedFor: ['client'],
  searchHint: 'approve deny allow permission spawn answer confirm',
  handler: ({ approval_id, decision, message }, { system, caller }) => ({ data: toApproval(system.answerApproval(caller, { id: approval_id, decision, ...(message === undefined ? {} : { message }) })) }),
})
