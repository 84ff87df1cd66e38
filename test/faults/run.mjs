/** `npm run faults -- [--kills N] [--seed S] [--cli PATH] [FILE…]`: the fault harness, for as long as is asked. */

import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({ options: { kills: { type: 'string' }, seed: { type: 'string' }, cli: { type: 'string' } }, allowPositionals: true })
const given = { MADROX_FAULTS_KILLS: values.kills, MADROX_FAULTS_SEED: values.seed, MADROX_FAULTS_CLI: values.cli }
const env = { ...process.env, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) }
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'vitest.faults.config.ts', ...positionals], { stdio: 'inherit', env })
process.exit(status ?? 1)
