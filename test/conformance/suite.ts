/** Runs the official MCP conformance suite against a URL and reads its verdict. */

import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'

export interface Verdict {
  readonly scenarios: number
  readonly passed: number
  readonly failed: number
  readonly output: string
}

/** The last release that runs on Node 20. Another version brings other scenarios: adjust both numbers with it. */
export const expected = { scenarios: 30, passed: 40 } as const

const suite = createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/dist/index.js')

/** @param url of the MCP endpoint, under a loopback name */
export function runConformance(url: string): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [suite, 'server', '--url', url], { cwd: tmpdir(), maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const output = `${stdout}\n${stderr}`
      const total = /Total: (\d+) passed, (\d+) failed/.exec(output)
      const scenarios = output.match(/=== Running scenario: /g)?.length ?? 0
      if (!total) return reject(error ?? new Error(`The suite gave no verdict:\n${output}`))
      resolve({ scenarios, passed: Number(total[1]), failed: Number(total[2]), output })
    })
  })
}
