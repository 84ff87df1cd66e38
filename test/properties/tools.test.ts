/**
 * Whatever any tool is called with, by whomever: the server goes on, the answer is a result or a clear refusal, and what was
 * refused has changed nothing. A failure prints its seed and path; `MADROX_PROPERTY_SEED` and `MADROX_PROPERTY_PATH` live it
 * again, `MADROX_PROPERTY_TEAMS` asks for more of them.
 */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createToolTable } from '../../src/tools/table.ts'
import type { Tool, ToolOutcome } from '../../src/tools/tool.ts'
import { fitting, meaningless, nameable, unfitting } from './arguments.ts'
import { type CallerName, callers, createTeam, secrets, type Team } from './team.ts'

const table = createToolTable()
const tools = [...new Set(table.values())]

type Step = { readonly who: CallerName; readonly tool: string; readonly args: unknown } | { readonly turn: number } | { readonly passMs: number }

const callOf = (tool: Tool, args: fc.Arbitrary<unknown>): fc.Arbitrary<Step> => fc.record({ who: fc.constantFrom(...callers), tool: fc.constantFrom(tool.name, ...(tool.aliases ?? [])), args })
const toolCall: fc.Arbitrary<Step> = fc.constantFrom(...tools).chain(tool => callOf(tool, fc.oneof({ weight: 3, arbitrary: fitting(tools, tool) }, { weight: 1, arbitrary: unfitting(tools, tool) })))
/** Most of what callers get wrong is not the form: it fits, and means nothing. */
const pointless: fc.Arbitrary<Step> = fc.constantFrom(...nameable(tools)).chain(tool => callOf(tool, meaningless(tools, tool)))
const life: fc.Arbitrary<Step> = fc.oneof(fc.record({ turn: fc.nat({ max: 4 }) }), fc.record({ passMs: fc.constantFrom(1, 1_000, 600_000) }))
const steps = fc.noBias(fc.array(fc.oneof({ weight: 12, arbitrary: toolCall }, { weight: 8, arbitrary: pointless }, { weight: 1, arbitrary: life }), { minLength: 1, maxLength: 60, size: 'max' }))

const counted = { calls: 0, fitting: 0, refused: 0, refusedByMeaning: 0 }

/** The next thing that happens to an agent: what it was given begins, or its turn ends. */
function live(team: Team, at: number): void {
  const { stage, hands } = team
  const id = hands[at % hands.length]
  const now = team.agents().find(agent => agent.id === id)
  if (!now) return
  if (now.detail === 'busy.delivering') stage.begin(now.id)
  else if (now.detail === 'busy.working') stage.end(now.id, { finalText: 'done' })
}

/** Refused after a start: its agent was there, and has ended. */
const endsSomething = (outcome: ToolOutcome): boolean => !outcome.ok && outcome.error.code === 'spawn_failed'

function expectClear(outcome: ToolOutcome, who: CallerName, tool: string): void {
  const told = JSON.stringify(outcome)
  if (who !== 'other') expect(told).not.toContain(secrets.other)
  expect(told).not.toContain(secrets.file)
  const output = table.get(tool)?.output
  if (!outcome.ok) {
    expect(outcome.error).toEqual(expect.objectContaining({ code: expect.not.stringMatching(/^internal$/), message: expect.stringMatching(/\w{3}.*\.$/s), remedy: expect.stringMatching(/\w{3}/) }))
  } else if (output && outcome.data) expect(output.safeParse(outcome.data).error?.issues).toBeUndefined()
  else expect(outcome.text ?? outcome.data).toBeDefined()
}

/** Says what is otherwise, line by line, for the report of a case has room for words alone. */
function expectSame(after: readonly string[], before: readonly string[]): void {
  const lines = [...after.filter(line => !before.includes(line)).map(line => `now ${line}`), ...before.filter(line => !after.includes(line)).map(line => `was ${line}`)]
  expect(lines, `what was refused changed something:\n${lines.join('\n')}`).toEqual([])
}

async function take(team: Team, step: Step): Promise<void> {
  const { stage } = team
  if ('turn' in step) live(team, step.turn)
  else if ('passMs' in step) stage.clock.advance(step.passMs)
  else {
    const args = team.fill(step.args)
    const before = team.digest()
    const outcome = await team.call(step.who, step.tool, args)
    counted.calls++
    const fits = table.get(step.tool)?.input.safeParse(args ?? {}).success === true
    if (fits) counted.fitting++
    if (fits && !outcome.ok) counted.refusedByMeaning++
    expectClear(outcome, step.who, step.tool)
    expect(stage.system.health().status).toBe('ok')
    if (outcome.ok || endsSomething(outcome)) return team.rest()
    counted.refused++
    await team.rest()
    expectSame(team.digest(), before)
  }
  await team.rest()
}

const { MADROX_PROPERTY_SEED: seedGiven, MADROX_PROPERTY_PATH: path, MADROX_PROPERTY_TEAMS: teamsGiven } = process.env
const seed = seedGiven === undefined ? Date.now() % 2 ** 31 : Number(seedGiven)
const teams = Number(teamsGiven ?? 12)
/** Every team of a share stays until its test has ended. */
const share = 4
const shares = path === undefined ? Array.from({ length: Math.ceil(teams / share) }, (_, index) => seed + index) : [seed]

/** The report of a failure has the shortest case that shows it, and its seed and path. */
async function expectHolds(property: fc.IAsyncProperty<[Step[]]>, seed: number): Promise<void> {
  const told = await fc.check(property, { seed, numRuns: share, ...(path === undefined ? {} : { path, endOnFailure: true }), plugins: [fc.interruptAfterTimeLimit(20_000)] })
  const why = told.errorInstance instanceof Error ? told.errorInstance.stack : told.errorInstance
  expect(told.failed, `${await fc.asyncDefaultReportMessage(told)}\n${String(why)}`).toBe(false)
}

test.each(shares)('any arguments of any tool, from anybody, are answered or refused, and a refusal changes nothing (seed %i)', async seed => {
  const property = fc.asyncProperty(steps, async taken => {
    const team = await createTeam()
    for (const step of taken) await take(team, step)
  })
  await expectHolds(property, seed)
})

test('at least half of what was tried fits its schema and is refused for what it means; and much is done', () => {
  const { calls, fitting: fit, refused, refusedByMeaning } = counted
  console.log(`${calls} calls, ${fit} fit their schema, ${refused} refused, ${refusedByMeaning} of them though they fit (seed ${seed})`)
  expect(refusedByMeaning).toBeGreaterThanOrEqual(calls / 2)
  expect(fit - refusedByMeaning).toBeGreaterThan(calls / 10)
})

test('every tool has arguments that fit it, made of its own schema', () => {
  for (const tool of tools) for (const args of fc.sample(fitting(tools, tool), { numRuns: 20, seed })) expect([tool.name, tool.input.safeParse(args).error?.issues]).toEqual([tool.name, undefined])
})
