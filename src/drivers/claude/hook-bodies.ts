/** The bodies Claude Code 2.1.328 posts to HTTP hooks, as far as the driver uses them. Unknown fields are let through. */

import { z } from 'zod'

const common = { session_id: z.string(), prompt_id: z.string().optional(), transcript_path: z.string().optional(), agent_id: z.string().optional() }

const backgroundTask = z.looseObject({ id: z.string(), status: z.string().optional(), description: z.string().optional(), command: z.string().optional() })

export const hookBodySchema = z.discriminatedUnion('hook_event_name', [
  z.looseObject({ ...common, hook_event_name: z.literal('UserPromptSubmit'), prompt_id: z.string(), prompt: z.string() }),
  z.looseObject({
    ...common,
    hook_event_name: z.literal('Stop'),
    prompt_id: z.string(),
    last_assistant_message: z.string().optional(),
    background_tasks: z.array(backgroundTask).default([]),
    session_crons: z.array(z.looseObject({ id: z.string().optional() })).default([]),
  }),
  z.looseObject({
    ...common,
    hook_event_name: z.literal('StopFailure'),
    prompt_id: z.string(),
    error: z.string().optional(),
    error_details: z.string().optional(),
    last_assistant_message: z.string().optional(),
  }),
  z.looseObject({ ...common, hook_event_name: z.literal('PostToolUse'), tool_name: z.string(), tool_response: z.unknown() }),
  z.looseObject({ ...common, hook_event_name: z.literal('PermissionRequest'), tool_name: z.string(), tool_input: z.unknown() }),
  z.looseObject({ ...common, hook_event_name: z.literal('Elicitation'), mcp_server_name: z.string().optional(), message: z.string().optional() }),
  z.looseObject({ ...common, hook_event_name: z.literal('SessionEnd'), reason: z.string().optional() }),
])
export type HookBody = z.infer<typeof hookBodySchema>
export type HookOf<Name extends HookBody['hook_event_name']> = Extract<HookBody, { hook_event_name: Name }>

/**
 * What is registered. Not SessionStart and Setup (never delivered over HTTP), not PreCompact (its reply was pasted into the
 * compaction prompt), not PreToolUse (tool calls are read from the transcript, and every hook is on the critical path).
 */
export const registeredHooks: readonly HookBody['hook_event_name'][] = [
  'UserPromptSubmit', 'Stop', 'StopFailure', 'PostToolUse', 'PermissionRequest', 'Elicitation', 'SessionEnd',
]
