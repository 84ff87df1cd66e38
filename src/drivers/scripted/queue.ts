/** Work taken in order, one at a time, never inside the call that brought it. A task that throws is logged and does not stop the next. */

import type { Log } from '../../log.ts'

export interface TaskQueue {
  add(task: () => void): void
}

export function createTaskQueue(defer: (callback: () => void) => void, log: Log): TaskQueue {
  const tasks: (() => void)[] = []
  let scheduled = false
  const drain = (): void => {
    for (let task = tasks.shift(); task; task = tasks.shift()) {
      try {
        task()
      } catch (error) {
        log.error('A task of the scripted driver failed.', { error })
      }
    }
    scheduled = false
  }
  return {
    add: task => {
      tasks.push(task)
      if (scheduled) return
      scheduled = true
      defer(drain)
    },
  }
}
