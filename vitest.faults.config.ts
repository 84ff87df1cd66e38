import { defineConfig } from 'vitest/config'

/** Real faults: everything is killed, again and again, and nothing may be lost. One file at a time, since each starts many processes. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.faults.ts'],
    globalSetup: ['test/setup/build.ts'],
    pool: 'forks',
    fileParallelism: false,
    disableConsoleIntercept: true,
    testTimeout: 3_600_000, // a long run is asked for with --kills; each step inside has its own limit
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
  },
})
