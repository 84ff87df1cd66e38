/**
 * What the supervisor of a team from a template is told, and how an agent without a model reads it again. The members stand in it
 * as the arguments of two calls: a model copies them instead of inventing its own, and a rehearsal makes them as they stand.
 */

import { z } from 'zod'

const teamCallsSchema = z.object({
  /** Of `spawn_multiple_instances`. */
  instances: z.array(z.looseObject({ name: z.string(), role: z.string(), instance_type: z.string() })).min(1),
  /** Of `send_to_multiple_instances`: each member's standing part, without the task. */
  messages: z.array(z.object({ instance_id: z.string(), message: z.string() })),
})
export type TeamCalls = z.output<typeof teamCallsSchema>

export interface TeamBrief {
  readonly task: string
  readonly calls: TeamCalls
}

export interface TeamManual extends TeamBrief {
  readonly title: string
  /** Agents in all, the supervisor included. */
  readonly size: number
  /** The template's prose: its phases. */
  readonly phases: string
}

export const writeTeamBrief = ({ title, size, phases, task, calls }: TeamManual): string => `You lead a team of ${size}, you included: "${title}". Your own task is the team's: see it through all phases below, and answer with the report the last one asks for.

# The task

<task>
${task}
</task>

# How this team works

${phases}

# The team, ready to call

\`instances\` is the argument of spawn_multiple_instances, \`messages\` that of send_to_multiple_instances. Spawn the team as it stands. A message is the standing part of its member, who has seen nothing of the above: put in front of it what that member must know of the task.

\`\`\`json madrox-team
${JSON.stringify(calls, null, 2)}
\`\`\``

/** Undefined: the text is no such brief. Of what looks like several teams the last is ours: a task may quote a brief, and stands before it. */
export function readTeamBrief(text: string): TeamBrief | undefined {
  const block = [...text.matchAll(/^```json madrox-team\n([\s\S]*?)\n```$/gm)].at(-1)?.[1]
  const task = /^<task>\n([\s\S]*)\n<\/task>$/m.exec(text)?.[1]
  if (block === undefined || task === undefined) return undefined
  const calls = teamCallsSchema.safeParse(parseJson(block))
  return calls.success ? { task, calls: calls.data } : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // somebody's words that look like a brief
  }
}
