/**
 * What each tool is called with: one life of a small team, in order. A tool without an example fails the parity test, so whoever
 * adds one says here how it is used, and how it is used wrongly where that is particular to it. That no tool takes a parameter
 * it does not know is tried for all of them by itself.
 */

import type { Args } from './ways.ts'

export interface Example {
  readonly tool: string
  readonly args: Args
  /** Under what name the `message_id` or `instance_id` of the answer is wanted later; `$name` in arguments stands for it. */
  readonly keep?: string
  /** The refusal that is due; none: it does what it says. */
  readonly refused?: string
  /** Said of it in the title, where arguments alone do not tell. */
  readonly why?: string
}

const scripted = { harness: 'scripted', workspace: 'isolated' } as const

export const examples: readonly Example[] = [
  { tool: 'get_instance_tree', args: {}, why: 'of nobody' },
  { tool: 'get_children', args: {}, why: 'of nobody' },
  { tool: 'spawn_agent', args: { ...scripted, name: 'lead' } },
  { tool: 'spawn_agent', args: { ...scripted, name: 'kid', parent_instance_id: 'lead', initial_prompt: 'echo up', wait_for_response: true } },
  { tool: 'spawn_agent', args: { ...scripted, name: 'lost', role: 'achitect' }, refused: 'unknown_role' },
  { tool: 'spawn_agent', args: { ...scripted, name: 'lost', parent_instance_id: 'nobody' }, refused: 'not_found' },
  { tool: 'spawn_agent', args: { harness: 'scriptd', name: 'lost' }, refused: 'invalid_input' },
  { tool: 'spawn_agent', args: { ...scripted, name: 'lost', workspace: '/nowhere/at/all' }, refused: 'workspace_failed' },
  { tool: 'spawn_claude', args: { name: 'lost', workspace: 'nowhere' }, refused: 'workspace_failed' },
  { tool: 'spawn_codex', args: { name: 'lost', workspace: 'nowhere' }, refused: 'workspace_failed' },
  { tool: 'spawn_codex_instance', args: { name: '' }, refused: 'invalid_input' },
  { tool: 'spawn_multiple_instances', args: { instances: [{ instance_type: 'scripted', name: 'twin', workspace: 'isolated' }, { instance_type: 'nothing', name: 'lost' }] } },
  { tool: 'send_to_instance', args: { instance_id: 'lead', message: 'echo hello' } },
  { tool: 'send_to_instance', args: { instance_id: 'lead', message: 'fail on purpose' } },
  { tool: 'send_to_instance', args: { instance_id: 'leda', message: 'echo hello' }, refused: 'not_found' },
  { tool: 'send_to_instance', args: { instance_id: 'lead', message: '  ' }, refused: 'invalid_input' },
  { tool: 'send_to_instance', args: { instance_id: 'lead', message: 'echo late', expires_at: '2020-01-01T00:00:00Z' }, refused: 'invalid_input' },
  { tool: 'send_to_multiple_instances', args: { instance_ids: ['lead', 'nobody'], message: 'echo both', wait_for_responses: true } },
  { tool: 'send_to_multiple_instances', args: {}, refused: 'invalid_input' },
  { tool: 'broadcast_to_children', args: { parent_id: 'lead', message: 'echo all', wait_for_responses: true } },
  { tool: 'broadcast_to_children', args: { parent_id: 'kid', message: 'echo none' }, refused: 'not_found' },
  { tool: 'reply_to_caller', args: { reply_message: 'nobody asked' }, refused: 'not_allowed' },
  { tool: 'send_to_instance', args: { instance_id: 'twin', message: 'wait 600000', wait_for_response: false }, keep: 'long' },
  { tool: 'wait_for_any', args: { message_ids: ['$long'], timeout_seconds: 0.1 }, why: 'that ends before there is an answer' },
  { tool: 'wait_for_any', args: { message_ids: ['made-up'] }, refused: 'not_found' },
  { tool: 'interrupt_instance', args: { instance_id: 'twin' } },
  { tool: 'interrupt_instance', args: { instance_id: 'lead' }, why: 'that does nothing' },
  { tool: 'interrupt_instance', args: { instance_id: 'twin', then: 'perhaps' }, refused: 'invalid_input' },
  { tool: 'interrupt_multiple_instances', args: { instance_ids: ['lead', 'nobody'] } },
  { tool: 'wait_for_any', args: { message_ids: ['$long'] } },
  { tool: 'get_pending_replies', args: {} },
  { tool: 'get_pending_replies', args: { instance_id: 'lead' } },
  { tool: 'get_pending_replies', args: { wait_timeout: -1 }, refused: 'invalid_input' },
  { tool: 'get_instance_status', args: { instance_id: 'lead' } },
  { tool: 'get_instance_status', args: {} },
  { tool: 'get_instance_tree', args: { root: 'lead' } },
  { tool: 'get_children', args: { parent_id: 'lead' } },
  { tool: 'get_peers', args: { instance_id: 'lead' } },
  { tool: 'get_peers', args: {}, refused: 'invalid_input' },
  { tool: 'get_instance_output', args: { instance_id: 'kid', limit: 10 } },
  { tool: 'get_instance_output', args: { instance_id: 'kid', since: 'yesterday' }, refused: 'invalid_input' },
  { tool: 'get_terminal_screen', args: { instance_id: 'lead', lines: 5 } },
  { tool: 'get_tmux_pane_content', args: { instance_id: 'kid', lines: 5 } },
  { tool: 'get_instance_logs', args: { instance_id: 'kid' } },
  { tool: 'get_instance_logs', args: { instance_id: 'kid', log_type: 'communication', tail: 0 } },
  { tool: 'get_instance_logs', args: { instance_id: 'kid', log_type: 'screen' }, refused: 'invalid_input' },
  { tool: 'get_audit_logs', args: { event: 'agent_spawned' } },
  { tool: 'get_audit_logs', args: { since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' }, refused: 'invalid_input' },
  { tool: 'list_logged_instances', args: { limit: 2 } },
  { tool: 'list_instance_files', args: { instance_id: 'kid', recursive: true } },
  { tool: 'list_instance_files', args: { instance_id: 'kid', path: '..' }, refused: 'not_allowed' },
  { tool: 'list_multiple_instance_files', args: { instance_ids: ['kid', 'nobody'] } },
  { tool: 'retrieve_instance_file', args: { instance_id: 'kid', path: 'nothing.txt' }, refused: 'not_found' },
  { tool: 'retrieve_instance_file', args: { instance_id: 'kid', path: '/etc/hostname' }, refused: 'not_allowed' },
  { tool: 'retrieve_multiple_instance_files', args: { files: [{ instance_id: 'kid', path: '.' }, { instance_id: 'kid', path: '../metadata.json' }] } },
  { tool: 'send_to_instance', args: { instance_id: 'kid', message: 'wait 600000', wait_for_response: false }, keep: 'undone' },
  { tool: 'terminate_multiple_instances', args: { instance_ids: ['kid', 'nobody'], force: true } },
  { tool: 'get_instance_diff', args: { instance_id: 'kid', stat_only: true }, refused: 'workspace_failed' },
  { tool: 'clean_workspaces', args: {} },
  { tool: 'clean_workspaces', args: { dry_run: 'no' }, refused: 'invalid_input' },
  { tool: 'list_dead_letters', args: {} },
  { tool: 'resend_dead_letter', args: { dead_letter_id: '$undone', instance_id: 'lead' } },
  { tool: 'resend_dead_letter', args: { dead_letter_id: '$undone', instance_id: 'lead' }, refused: 'already_resent' },
  { tool: 'send_to_instance', args: { instance_id: 'kid', message: 'echo hello' }, refused: 'agent_ended' },
  { tool: 'list_tools', args: { topic: 'see' } },
  { tool: 'list_tools', args: { topic: 'everything' }, refused: 'invalid_input' },
  { tool: 'call_tool', args: { name: 'get_children', arguments: { parent_id: 'lead' } } },
  { tool: 'call_tool', args: { name: 'get_childen' }, refused: 'unknown_tool' },
  { tool: 'terminate_instance', args: { instance_id: 'lead' } },
  { tool: 'terminate_instance', args: { instance_id: 'lead' }, why: 'again' },
  { tool: 'terminate_instance', args: { instance_id: 'nobody' }, refused: 'not_found' },
  { tool: 'get_instance_tree', args: { include_ended: true }, why: 'of all there were' },
  { tool: 'send_message', args: {}, refused: 'unknown_tool' },
]
