import { expect, test } from 'vitest'
import { createSignals, type State } from '../../../../src/drivers/codex/pty/signals.ts'

test('codex tells its state; what it may have learnt to say since is passed over', () => {
  const states: State[] = []
  const signals = createSignals(state => states.push(state))
  for (const body of ['state=idle:app=codex', 'state=working:app=codex', 'state=dreaming:app=codex', 'state=blocked:app=codex:kind=permission', 'app=codex:state=done']) signals.feed(`\x1b]7501;${body}\x1b\\`)
  expect(states).toEqual(['idle', 'working', 'blocked', 'done'])
  expect([signals.state, signals.isBusy]).toEqual(['done', false])
})
