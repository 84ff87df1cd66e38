import { defineConfig } from 'vitest/config'

/** Benchmarks: they print; none fails for being slow, and some for growing with what should not matter. One file at a time, on an otherwise idle machine. */
export default defineConfig({
  test: {
    include: ['test/bench/**/*.bench.ts'],
    globalSetup: ['test/setup/build.ts'],
    pool: 'forks',
    fileParallelism: false,
    disableConsoleIntercept: true,
    testTimeout: 600_000,
    hookTimeout: 60_000,
  },
})
