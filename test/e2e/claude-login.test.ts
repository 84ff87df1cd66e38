/** Whose login an agent of the real Claude Code works with, judged by what reaches the API, and that the user's configuration stays as it is. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createClaudeDriver } from '../../src/drivers/claude/driver.ts'
import type { FactOf } from '../../src/drivers/driver.ts'
import { createRecorder, findBreaches, toText } from '../contracts/driver-trace.ts'
import { createClaudeStage } from './claude-setup.ts'

const key = `sk-ant-api03-${'x'.repeat(40)}-the-last-twenty-char`
const token = `sk-ant-oat01-${'y'.repeat(40)}`
const subscription = { claudeAiOauth: { accessToken: token, refreshToken: `sk-ant-ort01-${'z'.repeat(40)}`, expiresAt: 4_102_444_800_000, scopes: ['user:inference', 'user:profile'], subscriptionType: 'max' } }
const answered = (answer: 'approved' | 'rejected') => ({ customApiKeyResponses: { approved: [], rejected: [], [answer]: [key.slice(-20)] } })

interface User {
  readonly env?: Record<string, string>
  /** Of the user's own global state file; none: Claude Code has never run. */
  readonly config?: object
  readonly credentials?: object
}

async function open({ env = { ANTHROPIC_API_KEY: key }, config, credentials }: User) {
  const stage = await createClaudeStage({ env: { ANTHROPIC_AUTH_TOKEN: undefined, ...env } })
  const stateFile = join(stage.home, '.claude.json')
  if (config) writeFileSync(stateFile, JSON.stringify({ hasCompletedOnboarding: true, ...config }))
  mkdirSync(join(stage.home, '.claude'))
  if (credentials) writeFileSync(join(stage.home, '.claude', '.credentials.json'), JSON.stringify(credentials), { mode: 0o600 })
  const facts = createRecorder(30_000)
  const driver = facts.record(createClaudeDriver(stage.config, facts.emit))
  onTestFinished(async () => {
    await driver.close()
    await stage.close()
    expect([...findBreaches(facts.trace), ...facts.faults], toText(facts.trace)).toEqual([])
  })
  return {
    stage,
    keyAnswers: (): unknown => JSON.parse(readFileSync(stateFile, 'utf8')).customApiKeyResponses,
    start: (bypass = true) => {
      driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: stage.workspace('ada'), systemPrompt: '', sessionId: randomUUID(), confinement: { bypass }, marker: stage.marker } })
      return facts.first('ready or startFailed', (fact): fact is FactOf<'ready' | 'startFailed'> => fact.type === 'ready' || fact.type === 'startFailed')
    },
    run: (text: string) => {
      driver.dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: text, text })
      return facts.waitFor('ada', 'turnEnded', fact => fact.promptId === text)
    },
  }
}

test.for([['bypass', true, undefined], ['confined', false, {}]] as const)('a key that is the only login works without a dialog and without a word in the user\'s configuration (%s)', async ([, bypass, config]) => {
  const { stage, keyAnswers, start, run } = await open(config ? { config } : {})
  expect(await start(bypass)).toMatchObject({ type: 'ready' })
  expect(await run('do: say paid for')).toMatchObject({ status: 'completed', finalText: 'paid for' })
  expect(stage.fake.requests.map(request => request.credential.apiKey)).toEqual([key])
  expect(await run('do: fail 401')).toMatchObject({ status: 'failed' })
  expect(await run('do: say again')).toMatchObject({ finalText: 'again' })
  expect(keyAnswers()).toBeUndefined()
})

test('a key the user has approved is used as it is', async () => {
  const { stage, keyAnswers, start, run } = await open({ config: answered('approved'), credentials: subscription })
  await start()
  await run('do: say hello')
  expect(stage.fake.requests.at(-1)?.credential).toEqual({ apiKey: key, authorization: undefined })
  expect(keyAnswers()).toEqual(answered('approved').customApiKeyResponses)
})

test.for([['never asked about', {}], ['rejected', answered('rejected')]] as const)('a subscription stays the login beside a key that was %s', async ([, config]) => {
  const { stage, start, run } = await open({ config, credentials: subscription })
  expect(await start()).toMatchObject({ type: 'ready' })
  await run('do: say hello')
  expect(stage.fake.requests.at(-1)?.credential).toEqual({ apiKey: undefined, authorization: `Bearer ${token}` })
})

test('a gateway\'s token goes before a key nobody approved', async () => {
  const { stage, start, run } = await open({ env: { ANTHROPIC_API_KEY: key, ANTHROPIC_AUTH_TOKEN: 'of-the-gateway' } })
  expect(await start()).toMatchObject({ type: 'ready' })
  await run('do: say hello')
  expect(stage.fake.requests.at(-1)?.credential).toEqual({ apiKey: undefined, authorization: 'Bearer of-the-gateway' })
})

test('a rejected key that is the only login fails the start at once, and says how to mend it', async () => {
  const { start } = await open({ config: answered('rejected') })
  expect(await start()).toMatchObject({ type: 'startFailed', code: 'not_logged_in', detail: expect.stringMatching(/told it not to use.*"Use custom API key" in \/config/) })
})
