/** Scripted agents in real terminals under a server that is killed again and again: nothing is lost, nothing is left behind. */
import { expect, test } from 'vitest'
import { plan } from './plan.ts'
import { printStorm } from './print.ts'
import { complaintsOf, runScriptedStorm } from './scripted.ts'
import { windows } from './windows.ts'

test(`${plan.kills} server kills under ten agents: every accepted message has one outcome, the right one, and no process is left`, async () => {
  const storm = await runScriptedStorm({ cli: plan.cli, kills: plan.kills, seed: plan.seed })
  printStorm(`scripted agents, seed ${plan.seed}`, storm)
  const { verdict, report } = storm
  expect(complaintsOf(storm)).toEqual({ lost: [], duplicated: [], wrong: [], orphans: [], usage: [], unmarked: [] })
  expect(report.exitCode).toBe(0)
  expect(verdict.kills.server).toBe(plan.kills)
  for (const window of windows) expect(report.killsIn[window], `kills that met a message ${window}`).toBeGreaterThanOrEqual(5)
})
