/**
 * The official MCP suite against the server that ships, with the suite's fixtures injected. The stand-in system is enough:
 * no scenario calls a tool of ours.
 */

import { expect, test } from 'vitest'
import { serve } from '../transports/served.ts'
import { conformanceFixtures } from './fixtures.ts'
import { expected, runConformance } from './suite.ts'

test('the official conformance suite passes, all of it', { timeout: 120_000 }, async () => {
  const { server } = await serve({ extension: conformanceFixtures })
  const { output, ...verdict } = await runConformance(`http://localhost:${server.port}/mcp`)
  expect(verdict, output).toEqual({ ...expected, failed: 0 })
})
