/** Real claude and codex, with their app-server and their model APIs, under a server that is killed again and again. */
import { expect, test } from 'vitest'
import { plan } from './plan.ts'
import { printStorm } from './print.ts'
import { runRealStorm } from './real.ts'

test(`${plan.realKills} server kills under real CLIs: every accepted message has one outcome, no process is left, and what was spent is on record or shown as unreported`, async () => {
  const storm = await runRealStorm({ cli: plan.cli, kills: plan.realKills, seed: plan.seed })
  printStorm(`claude, codex and scripted agents, seed ${plan.seed}`, storm)
  process.stdout.write(`  API calls in no transcript ${storm.beyond}, turns shown as unreported ${storm.unreported}\n`)
  const { verdict, report, usage } = storm
  expect({ lost: verdict.lost, duplicated: verdict.duplicated, wrong: verdict.wrong, orphans: report.orphans, usage }).toEqual({ lost: [], duplicated: [], wrong: [], orphans: [], usage: [] })
  expect(report.exitCode).toBe(0)
  expect(verdict.kills).toEqual({ server: plan.realKills, cli: expect.any(Number), 'app-server': expect.any(Number), api: expect.any(Number) })
  expect(Math.min(...Object.values(verdict.kills)), 'kills of each kind').toBeGreaterThan(0)
})
