/** Completion: what `madrox complete` knows, and what the real shells make of it on a line that a person types. */

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as pty from 'node-pty'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { cli, runToEnd, type RunningServer, startServe, temporaryHome } from './server.ts'

let server: RunningServer
let home: { path: string; remove: () => Promise<void> }
let env: Record<string, string>
let scripts: Readonly<Record<'bash' | 'zsh' | 'fish', string>>

const lea = 'lea'
/** As an agent might name one of its own: on a line it is to be one word, and to do nothing. */
const trap = "trap $(touch hacked) `touch hacked`; it's <x> a:b=c"

beforeAll(async () => {
  home = await temporaryHome()
  server = await startServe(home.path)
  env = { MADROX_HOME: home.path }
  for (const name of [lea, trap]) expect(await madrox('spawn', name, '--harness', 'scripted', '--workspace', 'isolated')).toMatchObject({ code: 0 })
  const [bash = '', zsh = '', fish = ''] = await Promise.all(['bash', 'zsh', 'fish'].map(async shell => (await madrox('complete', shell)).stdout))
  scripts = { bash, zsh, fish }
})
afterAll(async () => {
  await server.end('SIGTERM')
  await home.remove()
})

const madrox = (...args: string[]) => runToEnd(args, env)

describe('madrox complete', () => {
  const complete = async (...words: string[]) => (await madrox('complete', '--', ...words)).stdout.split('\n').map(line => line.split('\t')[0])

  test('knows commands, options, and from the server the names of agents', async () => {
    expect(await complete('st')).toEqual(expect.arrayContaining(['status', 'stdio', 'stop']))
    expect(await complete('stop', '--f')).toContain('--force')
    expect(await complete('stop', 'l')).toContain(lea)
    expect(await complete('send', 'l')).toContain(lea)
    expect(await complete('interrupt', lea, '--then', '')).toEqual(expect.arrayContaining(['hold', 'continue', 'clear']))
    expect(await complete('call', 'get_inst')).toContain('get_instance_tree')
    expect(await complete('spawn', 'x', '--role', 'test')).toContain('testing_specialist')
    expect(await complete('spawn', 'x', '--restart', '')).toEqual(expect.arrayContaining(['permanent', 'transient', 'temporary']))
    expect(await complete('logs', lea, '--type', 'c')).toContain('communication')
  })

  test('without a server, and for a shell it does not know, is no error and an error', async () => {
    expect(await runToEnd(['complete', '--', 'stop', 'x'], { MADROX_HOME: '/nonexistent' })).toMatchObject({ code: 0, stderr: '' })
    expect(await madrox('complete', 'tcsh')).toMatchObject({ code: 2, stderr: 'madrox: Give one of bash, zsh, fish. See madrox complete --help.\n' })
  })
})

/** Without the files of whoever runs the tests; each says `ready>` when it takes a line. */
const shells = {
  bash: (script: string, dir: string) => {
    writeFileSync(join(dir, 'rc'), `PS1='ready> '\nsource ${script}\n`)
    return ['--noprofile', '--rcfile', join(dir, 'rc'), '-i']
  },
  zsh: (script: string, dir: string) => {
    writeFileSync(join(dir, '.zshrc'), `PS1='ready> '\nautoload -Uz compinit && compinit -D\nsource ${script}\n`)
    return ['-i']
  },
  fish: (script: string, dir: string) => {
    mkdirSync(join(dir, 'fish'))
    writeFileSync(join(dir, 'fish', 'config.fish'), `set -g fish_greeting\nfunction fish_prompt; echo -n 'ready> '; end\nsource ${script}\n`)
    return ['-i']
  },
} as const
type Shell = keyof typeof shells

/** Types that into a shell which has completion, and gives what `madrox` was then called with. */
async function typed(shell: Shell, keys: string): Promise<{ args: readonly string[]; hacked: boolean }> {
  const { path: dir, remove } = await temporaryHome()
  onTestFinished(remove)
  const script = join(dir, 'script')
  writeFileSync(script, scripts[shell])
  // In madrox' place: what completion asks it answers, what else it is called with it writes down.
  const said = join(dir, 'said')
  writeFileSync(join(dir, 'madrox'), `#!/bin/sh
[ "$1" = complete ] && exec ${process.execPath} ${cli} "$@"
printf '%s\\0' "$@" >${said}.draft && mv ${said}.draft ${said}
`, { mode: 0o755 })
  const terminal = pty.spawn(shell, shells[shell](script, dir), { cwd: dir, cols: 200, env: { ...env, PATH: `${dir}:${process.env['PATH']}`, HOME: dir, ZDOTDIR: dir, XDG_CONFIG_HOME: dir, LANG: 'C.UTF-8', TERM: 'xterm' } })
  let shown = ''
  const ready = new Promise<void>(resolve => terminal.onData(text => ((shown += text).includes('ready> ') ? resolve() : undefined)))
  const ended = new Promise<void>(resolve => terminal.onExit(() => resolve()))
  onTestFinished(() => terminal.kill('SIGKILL'))
  await Promise.race([ready, ended])
  terminal.write(`${keys}\r`)
  await expect.poll(() => existsSync(said) || shown, { timeout: 20_000 }).toBe(true)
  terminal.write('exit\r')
  await ended
  return { args: readFileSync(said, 'utf8').split('\0').slice(0, -1), hacked: existsSync(join(dir, 'hacked')) }
}

describe.each(['bash', 'zsh', 'fish'] as const)('in %s, Tab completes', shell => {
  test.each([
    ['a command', 'madrox interr\tx', ['interrupt', 'x']],
    ['an option', 'madrox stop --fo\tx', ['stop', '--force', 'x']],
    ["an option's value", 'madrox interrupt lea --then ho\tx', ['interrupt', 'lea', '--then', 'hold', 'x']],
    ['the same behind "="', 'madrox interrupt lea --then=ho\tx', ['interrupt', 'lea', '--then=hold', 'x']],
    ["an agent's name", 'madrox send le\thello', ['send', lea, 'hello']],
    ['a name that a shell would take for commands, as one word', 'madrox stop tra\t--force', ['stop', trap, '--force']],
    ['the rest of it', `madrox stop trap\\ \t--force`, ['stop', trap, '--force']],
  ])('%s', async (_what, keys, args) => {
    expect(await typed(shell, keys)).toEqual({ args, hacked: false })
  })

  test('and runs nothing that stands on the line', async () => {
    expect((await typed(shell, "madrox stop '$(touch hacked)' le\t")).hacked).toBe(false)
  })
})

test('zsh without compinit is told what it lacks', async () => {
  const { path: dir, remove } = await temporaryHome()
  onTestFinished(remove)
  writeFileSync(join(dir, 'script'), scripts.zsh)
  expect(await promisify(execFile)('zsh', ['-f', '-c', `source ${dir}/script`])).toMatchObject({ stdout: '', stderr: expect.stringContaining('autoload -Uz compinit && compinit') })
})
