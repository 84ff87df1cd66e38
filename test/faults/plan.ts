/** What a run is asked for, by `npm run faults -- --kills N --seed S`. */

import { fileURLToPath } from 'node:url'

const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)

export const plan = {
  /** Of the server, under scripted agents. */
  kills: number('MADROX_FAULTS_KILLS', 200),
  /** Of the server, under real CLIs. */
  realKills: number('MADROX_FAULTS_REAL_KILLS', 10),
  /** Of everything that is left to chance. */
  seed: number('MADROX_FAULTS_SEED', 1),
  /** The program under test. */
  cli: process.env['MADROX_FAULTS_CLI'] ?? fileURLToPath(new URL('../../dist/cli.js', import.meta.url)),
} as const
