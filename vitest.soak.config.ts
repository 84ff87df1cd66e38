import { defineConfig } from 'vitest/config'

/** The soak: what may not grow while Madrox works. `SOAK_MINUTES` says for how long the real one runs. */
export default defineConfig({
  test: {
    include: ['test/soak/**/*.soak.ts'],
    globalSetup: ['test/setup/build.ts'],
    pool: 'forks',
    execArgv: ['--expose-gc'],
    fileParallelism: false,
    disableConsoleIntercept: true,
    testTimeout: 24 * 3_600_000,
    hookTimeout: 60_000,
  },
})
