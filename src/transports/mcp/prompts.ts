/**
 * What a person can pick in a client to set a model to work with Madrox: one prompt for each team template, and a few for what
 * teams are used for. A prompt only words a request: nothing is spawned or sent until the model calls a tool.
 */

import type { GetPromptResult, Prompt } from '@modelcontextprotocol/sdk/types.js'
import type { MadroxSystem } from '../../actors/system.ts'
import { MadroxError } from '../../errors.ts'
import { nearest } from '../../nearest.ts'
import type { ToolContext, ToolTable } from '../../tools/tool.ts'
import { toInvalidParams } from './refusal.ts'
import { readResource } from './resources.ts'

/** What an argument names, where it can be completed. */
export type Names = 'instance' | 'role' | 'template'

interface Argument {
  readonly name: string
  readonly description: string
  readonly required: boolean
  readonly names?: Names
}

export interface OfferedPrompt {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly arguments: readonly Argument[]
  readonly write: (args: Readonly<Record<string, string>>, asking: Asking) => Promise<GetPromptResult['messages']> | GetPromptResult['messages']
}

interface Asking extends ToolContext {
  readonly tools: ToolTable
}

type Template = Awaited<ReturnType<MadroxSystem['templates']>>['templates'][number]

const task: Argument = { name: 'task', description: 'What is to be done', required: true }
const instance = (description: string, required: boolean): Argument => ({ name: 'instance', description: `${description}: its id or name`, required, names: 'instance' })

const user = (text: string): GetPromptResult['messages'][number] => ({ role: 'user', content: { type: 'text', text } })

const waiting = 'Do not poll while it works. Go on with what else there is, and run "madrox replies --wait" in the background to be woken by the answer; without a shell, wait with wait_for_any.'

const ofTemplate = (template: Template): OfferedPrompt => ({
  name: `team_${template.name}`,
  title: template.title,
  description: `${template.description} ${template.size} agents, ${template.estimatedDuration}.`,
  arguments: [task, { name: 'supervisor_role', description: "Role of the team's supervisor, in place of the template's", required: false, names: 'role' }],
  write: ({ task: wanted = '', supervisor_role }) => [user(writeTeam(template, wanted, supervisor_role))],
})

function writeTeam({ name, title, size, supervisor, members, estimatedDuration, whenNotToUse }: Template, wanted: string, supervisorRole: string | undefined): string {
  return `Start a team for me from Madrox's template "${name}" (${title}), and bring me what comes of it.

The task:
${wanted}

1. It is not for this: ${whenNotToUse.join(' ')} If that is the case here, say so and ask me before you start.
2. Call spawn_team_from_template with template_name "${name}"${supervisorRole === undefined ? '' : `, supervisor_role "${supervisorRole}"`} and the task as task_description. The team does not see our conversation: add what it must know of it (paths, decisions, limits), and leave out nothing of the task.
3. Tell me who is at work: ${size} agents, each a real process that costs money (${supervisor.name} leads ${members.map(member => member.name).join(', ')}), for about ${estimatedDuration}.
4. ${waiting}
5. When the report is there, judge it against the task, and tell me the result, its proof and what is open. Then end the team with terminate_instance, and say how its work is brought back.`
}

const general: readonly OfferedPrompt[] = [
  {
    name: 'spawn_team',
    title: 'Start a team from a template',
    description: 'A supervisor with its members, for a task that splits into parts.',
    arguments: [{ name: 'template', description: 'Name of the team template', required: true, names: 'template' }, task],
    write: async ({ template: asked = '', task: wanted = '' }, { system }) => {
      const { templates } = await system.templates()
      const found = templates.find(({ name }) => name === asked)
      if (!found) throw unknown('template', asked, templates.map(({ name }) => name))
      return [user(writeTeam(found, wanted, undefined))]
    },
  },
  {
    name: 'delegate',
    title: 'Delegate a task to one agent',
    description: 'One agent with a context of its own, while this session goes on.',
    arguments: [task, { name: 'role', description: 'Its role; none: what fits the task', required: false, names: 'role' }],
    write: ({ task: wanted = '', role }) => [user(`Have this done by an agent of its own through Madrox:

${wanted}

1. Spawn it with spawn_claude (or spawn_codex, where another model family is of use): a short name, ${role === undefined ? 'the role that fits (list_roles)' : `role "${role}"`}, and as initial_prompt the whole task with all it must know. It does not see our conversation.
2. Tell me what you spawned, and why so.
3. ${waiting}
4. Check what it answers before you pass it on. Where something is missing, ask for it by send_to_instance: it keeps its context. When all is done, end it with terminate_instance, and say how its work is brought back.`)],
  },
  {
    name: 'review_team',
    title: 'Review what the agents are doing',
    description: 'Who works on what, who is stuck, and what to do about it. Changes nothing.',
    arguments: [instance('Only this agent and those below it', false)],
    write: async ({ instance: wanted }, asking) => {
      const resource = await readResource(asking.tools, wanted === undefined ? 'madrox://tree' : `madrox://instances/${agentOf(asking, wanted)}/output`, asking)
      return [
        ...resource.contents.map(content => ({ role: 'user' as const, content: { type: 'resource' as const, resource: content } })),
        user(`Review ${wanted === undefined ? 'my agents in Madrox; the tree above shows who works for whom' : `the agent "${wanted}" in Madrox, and those below it; above is what it did and said last`}.

1. Look at get_instance_status${wanted === undefined ? '' : ` of "${wanted}"`}, and at get_instance_output of those whose state does not explain itself: long busy without a tool, waiting for approval, ended with an error.
2. Tell me of each in a line: task, state and since when, progress, tokens and cost, what it waits for.
3. Name who is stuck, idle for good, or at work on what is no longer needed, and propose what to do (wait, interrupt_instance and say what instead, terminate_instance). Do none of it before I agree.`),
      ]
    },
  },
  {
    name: 'redirect',
    title: 'Interrupt an agent and set it to something else',
    description: 'Its turn is cut, its context stays, and it goes on with new instructions.',
    arguments: [instance('The agent', true), { name: 'instructions', description: 'What it is to do instead', required: true }],
    write: ({ instance: wanted = '', instructions = '' }, asking) => {
      const id = agentOf(asking, wanted)
      return [user(`Redirect the agent "${wanted}" (${id}) in Madrox.

1. Call interrupt_instance with instance_id "${id}". Its context stays; agents below it go on, so interrupt those as well whose work is no longer needed (get_instance_tree).
2. Call send_to_instance with instance_id "${id}" and these instructions, with what it must know to follow them:

${instructions}

3. Tell me what it was doing when it was cut, and what it answers.`)]
    },
  },
]

/** @throws what the client is answered */
function agentOf({ system, caller }: Asking, reference: string): string {
  try {
    return system.status(caller, reference).id
  } catch (error) {
    if (error instanceof MadroxError) throw toInvalidParams(error)
    throw error
  }
}

function unknown(kind: 'prompt' | 'template' | 'argument', asked: string, known: readonly string[]): Error {
  const near = nearest(asked, known)
  return toInvalidParams(new MadroxError(kind === 'argument' ? 'invalid_input' : 'not_found', `There is no ${kind} "${asked}".`, { remedy: `${near ? `Did you mean "${near}"? ` : ''}There are: ${known.join(', ')}.` }))
}

/** Templates are read anew: a user's own may have come since. One that cannot be used is not offered. */
export async function offeredPrompts(system: MadroxSystem): Promise<readonly OfferedPrompt[]> {
  return [...general, ...(await system.templates()).templates.map(ofTemplate)]
}

export const toPrompt = ({ write: _, arguments: asked, ...prompt }: OfferedPrompt): Prompt => ({ ...prompt, arguments: asked.map(({ name, description, required }) => ({ name, description, required })) })

/** @throws what the client is answered: an unknown prompt or argument, one that is missing, an agent nobody knows */
export async function getPrompt(name: string, given: Readonly<Record<string, string>>, asking: Asking): Promise<GetPromptResult> {
  const prompt = await findPrompt(asking.system, name)
  const names = prompt.arguments.map(argument => argument.name)
  const stray = Object.keys(given).find(key => !names.includes(key))
  if (stray !== undefined) throw unknown('argument', stray, names)
  // Clients send an empty text for what a person left empty.
  const args = Object.fromEntries(Object.entries(given).flatMap(([key, value]) => (value.trim() === '' ? [] : [[key, value.trim()]])))
  const missing = prompt.arguments.find(argument => argument.required && args[argument.name] === undefined)
  if (missing) throw toInvalidParams(new MadroxError('invalid_input', `The prompt "${name}" needs ${missing.name}: ${missing.description}.`, { remedy: 'Ask for it again with that argument.' }))
  return { description: prompt.description, messages: await prompt.write(args, asking) }
}

/** @throws what the client is answered, where there is none */
export async function findPrompt(system: MadroxSystem, name: string): Promise<OfferedPrompt> {
  const all = await offeredPrompts(system)
  const found = all.find(prompt => prompt.name === name)
  if (!found) throw unknown('prompt', name, all.map(prompt => prompt.name))
  return found
}

/** What of a prompt an argument names. @throws what the client is answered, where it has no such argument */
export function namedBy(prompt: OfferedPrompt, argument: string): Names | undefined {
  const found = prompt.arguments.find(({ name }) => name === argument)
  if (!found) throw unknown('argument', argument, prompt.arguments.map(({ name }) => name))
  return found.names
}
