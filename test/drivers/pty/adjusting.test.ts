/**
 * What is typed in the moment of a new size. A stand-in for codex, which asks and eats what comes before the answer: the real one does
 * so for a millisecond, or two seconds, as the machine has time (`test/e2e/codex-attach.test.ts` has the real one).
 */
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { createAdjustingPty } from '../../../src/drivers/pty/adjusting.ts'
import { startPty, type PtyProcess } from '../../../src/drivers/pty/process.ts'

const program = String.raw`
  let isAsking = false
  const say = text => process.stdout.write(text)
  process.stdin.setRawMode(true)
  process.stdin.on('data', data => {
    const answer = /\x1b\[(\d+);(\d+)R/.exec(data)
    if (isAsking && !answer) return say('<eaten>')
    isAsking = false
    if (answer) say('<cursor ' + answer[1] + ',' + answer[2] + '>')
    const keys = answer ? String(data).slice(answer.index + answer[0].length) : String(data)
    if (keys) say('<keys ' + keys + '>')
  })
  process.on('SIGWINCH', () => {
    if (!process.argv.includes('asks')) return
    isAsking = true
    say('\x1b[6n')
  })
  if (process.argv.includes('asked')) say('\x1b[6n')
  say('\x1b[5;7Hready')
`

/** What it has said so far, and its terminal. */
async function open(...manner: readonly string[]) {
  let said = ''
  const watchers = new Set<() => void>()
  const started = startPty({ file: process.execPath, args: ['-e', program, '--', ...manner], cwd: '/', env: { PATH: process.env.PATH }, onOutput: chunk => {
    said += chunk
    for (const look of watchers) look()
  } })
  onTestFinished(async () => {
    if (!started.exit()) process.kill(started.pid, 'SIGKILL')
    await started.exited
  })
  const pty: PtyProcess = createAdjustingPty(started, systemClock)
  const says = (text: string): Promise<string> => new Promise(resolve => {
    const look = (): void => {
      if (said.includes(text)) resolve(said)
    }
    watchers.add(look)
    look()
  })
  await says('ready')
  return { pty, says }
}

test('the program is told where its cursor is, and what was typed meanwhile comes behind, in its order', async () => {
  const { pty, says } = await open('asks')
  pty.resize(90, 25)
  pty.write('one')
  pty.write(' two')
  const said = await says('<keys one two>')
  expect(said).toContain('<cursor 5,12>')
  expect(said).not.toContain('<eaten>')
  expect([pty.columns, pty.rows]).toEqual([90, 25])
})

test('so it is with one size behind another', async () => {
  const { pty, says } = await open('asks')
  for (const columns of [90, 91, 92]) {
    pty.resize(columns, 25)
    pty.write(`${columns} `)
  }
  expect(await says('92 >')).not.toContain('<eaten>')
  expect([pty.columns, pty.rows]).toEqual([92, 25])
})

test('what it asked before it was resized is not answered now', async () => {
  const { pty, says } = await open('asked')
  pty.resize(90, 25)
  pty.write('typed')
  expect(await says('<keys typed>')).not.toContain('<cursor')
})

test('one that asks nothing has its keys too', async () => {
  const { pty, says } = await open()
  pty.resize(90, 25)
  pty.write('typed')
  expect(await says('<keys typed>')).not.toContain('<eaten>')
})

test('in a storm of sizes no key is lost, and none comes before another', async () => {
  const { pty, says } = await open('asks')
  const keys = Array.from({ length: 150 }, (_, at) => `${at},`)
  for (const [at, key] of keys.entries()) {
    pty.resize(60 + (at % 50), 10 + (at % 30))
    pty.write(key)
    await new Promise(resolve => setImmediate(resolve))
  }
  pty.write('last')
  const said = await says('last>')
  expect(said).not.toContain('<eaten>')
  expect([...said.matchAll(/<keys ([^>]*)>/g)].map(([, typed]) => typed).join('').replaceAll(/\x1b\[\d+;\d+R/g, '')).toBe(`${keys.join('')}last`)
})

test('one that ends in the middle takes its keys with it, and nothing is typed to nobody', async () => {
  const { pty } = await open('asks')
  pty.resize(90, 25)
  pty.write('typed')
  process.kill(pty.pid, 'SIGKILL')
  await pty.exited
  pty.resize(91, 25)
  pty.write('more')
  expect(pty.exit()).toMatchObject({ signal: 9 })
})
