/**
 * What the interactive codex says of itself by OSC 7501 (measured on codex-cli 0.169.0): `state=working:app=codex`, and so on. It
 * is ahead of the rollout by some 20 ms where a turn begins, and behind it by as much where one ends.
 */

import { createOscReader } from '../../pty/osc.ts'

/** `starting`: it has said nothing. `idle`, `done`, `error`: it takes a prompt. `blocked`: a dialog of its own is open. `gone`: it ends. */
export type State = 'starting' | 'idle' | 'working' | 'done' | 'error' | 'blocked' | 'gone'

export interface Signals {
  readonly state: State
  /** A turn runs, or a dialog holds it up. */
  readonly isBusy: boolean
  /** Output of the terminal, in pieces of any size. */
  readonly feed: (chunk: string) => void
}

const states: Readonly<Record<string, State>> = { idle: 'idle', working: 'working', done: 'done', error: 'error', blocked: 'blocked', clear: 'gone' }

/** `onChange` is called with each word of it, a repeated one too. A state it may have learnt since is passed over. */
export function createSignals(onChange: (state: State) => void): Signals {
  let state: State = 'starting'
  const feed = createOscReader('\x1b]7501;', body => {
    const told = states[/(?:^|:)state=(\w+)/.exec(body)?.[1] ?? '']
    if (told === undefined) return
    state = told
    onChange(told)
  })
  return {
    feed,
    get state() {
      return state
    },
    get isBusy() {
      return state === 'working' || state === 'blocked'
    },
  }
}
