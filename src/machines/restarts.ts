/** When a child that died comes back, in OTP's words. `supervision.ts` decides by them. */

/** Of a child. `transient`: restarted after an abnormal end only; `temporary`: never (save the one resumption every session gets). */
export const restartPolicies = ['permanent', 'transient', 'temporary'] as const
export type RestartPolicy = (typeof restartPolicies)[number]

/** Who is restarted with a child: nobody, all its siblings, or those spawned after it. */
export const restartStrategies = ['one_for_one', 'one_for_all', 'rest_for_one'] as const
export type RestartStrategy = (typeof restartStrategies)[number]

/** How a supervisor treats children that die: more than `maxRestarts` within `withinMs`, and the next death stands. */
export interface Supervision {
  readonly strategy: RestartStrategy
  readonly maxRestarts: number
  readonly withinMs: number
}
export const defaultSupervision: Supervision = { strategy: 'one_for_one', maxRestarts: 3, withinMs: 60_000 }

const firstBackoffMs = 1_000
const longestBackoffMs = 60_000
/** The first restart waits a second, each further one within the window twice as long, up to a minute. Milliseconds. */
export const backoffMs = (earlier: number): number => Math.min(firstBackoffMs * 2 ** earlier, longestBackoffMs)
