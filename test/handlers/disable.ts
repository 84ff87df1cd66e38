/** Tells, before each test, which tool is without its handler in it: the first that its title names. `run.mjs` has what reads it. */

import { beforeEach, type RunnerTask } from 'vitest'
import { createToolTable } from '../../src/tools/table.ts'

const table = createToolTable()

// The one global of the run, which the transformed `defineTool` looks at.
const shared = globalThis as { disabledTool?: string | undefined }

/** With the titles around it. */
const titleOf = (task: Pick<RunnerTask, 'name' | 'suite'>): string => `${task.suite ? `${titleOf(task.suite)} ` : ''}${task.name}`

beforeEach(({ task }) => {
  const named = titleOf(task).match(/[a-z]+(_[a-z]+)+/g)?.find(word => table.has(word))
  shared.disabledTool = named === undefined ? undefined : table.get(named)?.name
  Object.assign(task.meta, { disabled: shared.disabledTool })
})
