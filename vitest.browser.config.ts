import { defineConfig } from 'vitest/config'

/** The inspector in a real browser (Debian's /usr/bin/chromium), against the real server. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    globalSetup: ['test/setup/build.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
