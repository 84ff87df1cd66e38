/** What an agent of a killed server had on disk. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRig } from './rig.ts'

test('a killed server leaves private files and a temporary directory, and the next one removes them', async () => {
  const rig = await openRig()
  await rig.call('spawn_claude', { name: 'ada' })
  const { pid } = await rig.call('get_instance_status', { instance_id: 'ada' })
  const temporary = /(?:^|\0)CLAUDE_CODE_TMPDIR=([^\0]+)/.exec(readFileSync(`/proc/${Number(pid)}/environ`, 'utf8'))?.[1] ?? ''
  const agents = join(rig.home, 'drivers', 'claude', 'agents')
  expect(existsSync(temporary)).toBe(true)
  expect(readdirSync(agents)).toHaveLength(1)
  await rig.restart('SIGKILL')
  expect(existsSync(temporary)).toBe(false)
  expect(readdirSync(agents)).toEqual([])
})
