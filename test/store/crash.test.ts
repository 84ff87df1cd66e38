/** What the store acknowledged outlives the process: real processes, real files, SIGKILL. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { asMessageId } from '../../src/ids.ts'
import { createSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'

const fixture = fileURLToPath(new URL('fixtures/writer.mjs', import.meta.url))
let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'madrox-crash-'))
  path = join(dir, 'madrox.db')
})
afterEach(() => rmSync(dir, { recursive: true }))

/** Runs the writer until it is dead; `killAfter` lines it is killed from outside. Gives what it said. */
async function runWriter(mode: string, killAfter = Number.POSITIVE_INFINITY): Promise<readonly string[]> {
  const child = spawn(process.execPath, [fixture, path, mode], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (said.split('\n').length > killAfter) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  expect(signal).toBe('SIGKILL')
  return said.split('\n').slice(0, -1)
}

function reopened<T>(look: (store: Store) => T): T {
  const store = createSqliteStore({ path })
  try {
    return look(store)
  } finally {
    store.close()
  }
}

test('a write that returned is on record after SIGKILL in the next statement', async () => {
  await runWriter('once')
  reopened(store => {
    expect(store.listOpenMessages().map(row => row.id)).toEqual(['m1'])
    expect(store.getMessage(asMessageId('m0'))?.outcome).toEqual({ status: 'answered', text: 'done', at: 2 })
  })
})

test('a transaction cut by SIGKILL has left nothing', async () => {
  await runWriter('inside')
  reopened(store => {
    expect(store.listAgents()).toHaveLength(1)
    expect(store.listOpenMessages()).toEqual([])
  })
})

test.each([1, 50, 1000])('killed from outside after %i acknowledgements, it has lost none of them', async killAfter => {
  const said = await runWriter('stream', killAfter)
  expect(said.length).toBeGreaterThanOrEqual(killAfter)
  reopened(store => {
    const kept = store.listOpenMessages().map(row => row.id)
    expect(kept.slice(0, said.length)).toEqual(said)
    expect(kept.length - said.length).toBeLessThanOrEqual(1) // the write it may have died in
  })
})
