/** Worktrees of repositories in the states that people leave them in. */

import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { createStage, type Stage } from './rig.ts'

// Tests may run from a hook of git's own, which says where its repository is.
const ownEnvironment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')))
const git = (dir: string, ...args: string[]): string => execFileSync('git', ['-C', dir, ...args], { encoding: 'utf8', env: { ...ownEnvironment, GIT_CONFIG_GLOBAL: '/dev/null' } }).trim()

function createRepository(stage: Stage, name: string): string {
  const dir = join(stage.home, name)
  mkdirSync(dir)
  git(dir, 'init', '--quiet', '--initial-branch', 'main')
  writeFileSync(join(dir, name), '')
  git(dir, 'add', '-A')
  git(dir, '-c', 'user.name=Test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '-m', 'first')
  return dir
}

const spawnFrom = (stage: Stage, root: string, workspace = 'auto') => stage.call(stage.client('person', { root }), 'spawn_agent', { harness: 'hand', name: 'ada', workspace })

describe('a worktree', () => {
  test('is made of a work tree only: in a bare repository, or inside .git, auto means an empty directory', async () => {
    const stage = createStage()
    const repository = createRepository(stage, 'repository')
    const bare = join(stage.home, 'bare')
    git(stage.home, 'clone', '--quiet', '--bare', repository, bare)
    for (const root of [bare, join(repository, '.git')]) {
      expect(await spawnFrom(stage, root)).toMatchObject({ ok: true, data: { workspace_kind: 'isolated' } })
      expect(await spawnFrom(stage, root, 'worktree')).toMatchObject({ ok: false, error: { code: 'workspace_failed', message: expect.stringContaining('work tree') } })
    }
  })

  test('is brought back by the commands its spawn tells, wherever it lies', async () => {
    const stage = createStage()
    const repository = createRepository(stage, "Ada's project; $HOME")
    const spawned = await stage.ask(stage.client('person', { root: repository }), 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'auto' })
    writeFileSync(join(String(spawned['workspace']), 'work'), '')
    const [, first = '', second = ''] = /To bring it back: (.*), then (.*)\.$/.exec(String(spawned['bring_back'])) ?? []
    const author = { GIT_AUTHOR_NAME: 'Test', GIT_AUTHOR_EMAIL: 'test@localhost', GIT_COMMITTER_NAME: 'Test', GIT_COMMITTER_EMAIL: 'test@localhost' }
    for (const command of [first, second]) execFileSync('sh', ['-c', command], { env: { ...ownEnvironment, ...author, GIT_CONFIG_GLOBAL: '/dev/null' }, stdio: 'pipe' })
    expect(existsSync(join(repository, 'work'))).toBe(true)
  })

  test('is not made of a repository that Madrox\' own workspaces lie in: who works in an empty directory there spawns into another', async () => {
    const stage = createStage()
    git(stage.home, 'init', '--quiet', '--initial-branch', 'main')
    git(stage.home, '-c', 'user.name=Test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '--allow-empty', '-m', 'my home')
    const ada = await stage.spawn('ada', stage.me, { workspace: 'isolated' })
    const spawned = await stage.call(stage.as(ada), 'spawn_agent', { harness: 'hand', name: 'kid' })
    expect([spawned, git(stage.home, 'branch', '--format=%(refname:short)')]).toEqual([expect.objectContaining({ ok: true, data: expect.objectContaining({ workspace_kind: 'isolated' }) }), 'main'])
    expect(await spawnFrom(stage, stage.home)).toMatchObject({ ok: true, data: { workspace_kind: 'worktree' } })
  })

  test("runs none of the repository's hooks", async () => {
    const stage = createStage()
    const repository = createRepository(stage, 'repository')
    const hook = join(repository, '.git', 'hooks', 'post-checkout')
    mkdirSync(join(repository, '.git', 'hooks'), { recursive: true })
    writeFileSync(hook, `#!/bin/sh\ntouch '${stage.home}/hook-ran'\nexit 1\n`)
    chmodSync(hook, 0o755)
    expect(await spawnFrom(stage, repository)).toMatchObject({ ok: true, data: { workspace_kind: 'worktree' } })
    expect(existsSync(join(stage.home, 'hook-ran'))).toBe(false)
  })

  test("has a branch also where one called madrox stands in its way", async () => {
    const stage = createStage()
    const repository = createRepository(stage, 'repository')
    git(repository, 'branch', 'madrox')
    expect(await spawnFrom(stage, repository)).toMatchObject({ ok: true, data: { branch: expect.stringMatching(/^madrox-ada-/) } })
  })

  test("is of the caller's repository, whichever one the server's own environment names", async () => {
    const stage = createStage()
    const [repository, other] = [createRepository(stage, 'repository'), createRepository(stage, 'other')]
    for (const [name, value] of Object.entries({ GIT_DIR: join(other, '.git'), GIT_WORK_TREE: other, GIT_INDEX_FILE: join(other, '.git', 'index') })) vi.stubEnv(name, value)
    try {
      const spawned = await spawnFrom(stage, repository)
      expect(readdirSync(String(spawned.ok && spawned.data?.['workspace']))).toEqual(['.git', 'repository'])
    } finally {
      vi.unstubAllEnvs()
    }
  })

  test('that cannot be written is refused in words', async () => {
    const stage = createStage()
    writeFileSync(join(stage.home, 'workspaces'), 'a file where a directory should be')
    expect(await stage.call(stage.me, 'spawn_agent', { harness: 'hand', name: 'ada', workspace: 'isolated' })).toMatchObject({ ok: false, error: { code: 'workspace_failed', message: expect.stringContaining('cannot be made') } })
    expect(stage.system.list(stage.me)).toEqual([])
  })
})
