/**
 * One tool table, three ways in, across processes: the same call gives the same data and the same refusal by MCP, REST and the
 * command line, with the status and the exit code that belong to it; a wait tells that it goes on, and may be ended, on each.
 */

import * as pty from 'node-pty'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exitCodeOf, exitCodes } from '../../src/cli/exit.ts'
import { createToolTable } from '../../src/tools/table.ts'
import { connectMcp } from '../../src/transports/mcp/client.ts'
import { statusOf } from '../../src/transports/rest/status.ts'
import { cli } from '../cli/server.ts'
import { misfits } from '../tools/outputs.ts'
import { examples } from './examples.ts'
import { alike, type Args, codeOfTold, openCli, openMcp, openRest, restHeaders, type Told, type Way } from './ways.ts'

const table = createToolTable()
const ways: Way[] = []
/** What answers gave for later, by way. */
const kept = new Map<Way, Map<string, string>>()

beforeAll(async () => {
  ways.push(...(await Promise.all([openMcp(), openRest(), openCli()])))
  for (const way of ways) kept.set(way, new Map())
})
afterAll(async () => {
  await Promise.all(ways.map(way => way.close()))
})

const filled = (way: Way, value: unknown): unknown =>
  typeof value === 'string' && value.startsWith('$') ? kept.get(way)?.get(value.slice(1)) : Array.isArray(value) ? value.map(item => filled(way, item)) : value

async function onAll(tool: string, args: Args, keep?: string): Promise<readonly Told[]> {
  return Promise.all(
    ways.map(async way => {
      const told = await way.call(tool, Object.fromEntries(Object.entries(args).map(([key, value]) => [key, filled(way, value)])))
      const { message_id, instance_id, job_id } = (told.data ?? {}) as Readonly<Record<string, unknown>> // of a tool whose answer has one
      if (keep) kept.get(way)?.set(keep, String(message_id ?? instance_id ?? job_id))
      return told
    }),
  )
}

/** The words and the data of every way are those of the first. */
function expectSame(told: readonly Told[]): void {
  const [first, ...others] = told.map(({ ok, text, data }, index) => alike({ ok, text, data }, ways[index]?.home ?? ''))
  for (const other of others) expect(other).toEqual(first)
  const [, rest, command] = told.map(({ error }, index) => alike(error, ways[index]?.home ?? ''))
  expect(command).toEqual(rest)
}

/** What is answered is what the tool's schema says, to the last key. */
function expectDescribed(name: string, told: readonly Told[]): void {
  const tool = table.get(name)
  expect(told.flatMap(({ ok, data }) => (ok && tool?.output ? misfits(tool, data) : []))).toEqual([])
}

/** The numbers say what the answer says. */
function expectNumbers([, rest, command]: readonly Told[]): void {
  const code = rest && codeOfTold(rest)
  expect(rest?.number).toBe(code === undefined ? 200 : statusOf(code))
  expect(command?.number).toBe(code === undefined ? exitCodeOf((command?.data ?? {}) as Args) : exitCodes.refused)
}

test('every tool, and every alias, has an example', () => {
  const shown = new Set(examples.map(({ tool }) => tool))
  expect([...table.keys()].filter(name => !shown.has(name))).toEqual([])
})

describe('the same call', () => {
  test.each(examples.map(example => [`${example.tool} ${JSON.stringify(example.args)}${example.why ? ` ${example.why}` : ''}`, example] as const))('%s', async (_, { tool, args, keep, refused }) => {
    const told = await onAll(tool, args, keep)
    expect(told.map(each => each.ok), JSON.stringify(told)).toEqual(ways.map(() => refused === undefined))
    expect(told[1] && codeOfTold(told[1])).toBe(refused)
    expectSame(told)
    expectNumbers(told)
    expectDescribed(tool, told)
  })

  test.each([...new Set(table.values())].map(tool => [tool.name]))('%s with a parameter it does not know', async tool => {
    const told = await onAll(tool, { no_such_parameter: 1 })
    expect(told[1] && codeOfTold(told[1])).toBe('invalid_input')
    expectSame(told)
    expectNumbers(told)
  })
})

describe('a wait', () => {
  /** A busy agent on one server, for as long as the test takes. */
  async function busy(way: Way, name: string, task: string): Promise<{ readonly id: string; readonly isBusy: () => Promise<boolean> }> {
    const spawned = await way.call('spawn_agent', { harness: 'scripted', name, workspace: 'isolated', initial_prompt: task })
    const id = String((spawned.data as Args)['instance_id'])
    return { id, isBusy: async () => ((await way.call('get_instance_status', { instance_id: id })).data as Args)['state'] === 'busy' }
  }
  const wayOf = (name: Way['name']): Way => {
    const way = ways.find(each => each.name === name)
    if (!way) throw new Error(`no way ${name}`)
    return way
  }

  test('says that it goes on, by MCP as progress, by REST as events, by the command on a terminal', async () => {
    const still = 'still waiting after 10 s'
    /** Waits for an agent that is at something else until the wait has said that it goes on. */
    const follow = async (name: Way['name'], wait: (way: Way, args: Args, onSaid: (message: string) => void) => Promise<string>): Promise<unknown> => {
      const way = wayOf(name)
      const { id } = await busy(way, 'slow', 'wait 600000')
      let freed: Promise<unknown> | undefined
      const answer = await wait(way, { instance_id: id, message: 'echo at last' }, message => {
        if (message.includes(still)) freed ??= way.call('interrupt_instance', { instance_id: id, then: 'continue' })
      })
      return [name, await freed, answer]
    }
    const said = await Promise.all([
      follow('MCP', async ({ server }, args, onSaid) => {
        const client = await connectMcp({ url: `${server.url}/mcp`, name: 'another', roots: [process.cwd()] })
        const { data } = await client.callTool('send_to_instance', args, { onProgress: onSaid })
        await client.close()
        return String(data?.['response'])
      }),
      follow('REST', async ({ server }, args, onSaid) => {
        const response = await fetch(`${server.url}/tools/execute`, { method: 'POST', headers: { ...restHeaders, accept: 'text/event-stream' }, body: JSON.stringify({ tool: 'send_to_instance', arguments: args }) })
        let events = ''
        for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
          events += part
          if (events.includes(`event: progress\ndata: {"message":"${still}: `)) onSaid(still)
        }
        return String((JSON.parse(/event: result\ndata: (.*)\n\n$/.exec(events)?.[1] ?? '{}') as Args)['response'])
      }),
      follow('CLI', async ({ home }, args, onSaid) => {
        const terminal = pty.spawn(process.execPath, [cli, 'send', String(args['instance_id']), String(args['message'])], { cols: 200, rows: 24, env: { PATH: process.env['PATH'] ?? '', MADROX_HOME: home, TERM: 'xterm' } })
        let shown = ''
        terminal.onData(text => onSaid((shown += text)))
        await new Promise(resolve => terminal.onExit(resolve))
        // The sign of life has left one plain line; the answer stands by itself.
        return /(?<=waiting for the answer: done after \d+\.\d s\r\n).*(?=\r\n$)/.exec(shown)?.[0] ?? shown
      }),
    ])
    expect(said).toEqual(ways.map(({ name }) => [name, expect.objectContaining({ ok: true }), 'at last']))
  })

  test('ended by its caller ends alone: the work goes on, and its answer is kept', async () => {
    const ended = async (way: Way): Promise<unknown> => {
      const agent = await busy(way, 'steady', 'wait 600000')
      const call = way.begin('send_to_instance', { instance_id: agent.id, message: 'echo kept' })
      // The message is there before the wait for it is ended.
      await expect.poll(async () => ((await way.call('get_instance_status', { instance_id: agent.id })).data as Args)['mailbox'], { timeout: 20_000 }).toBe(1)
      await call.end()
      expect([way.name, await agent.isBusy()]).toEqual([way.name, true])
      await way.call('get_pending_replies', {})
      await way.call('interrupt_instance', { instance_id: agent.id, then: 'continue' })
      const heard: unknown[] = []
      // Of what was interrupted first, then of what was waited for.
      while (heard.length < 2) heard.push(...((await way.call('get_pending_replies', { wait_timeout: 20 })).data as { replies: Args[] }).replies.map(reply => reply['status'] === 'answered' ? reply['response'] : reply['status']))
      return heard
    }
    expect(await Promise.all(ways.map(ended))).toEqual(ways.map(() => ['cancelled', 'kept']))
  })
})
