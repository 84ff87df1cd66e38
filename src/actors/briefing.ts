/** What every agent is told about where it stands: appended to its role's prompt, however its CLI was started. */

import type { AgentId } from '../ids.ts'
import type { Workspace } from './workspaces.ts'

export interface BriefingFacts {
  readonly agentId: AgentId
  readonly name: string
  readonly role: string
  readonly supervisor: string
  readonly workspace: Workspace
  readonly supervisorDir?: string
  readonly maySpawn: boolean
}

export function briefing({ agentId, name, role, supervisor, workspace, supervisorDir, maySpawn }: BriefingFacts): string {
  const lines = [
    `# Your place in a Madrox team`,
    `You are "${name}" (id ${agentId}), role ${role}. Your supervisor is ${supervisor}.`,
    `Your workspace is ${workspace.path}${workspace.branch ? `, a git worktree on branch ${workspace.branch} (if git refuses to commit here, leave your changes as they are: whoever takes your work over commits them)` : ''}.${supervisorDir ? ` Your supervisor works in ${supervisorDir}; you may read it.` : ''}`,
    ``,
    `- A line "[MSG:<id>] …" is a task. When it is done, answer with the Madrox tool reply_to_caller(reply_message, correlation_id=<id>): say what you did, what you found, and what is left. Answer each task once, under its own id.`,
    `- If you end your turn without reply_to_caller, your last words are taken as the answer.`,
    `- A task marked as delivered again means that you were cut off: check what is done, then finish it.`,
    ...(maySpawn
      ? [
          `- You may have agents of your own: spawn_claude, spawn_codex, or spawn_multiple_instances for several at once. Give each one clear task by send_to_instance.`,
          `- Their answers come by themselves, as "[REPLY:<id> from <name>] …": no need to poll. End your turn when you have nothing to do but wait; you will be woken. Your task stays open until they have answered.`,
          `- Terminate agents you no longer need.`,
        ]
      : []),
    `- A line "[NOTICE from <name>] …" tells what became of an agent of yours.`,
    `- To ask your supervisor or a peer something, use send_to_instance.`,
  ]
  return lines.join('\n')
}
