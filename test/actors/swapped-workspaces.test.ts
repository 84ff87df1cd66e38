/** A confined agent writes in its workspace, and only there: what it puts there does not lead an agent of its own out of it, nor the server to run it. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { commit, git } from './repositories.ts'
import { createStage, type Stage } from './rig.ts'

interface Team {
  readonly boss: AgentId
  readonly kid: AgentId
  /** Of the boss; the kid's is below it. */
  readonly dir: string
  /** Where none of them may write. */
  readonly outside: string
  /** Puts a link to there where the kid works. */
  swap(): void
}

async function createTeam(stage: Stage): Promise<Team> {
  const outside = join(stage.home, 'outside')
  mkdirSync(outside)
  const boss = await stage.spawn('boss')
  const dir = stage.system.status(stage.me, boss).workspace.path
  mkdirSync(join(dir, 'sub'))
  const kid = await stage.spawn('kid', stage.as(boss), { workspace: join(dir, 'sub') })
  const swap = (): void => {
    renameSync(join(dir, 'sub'), join(dir, 'was'))
    symlinkSync(outside, join(dir, 'sub'))
  }
  return { boss, kid, dir, outside, swap }
}

const wanted = (workspace: string) => ({ harness: 'hand', name: 'mole', workspace })

describe('an agent whose workspace was exchanged for a link', () => {
  test.each(['shared', 'worktree', 'auto', 'outside'])('has none spawned where that leads: %s', async where => {
    const stage = createStage()
    const { kid, outside, swap } = await createTeam(stage)
    git(outside, 'init', '--quiet')
    commit(outside, 'first')
    swap()
    expect(await stage.call(stage.as(kid), 'spawn_agent', wanted(where === 'outside' ? outside : where))).toMatchObject({ ok: false, error: { code: 'workspace_failed', message: expect.stringContaining('leads elsewhere') } })
    expect(await stage.refusal(stage.as(kid), 'spawn_agent', wanted('isolated'))).toBe('ok')
  })

  test('is not started again where that leads', async () => {
    const stage = createStage()
    const { boss, kid, swap } = await createTeam(stage)
    await stage.ask(stage.as(boss), 'suspend_instance', { instance_id: kid })
    swap()
    stage.commands.length = 0
    expect(await stage.call(stage.as(boss), 'resume_instance', { instance_id: kid })).toMatchObject({ ok: false, error: { code: 'spawn_failed', message: expect.stringContaining('leads elsewhere') } })
    expect(stage.commands.filter(({ type }) => type === 'startAgent')).toEqual([])
  })
})

test('a spawn waits only so long for a repository that does not answer, and then gives its place back', { timeout: 60_000 }, async () => {
  const stage = createStage({ limits: { maxInstances: 3 } })
  const { boss, dir } = await createTeam(stage)
  git(dir, 'init', '--quiet')
  rmSync(join(dir, '.git', 'HEAD'))
  execFileSync('mkfifo', [join(dir, '.git', 'HEAD')])
  expect(await stage.call(stage.as(boss), 'spawn_agent', wanted('auto'))).toMatchObject({ ok: false, error: { code: 'workspace_failed', message: expect.stringContaining('no answer') } })
  expect(await stage.refusal(stage.as(boss), 'spawn_agent', wanted('isolated'))).toBe('ok')
})

describe("a worktree of a confined agent's own repository", () => {
  test('runs no command that it names, and has its files', async () => {
    const stage = createStage()
    const { boss, dir } = await createTeam(stage)
    const ran = join(stage.home, 'ran')
    git(dir, 'init', '--quiet', '--initial-branch', 'main')
    writeFileSync(join(dir, '.gitattributes'), '*.txt filter=theirs\n*.crlf text eol=crlf\n')
    writeFileSync(join(dir, 'a.txt'), 'as it was\n')
    writeFileSync(join(dir, 'b.crlf'), 'one\n')
    mkdirSync(join(dir, 'tools'))
    writeFileSync(join(dir, 'tools', 'run'), '#!/bin/sh\n', { mode: 0o755 })
    commit(dir, 'first')
    for (const [key, command] of [['filter.theirs.smudge', `touch '${ran}'; tr a-z A-Z`], ['filter.theirs.process', `touch '${ran}'`], ['core.fsmonitor', `touch '${ran}'; false`]] as const) git(dir, 'config', key, command)
    const { workspace } = await stage.ask(stage.as(boss), 'spawn_agent', wanted('worktree'))
    expect(existsSync(ran)).toBe(false)
    git(dir, 'config', '--remove-section', 'filter.theirs')
    git(dir, 'config', '--unset', 'core.fsmonitor')
    expect(git(String(workspace), 'status', '--porcelain', '--branch')).toMatch(/^## madrox\/mole-\S+$/)
    expect(git(String(workspace), 'ls-files', '--eol', 'b.crlf')).toMatch(/^i\/lf +w\/crlf /)
    expect(git(String(workspace), 'show', ':a.txt')).toBe('as it was')
  })

  test("that of an agent nothing confines is made as anybody's", async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss', stage.me, { bypass_isolation: true })
    const dir = stage.system.status(stage.me, boss).workspace.path
    git(dir, 'init', '--quiet')
    writeFileSync(join(dir, '.gitattributes'), '*.txt filter=large\n')
    writeFileSync(join(dir, 'a.txt'), 'pointer\n')
    commit(dir, 'first')
    git(dir, 'config', 'filter.large.smudge', 'tr a-z A-Z')
    const { workspace } = await stage.ask(stage.as(boss), 'spawn_agent', { ...wanted('worktree'), bypass_isolation: true })
    expect(git(String(workspace), 'grep', '--no-index', '-h', '.', '--', 'a.txt')).toBe('POINTER')
  })

  test('follows no link that was committed where a directory is', async () => {
    const stage = createStage()
    const { kid, dir, outside } = await createTeam(stage)
    git(dir, 'init', '--quiet')
    renameSync(join(dir, 'sub'), join(dir, 'aside'))
    symlinkSync(outside, join(dir, 'sub'))
    commit(dir, 'a link')
    renameSync(join(dir, 'sub'), join(dir, 'link'))
    renameSync(join(dir, 'aside'), join(dir, 'sub'))
    expect(await stage.call(stage.as(kid), 'spawn_agent', wanted('worktree'))).toMatchObject({ ok: false, error: { code: 'workspace_failed', message: expect.stringContaining('none in the commit') } })
  })
})
