/** What `--help` shows to a person who has never seen it. */

import { describe, expect, test } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { overview, usage } from '../../src/cli/usage.ts'
import { runToEnd } from './server.ts'

const names = Object.keys(commands)
const helpOf = async (name: string, columns?: number): Promise<string> => usage(await commands[name]!(), columns) // oxlint-disable-line typescript/no-non-null-assertion -- one of its own names

describe('the help', () => {
  test('of the program names every command, with a first sentence that fits beside it', async () => {
    const { code, stdout } = await runToEnd(['--help'])
    expect([code, names.filter(name => !new RegExp(`^  ${name} +[A-Z]`, 'm').test(stdout))]).toEqual([0, []])
    // Cut at the end of a sentence, and not at an abbreviation's.
    expect(stdout).not.toMatch(/\be\.g$/m)
    expect(await runToEnd(['help'])).toEqual({ code, stdout, stderr: '' })
  })

  test('of a command says how it is called, and what its words and options are for', async () => {
    const { code, stdout } = await runToEnd(['spawn', '--help'])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Usage: madrox spawn NAME \[TASK\] \[OPTIONS\]\n\nStart an agent.*^Arguments:\n  NAME +What the agent.*^Options:\n.*^  --harness=NAME +claude, codex, scripted/ms)])
    expect((await runToEnd(['help', 'spawn'])).stdout).toBe(stdout)
  })

  test.each(names)('of %s leaves no word and no option without one', async name => {
    const bare = (await helpOf(name)).split('\n').filter(line => /^  \S+$/.test(line))
    expect(bare).toEqual([])
  })

  test.each(names)('of %s fits a terminal of 80 columns, and pads no line', async name => {
    const lines = (await helpOf(name, 80)).split('\n')
    expect(lines.filter(line => line.length > 80 || line.endsWith(' '))).toEqual([])
  })

  test('of all fits, too', async () => {
    expect((await overview('Teams', commands, 80)).split('\n').filter(line => line.length > 80 || line.endsWith(' '))).toEqual([])
  })
})
