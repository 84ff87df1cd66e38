/** Figures of a run, for people and for `docs/reliability.md`. */

import type { Verdict } from './judge.ts'
import type { StormReport } from './storm.ts'

export function printStorm(title: string, { verdict, report, seconds }: { verdict: Verdict; report: StormReport; seconds: number }): void {
  const { kills } = verdict
  const spread = Object.entries(report.killsIn).map(([window, count]) => `${window} ${count} (${report.messagesIn[window as keyof typeof report.messagesIn]} messages)`) // the same keys
  process.stdout.write(`
${title}, ${seconds.toFixed(0)} s
  messages sent           ${verdict.sent}
  answered                ${verdict.answered}, given up as poison ${verdict.poisoned}, failed with the model API ${verdict.failedByApi}
  killed                  server ${kills.server} (${report.startingKills} before it listened), CLI ${kills.cli}, app-server ${kills['app-server']}, model API ${kills.api}
  calls cut by a kill     ${verdict.cut}
  kills that met messages ${spread.join(', ')}
  lost                    ${verdict.lost.length}
  duplicated              ${verdict.duplicated.length} (handed out again because a kill came first: ${verdict.heardAgain})
  orphans                 ${report.orphans.length}
`)
}
