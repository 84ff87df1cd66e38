import { defineConfig } from 'vitest/config'

/** The real CLIs against scripted model APIs: one file at a time, since each starts several heavy processes. */
export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    exclude: ['test/e2e/node_modules/**'],
    globalSetup: ['test/setup/build.ts'],
    pool: 'forks',
    fileParallelism: false,
    // What is asked for again until it is so has the time that a busy machine takes.
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 180_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
  },
})
