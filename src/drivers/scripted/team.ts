/**
 * How a scripted agent leads a team from a template: it spawns the members and hands out their parts as the brief has them, lets
 * their answers come, ends them when the last has answered, and reports what each said. It judges nothing of what they say.
 */

import { z } from 'zod'
import { readTeamBrief, type TeamBrief } from '../../team-brief.ts'
import type { Effect, Performance, Scene } from './performance.ts'

/** The turn of one who leads a team, at its beginning or when members answer. Undefined: the prompt is another matter. */
export function leadTeam({ prompt, earlier }: Scene): Performance | undefined {
  if (prompt.kind === 'message') {
    const brief = readTeamBrief(prompt.text)
    return brief && assemble(brief)
  }
  const told = earlier()
  const begin = told.findLastIndex(each => each.kind === 'message' && readTeamBrief(each.text) !== undefined)
  const brief = readTeamBrief(told[begin]?.text ?? '')
  if (!brief) return undefined
  const before = new Map(told.slice(begin + 1).flatMap(answersOf))
  const answers = new Map([...before, ...answersOf(prompt)])
  const isMember = (name: string): boolean => brief.calls.instances.some(member => member.name === name)
  // Told of others, or after the end: forwarded like anybody's words.
  if (![...answers.keys()].some(name => isMember(name) && !before.has(name))) return undefined
  return brief.calls.instances.every(({ name }) => answers.has(name)) ? report(brief, answers) : say(`${answers.size} of ${brief.calls.instances.length} members have answered.`)
}

/** A notice tells of a member and is not its answer. */
const answersOf = (prompt: Scene['prompt']): [string, string][] => (prompt.kind === 'replies' ? prompt.entries.flatMap(({ kind, from, text }): [string, string][] => (kind === 'reply' ? [[from, text]] : [])) : [])

const spawnedSchema = z.object({ spawned: z.array(z.object({ instance_id: z.string(), name: z.string() })), errors: z.array(z.object({ name: z.string().nullable(), message: z.string() })) })
const sentSchema = z.object({ results: z.array(z.object({ instance_id: z.string(), status: z.string(), message: z.string().optional() })) })

function* assemble({ task, calls }: TeamBrief): Performance {
  const answer = yield { type: 'callTool', tool: 'spawn_multiple_instances', arguments: { instances: calls.instances } }
  if (!answer?.ok) return yield* say(`The team could not be spawned: ${answer?.text ?? ''}`)
  const { spawned, errors } = spawnedSchema.parse(JSON.parse(answer.text))
  const giveUp = function* (why: string): Performance {
    if (spawned.length > 0) yield* end(spawned.map(each => each.instance_id))
    return yield* say(why)
  }
  if (errors.length > 0) return yield* giveUp(`The team could not be spawned: ${errors.map(({ name, message }) => `${name}: ${message}`).join('; ')}`)
  const ids = new Map(spawned.map(each => [each.name, each.instance_id]))
  const messages = calls.messages.map(({ instance_id, message }) => ({ instance_id: ids.get(instance_id) ?? instance_id, message: `${message}\n\nThe team's task:\n${task}` }))
  const sent = yield { type: 'callTool', tool: 'send_to_multiple_instances', arguments: { messages } }
  if (!sent?.ok) return yield* giveUp(`The team could not be briefed: ${sent?.text ?? ''}`)
  const refused = sentSchema.parse(JSON.parse(sent.text)).results.filter(({ status }) => status === 'error')
  if (refused.length > 0) return yield* giveUp(`The team could not be briefed: ${refused.map(({ message }) => message).join('; ')}`)
  return yield* say(`${spawned.length} members are briefed and at work.`)
}

function* report({ calls }: TeamBrief, answers: ReadonlyMap<string, string>): Performance {
  yield* end(calls.instances.map(({ name }) => name))
  return yield* say([`Report of the team: all ${calls.instances.length} members have answered.`, ...calls.instances.map(({ name, role }) => `- ${name} (${role}): ${answers.get(name)}`)].join('\n'))
}

const end = function* (members: readonly string[]): Generator<Effect, void> {
  yield { type: 'callTool', tool: 'terminate_multiple_instances', arguments: { instance_ids: members } }
}

function* say(text: string): Performance {
  yield { type: 'say', text, isFinal: true }
  return { status: 'completed' }
}
