import { configDefaults, defineConfig } from 'vitest/config'

/** Unit and integration tests. Real CLIs: vitest.e2e.config.ts. A real browser: vitest.browser.config.ts. Timing: vitest.bench.config.ts. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/e2e/**', 'test/browser/**', 'test/bench/**'],
    globalSetup: ['test/setup/build.ts'],
    pool: 'forks', // native modules and PTYs do not live in worker threads
    maxWorkers: 2, // most files wait for processes more than they compute
    testTimeout: 60_000, // a shared machine under load starts a process in seconds; no test waits by the clock
    hookTimeout: 60_000,
    dangerouslyIgnoreUnhandledErrors: false, // a rejection nobody handled fails the run
  },
})
