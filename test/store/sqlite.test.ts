import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { createSqliteStore } from '../../src/store/sqlite.ts'
import { describeStore } from '../contracts/store.ts'
import { describeMeasuring } from '../contracts/store-measuring.ts'

const dir = mkdtempSync(join(tmpdir(), 'madrox-store-'))
afterAll(() => rmSync(dir, { recursive: true }))

let count = 0
const open = () => createSqliteStore({ path: join(dir, `${++count}.db`) })
describeStore('the SQLite store', open)
describeMeasuring(open)
