/** What the real Claude Code has on record of a turn, asked after its process was killed: what the contract's plain turns do not show. */
import { randomUUID } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createClaudeDriver } from '../../src/drivers/claude/driver.ts'
import type { FactOf } from '../../src/drivers/driver.ts'
import { createRecorder, findBreaches, toText } from '../contracts/driver-trace.ts'
import { atGate, callTool, hang, say, type Script } from '../fakes/anthropic/index.ts'
import { createClaudeStage } from './claude-setup.ts'

let close = async (): Promise<void> => {}
afterEach(() => close())

async function open(script: Script) {
  const stage = await createClaudeStage({ script })
  const facts = createRecorder(30_000)
  const driver = facts.record(createClaudeDriver(stage.config, facts.emit))
  close = async () => {
    await driver.close()
    await stage.close()
    expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
  }
  const sessionId = randomUUID()
  const launch = { name: 'ada', cwd: stage.workspace('ada'), systemPrompt: '', sessionId, confinement: { bypass: true }, marker: stage.marker }
  const start = async (resume: boolean): Promise<void> => {
    const earlier = facts.factsOf('ada', 'ready').length
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { ...launch, resume } })
    await facts.waitFor('ada', 'ready', fact => facts.factsOf('ada', 'ready').indexOf(fact) >= earlier)
  }
  const recall = async (): Promise<FactOf<'turnRecalled'>> => {
    const requestId = randomUUID()
    driver.dispatch({ type: 'recallTurn', agentId: 'ada', requestId, markers: ['[MSG:a]'] })
    return facts.waitFor('ada', 'turnRecalled', fact => fact.requestId === requestId)
  }
  await start(false)
  driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: 'p', text: '[MSG:a] work' })
  return {
    stage, facts, driver, recall,
    /** Written some time behind what it tells of. */
    readTranscript: () => {
      const name = readdirSync(stage.home, { recursive: true, encoding: 'utf8' }).find(each => each.endsWith(`${sessionId}.jsonl`))
      return name === undefined ? '' : readFileSync(join(stage.home, name), 'utf8')
    },
    killAndResume: async () => {
      process.kill(facts.factsOf('ada', 'processStarted').at(-1)?.pid ?? 0, 'SIGKILL')
      await facts.waitFor('ada', 'exited')
      await start(true)
    },
  }
}

test.for([
  ['words between blank lines', [say('\n\n  first line\n\nlast line  \n\n')]],
  ['words in two parts', [say('one part'), say('another part')]],
  ['words behind a tool call', [say('before'), callTool('Bash', { command: 'true', description: 'd' }), say('behind')]],
  ['words behind a subagent\'s', [callTool('Agent', { description: 'd', prompt: 'SUBTASK', subagent_type: 'general-purpose' }), say('my own words')]],
] as const)('%s are recalled as they were told', async ([, steps]) => {
  const { facts, recall, killAndResume } = await open([{ when: 'SUBTASK', then: [say('the subagent\'s words')] }, { when: 'work', then: [...steps] }])
  const { finalText } = await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === 'p')
  expect(await recall()).toMatchObject({ status: 'completed', finalText })
  await killAndResume()
  expect(await recall()).toMatchObject({ status: 'completed', finalText })
})

test('killed between two parts of its answer, a turn is cut', async () => {
  const { stage, recall, killAndResume, readTranscript } = await open([{ when: 'work', then: [say('a whole part'), atGate('middle'), say('never said')] }])
  await stage.fake.gate('middle').reached
  await expect.poll(readTranscript, { timeout: 10_000 }).toContain('[MSG:a] work')
  await killAndResume()
  expect(await recall()).toMatchObject({ status: 'cut' })
})

test.for([
  ['between two parts of its answer', [say('a whole part'), atGate('middle'), say('never said')]],
  ['before its first byte', [atGate('middle'), hang()]],
] as const)('interrupted %s, a turn is cut, then and after a kill', async ([, steps]) => {
  const { stage, facts, driver, recall, killAndResume } = await open([{ when: 'work', then: [...steps] }])
  await stage.fake.gate('middle').reached
  await facts.waitFor('ada', 'promptSeen')
  driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
  await facts.waitFor('ada', 'interruptFinished')
  expect(await recall()).toMatchObject({ status: 'cut' })
  await killAndResume()
  expect(await recall()).toMatchObject({ status: 'cut' })
})
