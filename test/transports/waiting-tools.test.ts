/**
 * Every tool that waits, over MCP, with the real table and the real system: it says what it waits for, by progress that only grows; and a
 * call that is cancelled ends its wait at once, while the work it waited for goes on and is heard of later.
 */

import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, test } from 'vitest'
import { type AgentId, asAgentId } from '../../src/ids.ts'
import { createToolTable } from '../../src/tools/table.ts'
import type { Tool, ToolTable } from '../../src/tools/tool.ts'
import { createStage, type Stage } from '../actors/rig.ts'
import { connect, serve } from './served.ts'

const everyMs = 2_000

type Args = Readonly<Record<string, unknown>>
type Data = Readonly<Record<string, unknown>>

interface Scene {
  readonly stage: Stage
  /** An idle agent of the client's. */
  readonly ada: AgentId
  /** Calls a tool as the client whose waits are tried. */
  readonly ask: (tool: string, args?: Args) => Promise<Data>
}

interface Row {
  readonly tool: string
  /** What it says it waits for. */
  readonly says: string
  /** Brings things to where the tool has to wait; gives its arguments. */
  readonly prepare: (scene: Scene) => Promise<Args> | Args
  /** Lets the work end after its wait was cancelled, and says what came of it. */
  readonly goOn: (scene: Scene, args: Args) => unknown
  readonly cameOf: unknown
}

/** Of a message: its answer is in the inbox. */
const heardLater: Pick<Row, 'goOn' | 'cameOf'> = {
  goOn: async ({ stage, ada, ask }) => {
    if (stage.state(ada) === 'busy.delivering') stage.begin(ada)
    stage.end(ada, { finalText: 'done all the same' })
    return ((await ask('get_pending_replies'))['replies'] as { response: string }[]).map(({ response }) => response) // as its schema says
  },
  cameOf: ['done all the same'],
}

/** At a turn that lasts; gives its message. */
async function work({ stage, ada, ask }: Scene): Promise<unknown> {
  const { message_id } = await ask('send_to_instance', { instance_id: ada, message: 'go', wait_for_response: false })
  stage.begin(ada)
  return message_id
}

const interrupted: Pick<Row, 'goOn' | 'cameOf'> = {
  goOn: ({ stage, ada }) => {
    stage.end(ada, { status: 'interrupted' })
    const asked = stage.commands.find(command => command.type === 'interrupt')
    stage.fact(ada, { type: 'interruptFinished', requestId: asked?.type === 'interrupt' ? asked.requestId : '', wasInTurn: true })
    return stage.state(ada)
  },
  cameOf: 'interrupted.live',
}

const stopped = (cameOf: string): Pick<Row, 'goOn' | 'cameOf'> => ({
  goOn: ({ stage, ada }) => {
    stage.fact(ada, { type: 'exited', expected: true })
    return stage.state(ada)
  },
  cameOf,
})

/** Comes up when its driver says so, and not before. */
const started = (name: string, state: string): Pick<Row, 'goOn' | 'cameOf'> => ({
  goOn: async ({ stage, ask }) => {
    const stateNow = async (): Promise<unknown> => (await ask('get_instance_status', { instance_id: name }))['state']
    const before = await stateNow()
    stage.fact(stage.system.resolve(stage.me, name), { type: 'ready', sessionId: 's' })
    return [before, await stateNow()]
  },
  cameOf: ['spawning', state],
})

/** Its driver does not answer for it until it is told to. */
const slowly = (name: string, args: Args) => ({ stage }: Scene): Args => {
  stage.byHand.add(name)
  return args
}

const rows: readonly Row[] = [
  { tool: 'spawn_agent', says: 'slow is starting', prepare: slowly('slow', { harness: 'hand', name: 'slow', workspace: 'isolated' }), ...started('slow', 'idle') },
  { tool: 'spawn_multiple_instances', says: 'slow is starting', prepare: slowly('slow', { instances: [{ instance_type: 'hand', name: 'slow', workspace: 'isolated' }] }), ...started('slow', 'idle') },
  { tool: 'spawn_team_from_template', says: 'pipeline-lead is starting', prepare: slowly('pipeline-lead', { template_name: 'data_pipeline', task_description: 'x', harness: 'hand', workspace: 'isolated' }), ...started('pipeline-lead', 'busy') },
  ...['spawn_claude', 'spawn_codex'].map((tool): Row => ({
    tool, says: '"played" is at its first task', prepare: () => ({ name: 'played', workspace: 'isolated', initial_prompt: 'wait 600000', wait_for_response: true }),
    goOn: async ({ ask }) => (await ask('get_instance_status', { instance_id: 'played' }))['state'], cameOf: 'busy',
  })),
  { tool: 'send_to_instance', says: '"ada" is to answer', prepare: () => ({ instance_id: 'ada', message: 'go' }), ...heardLater },
  { tool: 'send_to_multiple_instances', says: '"ada" is to answer', prepare: () => ({ instance_ids: ['ada'], message: 'go', wait_for_responses: true }), ...heardLater },
  { tool: 'broadcast_to_children', says: ' is to answer', prepare: () => ({ message: 'go', wait_for_responses: true }), ...heardLater },
  { tool: 'wait_for_any', says: 'the first answer to ', prepare: async scene => ({ message_ids: [await work(scene)] }), ...heardLater },
  { tool: 'get_pending_replies', says: 'no reply is there yet', prepare: async scene => (await work(scene), { wait_timeout: 600 }), ...heardLater },
  {
    tool: 'get_job_status', says: 'ada', cameOf: ['job: running', 'counted'],
    prepare: async ({ stage, ada, ask }) => {
      await ask('spawn_agent', { harness: 'hand', name: 'lead', workspace: 'isolated' })
      const { job_id } = await ask('coordinate_instances', { coordinator_id: 'lead', participant_ids: [ada], task_description: 'count' })
      stage.begin(ada)
      return { job_id, wait_for_completion: true, max_wait: 600 }
    },
    goOn: async ({ stage, ada, ask }, { job_id }) => {
      const job = async (): Promise<Data> => ask('get_job_status', { job_id })
      const before = `job: ${String((await job())['status'])}`
      stage.end(ada, { finalText: 'one' })
      stage.turn(stage.system.resolve(stage.me, 'lead'), 'counted')
      return [before, (await job())['result']]
    },
  },
  {
    tool: 'cancel_job', says: 'the turns at work on the job are being interrupted', cameOf: ['idle.live', 'cancelled'],
    prepare: async ({ stage, ada, ask }) => {
      await ask('spawn_agent', { harness: 'hand', name: 'lead', workspace: 'isolated' })
      const { job_id } = await ask('coordinate_instances', { coordinator_id: 'lead', participant_ids: [ada], task_description: 'count' })
      stage.begin(ada)
      return { job_id }
    },
    goOn: async (scene, { job_id }) => [interrupted.goOn(scene, {}), (await scene.ask('get_job_status', { job_id }))['status']],
  },
  { tool: 'interrupt_instance', says: 'the turn of "ada" is being interrupted', prepare: async scene => (await work(scene), { instance_id: 'ada' }), ...interrupted },
  { tool: 'interrupt_multiple_instances', says: 'the turn of "ada" is being interrupted', prepare: async scene => (await work(scene), { instance_ids: ['ada'] }), ...interrupted },
  { tool: 'interrupt_all', says: 'the turns of your agents are being interrupted', prepare: async scene => (await work(scene), {}), ...interrupted },
  { tool: 'terminate_instance', says: '"ada" and all below it are ending', prepare: slowly('ada', { instance_id: 'ada' }), ...stopped('terminated.final') },
  { tool: 'terminate_multiple_instances', says: '"ada" and all below it are ending', prepare: slowly('ada', { instance_ids: ['ada'] }), ...stopped('terminated.final') },
  { tool: 'terminate_all', says: 'your agents are ending', prepare: slowly('ada', {}), ...stopped('terminated.final') },
  { tool: 'suspend_instance', says: 'the process of "ada" is ending', prepare: slowly('ada', { instance_id: 'ada' }), ...stopped('idle.suspended.resting') },
  {
    tool: 'resume_instance', says: 'the session of "ada" is being resumed', ...started('ada', 'idle'),
    prepare: async ({ stage, ask }) => {
      await ask('suspend_instance', { instance_id: 'ada' })
      stage.byHand.add('ada')
      return { instance_id: 'ada' }
    },
  },
]

/** A table whose tools tell when their handlers have next come to an end. */
function withEnds(table: ToolTable): { readonly tools: ToolTable; ended(tool: string): Promise<void> } {
  const settled = new Map<string, () => void>()
  const tools = new Map([...table].map(([name, tool]): [string, Tool] => [name, {
    ...tool,
    handler: async (input, context) => {
      try {
        return await tool.handler(input, context)
      } finally {
        settled.get(name)?.()
      }
    },
  }]))
  return { tools, ended: name => new Promise(resolve => settled.set(name, resolve)) }
}

describe('a wait of', () => {
  test.each(rows.map(row => [row.tool, row] as const))('%s says what for, in progress that grows; cancelled, it ends at once and leaves the work', async (_, { tool, says, prepare, goOn, cameOf }) => {
    const stage = createStage({ played: ['claude', 'codex'] })
    const { tools, ended } = withEnds(createToolTable())
    const { mcpUrl } = await serve({ system: stage.system, tools, clock: stage.clock, timings: { progressEveryMs: everyMs } })
    const { client } = await connect(mcpUrl)
    const ask = async (name: string, args: Args = {}): Promise<Data> => CallToolResultSchema.parse(await client.callTool({ name, arguments: args })).structuredContent ?? {}
    const { instance_id } = await ask('spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' })
    const scene = { stage, ada: asAgentId(String(instance_id)), ask }
    const args = await prepare(scene)
    const over = ended(tool)
    const heard: { progress: number; message?: string }[] = []
    let look = (): void => {}
    const hear = (words: string): Promise<void> => new Promise(resolve => {
      look = () => void (heard.some(({ message }) => message?.includes(words)) && resolve())
      look()
    })
    const cancel = new AbortController()
    const call = client.callTool({ name: tool, arguments: args }, undefined, {
      signal: cancel.signal,
      onprogress: progress => {
        heard.push(progress)
        look()
      },
    })
    const given = call.catch((error: unknown) => error)
    await hear(says)
    stage.clock.advance(everyMs)
    await hear('still waiting after 2 s: ')
    expect(heard.at(-1)?.message).toContain(says)
    expect(heard.map(({ progress }) => progress)).toEqual(heard.map((__, index) => index + 1))
    cancel.abort('enough')
    expect(await given).toMatchObject({ message: expect.stringContaining('enough') })
    await over
    expect(await goOn(scene, args)).toEqual(cameOf)
  })
})
