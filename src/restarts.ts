/** When a child that died comes back: OTP's words, for configuration and tools as for the machines that decide by them. */

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
