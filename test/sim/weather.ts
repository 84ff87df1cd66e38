/** How rough a seed's life is. Each trouble is on in some seeds and off in others, so that each also meets calm ground. */

import type { Random } from './random.ts'

/** Percentages, each of its own occasions. */
export interface Weather {
  /** Of writes: the server dies there. */
  readonly crash: number
  /** Of writes: the disk takes nothing from then on, for a while. */
  readonly diskFull: number
  /** Of a CLI's steps: its process dies. */
  readonly death: number
  /** Of starts. */
  readonly failedStart: number
  /** Of resumed sessions: the CLI does not know it any more. */
  readonly lostSession: number
  /** Of prompts. */
  readonly refused: number
  readonly unconfirmed: number
  /** Of interrupts and stops: done later than anybody waits for. */
  readonly slow: number
  /** Of agents: the driver breaks its contract about them. */
  readonly liar: number
  /** Of answers: they do not leave. */
  readonly brokenAnswer: number
  /** Calls that each client makes. */
  readonly calls: number
  /** Messages that may wait for one agent. */
  readonly mailbox: number
}

export function createWeather(random: Random): Weather {
  const some = (percent: number, most: number): number => (random.chance(percent) ? 1 + random.roll(most) : 0)
  return {
    crash: random.chance(60) ? (1 + random.roll(16)) / 10 : 0,
    diskFull: random.chance(25) ? (1 + random.roll(8)) / 4 : 0,
    death: some(50, 4),
    failedStart: some(30, 20),
    lostSession: some(30, 30),
    refused: some(50, 20),
    unconfirmed: some(50, 20),
    slow: some(30, 20),
    liar: some(30, 50),
    brokenAnswer: some(50, 25),
    // A few lives are long.
    calls: random.chance(4) ? 100 : 4 + random.roll(24),
    mailbox: 2 + random.roll(10),
  }
}

/** After the storm: everything works, so that what was begun can come to its end. */
export const calm: Weather = { crash: 0, diskFull: 0, death: 0, failedStart: 0, lostSession: 0, refused: 0, unconfirmed: 0, slow: 0, liar: 0, brokenAnswer: 0, calls: 0, mailbox: 10 }
