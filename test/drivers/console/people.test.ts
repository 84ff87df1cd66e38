/** Whose keys they are, as people come and go at one agent's console. Its agent is a scripted one, whose time is the test's. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { createSimulatedClock } from '../../../src/clock.ts'
import type { DriverCommand, DriverFact, FactOf, TerminalUse } from '../../../src/drivers/driver.ts'
import { createEditor } from '../../../src/drivers/console/editor.ts'
import { createScriptedDriver } from '../../../src/drivers/scripted/driver.ts'
import { createMemoryTranscripts, type Transcripts } from '../../../src/drivers/scripted/transcript.ts'
import { silentLog } from '../../../src/log.ts'

function open(transcripts: Transcripts = createMemoryTranscripts()) {
  const clock = createSimulatedClock()
  const facts: DriverFact[] = []
  const driver = createScriptedDriver({ bin: '', env: {}, childEnv: [], stateDir: '/nowhere', clock, log: silentLog, transcripts, defer: task => task() }, fact => facts.push(fact))
  onTestFinished(() => driver.close())
  const dispatch = (command: DriverCommand): void => driver.dispatch(command)
  dispatch({ type: 'startAgent', agentId: 'ada', launch: { name: 'ada', cwd: '/', systemPrompt: '', sessionId: 'session', confinement: {}, marker: {} } })
  const use = (viewerId: string, use: TerminalUse): void => dispatch({ type: 'useTerminal', agentId: 'ada', viewerId, use })
  return {
    clock, facts, dispatch, use,
    of: <Type extends DriverFact['type']>(type: Type) => facts.filter((fact): fact is FactOf<Type> => fact.type === type),
    control(viewerId: string) {
      use(viewerId, { action: 'attach', columns: 80, rows: 24 })
      use(viewerId, { action: 'takeControl' })
    },
    type: (viewerId: string, data: string) => use(viewerId, { action: 'type', data }),
  }
}

/** Resolves when every Escape that was pressed before has been one for long. */
async function escapesAreOver(): Promise<void> {
  const onInterrupt = vi.fn<() => void>()
  const editor = createEditor({ onSubmit: () => true, onInterrupt, onBegun: () => {}, onChange: () => {} })
  editor.type('\x1b')
  await vi.waitFor(() => expect(onInterrupt).toHaveBeenCalled())
  editor.close()
}

test('an Escape just before control is released interrupts nothing that is delivered behind it', async () => {
  const { clock, of, dispatch, use, control, type } = open()
  control('eve')
  type('eve', 'hang\r')
  type('eve', '\x1b')
  use('eve', { action: 'releaseControl', clear: false })
  expect(of('turnEnded').map(fact => fact.status)).toEqual(['interrupted'])
  dispatch({ type: 'submitPrompt', agentId: 'ada', promptId: 'p', text: 'wait 1000' })
  await escapesAreOver()
  clock.advance(1_000)
  expect(of('turnEnded')[1]).toMatchObject({ promptId: 'p', status: 'completed' })
})

test.each(['detach', 'releaseControl'] as const)('a paste cut off by %s is left in the box, and the next person submits it', action => {
  const { of, use, control, type } = open()
  control('eve')
  type('eve', '\x1b[200~say from e')
  use('eve', action === 'detach' ? { action } : { action, clear: false })
  control('fay')
  type('fay', 've\r')
  expect(of('turnEnded')).toMatchObject([{ status: 'completed', finalText: 'from eve' }])
})

test('a paste goes on while another asks for control in vain', () => {
  const { of, use, control, type } = open()
  control('eve')
  type('eve', '\x1b[200~say one ')
  control('fay')
  type('eve', '\rtwo\x1b[201~')
  expect(of('turnStarted')).toEqual([])
  type('eve', '\r')
  expect(of('turnEnded')[0]?.finalText).toMatch(/^one\n.*"two"/)
  use('fay', { action: 'detach' })
})

test('an agent that dies of what a person submits ends the view, whatever was typed behind', async () => {
  const { of, facts, control, type } = open()
  control('eve')
  type('eve', 'crash told to\r\x1b\rmore\x1b[200~and more\x1b[201~\x1b')
  await escapesAreOver()
  expect(of('terminalClosed')).toHaveLength(1)
  expect(facts.at(-1)).toMatchObject({ type: 'exited', expected: false })
})

test('an interrupt that cannot be put on record is the end of its agent, and of nobody else', async () => {
  const kept = createMemoryTranscripts()
  const { of, control, type } = open({
    open(sessionId, isResumed) {
      const transcript = kept.open(sessionId, isResumed)
      return transcript && { ...transcript, append(entry) {
        if (entry.type === 'turnEnded') throw new Error('no space left')
        transcript.append(entry)
      } }
    },
  })
  control('eve')
  type('eve', 'hang\r')
  type('eve', '\x1b')
  await escapesAreOver()
  expect(of('exited')).toMatchObject([{ expected: false, lastWords: 'no space left' }])
})

test('of fifty who look none is left when they have gone, and time has nothing more to do', () => {
  const { clock, of, use } = open()
  const viewers = Array.from({ length: 50 }, (_, number) => `viewer ${number}`)
  for (const [at, viewerId] of viewers.entries()) use(viewerId, { action: 'attach', columns: 1 + at, rows: 1 + at })
  for (const viewerId of viewers) use(viewerId, { action: 'detach' })
  clock.advance(60_000)
  expect([of('terminalOutput'), of('terminalClosed')]).toEqual([[], []])
})
