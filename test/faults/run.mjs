/** `npm run faults -- [--kills N] [--seed S] [--mutants all] [--cli PATH] [FILE…]`: the fault harness, for as long as is asked. What else is given goes to vitest. */

import { spawnSync } from 'node:child_process'

const variables = { '--kills': 'MADROX_FAULTS_KILLS', '--seed': 'MADROX_FAULTS_SEED', '--cli': 'MADROX_FAULTS_CLI', '--mutants': 'MADROX_FAULTS_MUTANTS' }
const fits = (name, value) => (name === '--cli' ? true : name === '--mutants' ? value === 'all' : /^[0-9]+$/.test(value))
const env = { ...process.env }
const rest = []
for (let args = process.argv.slice(2); args.length > 0; args = args.slice(1)) {
  const [name, value] = args
  if (!variables[name]) rest.push(name)
  else if (value === undefined || value.startsWith('--') || !fits(name, value)) {
    console.error(`${name} needs ${name === '--cli' ? 'a path' : name === '--mutants' ? 'the word all' : 'a number'}`)
    process.exit(2)
  } else {
    env[variables[name]] = value
    args = args.slice(1)
  }
}
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'vitest.faults.config.ts', ...rest], { stdio: 'inherit', env })
process.exit(status ?? 1)
