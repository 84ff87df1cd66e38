/** What agents changed, in their status and by get_instance_diff, in repositories that may be against whoever looks. */

import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commit, createRepository, createWorkshop, git } from './repositories.ts'

describe('get_instance_status', () => {
  test('counts what a worktree has that its repository has not, committed or not, and reads it again after two seconds', async () => {
    const { stage, spawn, write, changes, repository } = createWorkshop()
    const { id, dir, branch } = await spawn('ada')
    const base = git(repository, 'rev-parse', 'HEAD')
    const untouched = { branch, base, files_changed: 0, insertions: 0, deletions: 0, untracked: 0, commits_ahead: 0 }
    expect(await changes(id)).toEqual(untouched)
    write(dir, 'b.txt', 'three\n')
    commit(dir, 'b')
    write(dir, 'a.txt', 'one\n2\n')
    write(dir, 'new/c.txt', 'four\n')
    write(dir, 'ignored/d.txt', 'five\n')
    expect(await changes(id)).toEqual(untouched)
    stage.clock.advance(2_000)
    expect(await changes(id)).toEqual({ branch, base, files_changed: 2, insertions: 2, deletions: 1, untracked: 1, commits_ahead: 1 })
    expect((await stage.ask(stage.me, 'get_instance_status'))['instances']).toMatchObject([{ name: 'ada', changes: { files_changed: 2 } }])
  })

  test('sees a change that leaves a file as long and as old as it was, in the second in which it was checked out', async () => {
    const { spawn, write, changes } = createWorkshop()
    // Git knows of a second's change by two times of a file, one of which nobody can set: of some of these it is in the same second.
    for (const name of ['ada', 'bob', 'cyd', 'dee']) {
      const { id, dir } = await spawn(name)
      const { mtime } = statSync(join(dir, 'a.txt'))
      write(dir, 'a.txt', 'eno\nowt\n')
      for (const path of [join(dir, 'a.txt'), join(git(dir, 'rev-parse', '--absolute-git-dir'), 'index')]) utimesSync(path, mtime, mtime)
      expect(await changes(id)).toMatchObject({ files_changed: 1, insertions: 2, deletions: 2 })
    }
  })

  test('counts nothing any more once the work is merged', async () => {
    const { spawn, write, changes, repository } = createWorkshop()
    const { id, dir, branch } = await spawn('ada')
    write(dir, 'b.txt', 'three\n')
    commit(dir, 'b')
    git(repository, 'merge', '--quiet', '--no-ff', '-m', 'merge', branch)
    expect(await changes(id)).toMatchObject({ files_changed: 0, commits_ahead: 0 })
  })

  test('of a shared workspace counts what is uncommitted, and says nothing where there is no repository', async () => {
    const { stage, person, changes, repository, write } = createWorkshop()
    const id = await stage.spawn('ada', person, { workspace: 'shared' })
    write(repository, 'a.txt', 'one\n')
    expect(await changes(id)).toMatchObject({ branch: 'main', files_changed: 1, deletions: 1, commits_ahead: null })
    const alone = await stage.spawn('alone', person)
    expect(await changes(alone)).toBeUndefined()
    expect(await stage.refusal(person, 'get_instance_diff', { instance_id: alone })).toBe('workspace_failed')
  })

  test('does not take a repository around Madrox for the agent\'s own', async () => {
    const { stage, person, changes, write } = createWorkshop()
    createRepository(join(stage.home, 'other'))
    git(stage.home, 'init', '--quiet')
    const id = await stage.spawn('ada', person)
    const { path } = stage.system.status(person, id).workspace
    write(path, '.git/empty', '')
    expect(await changes(id)).toBeUndefined()
    rmSync(join(path, '.git'), { recursive: true })
    git(path, 'init', '--quiet', '--initial-branch', 'own')
    write(path, 'x', 'x\n')
    stage.clock.advance(2_000)
    expect(await changes(id)).toEqual({ branch: 'own', base: null, files_changed: 0, insertions: 0, deletions: 0, untracked: 1, commits_ahead: null })
  })

  test('says why where nothing can be told: the repository is gone, the workspace is another\'s', async () => {
    const { stage, spawn, changes, repository } = createWorkshop()
    const [ada, eve] = [await spawn('ada'), await spawn('eve')]
    const other = createRepository(join(stage.home, 'other'))
    writeFileSync(join(eve.dir, '.git'), `gitdir: ${join(other, '.git')}\n`)
    expect(await changes(eve.id)).toEqual({ unknown: expect.stringContaining('no worktree of') })
    renameSync(repository, `${repository}-moved`)
    expect(await changes(ada.id)).toEqual({ unknown: expect.stringContaining('is gone') })
    expect(await stage.refusal(stage.me, 'get_instance_diff', { instance_id: ada.id })).toBe('workspace_failed')
  })

  test('waits no longer than three seconds for git', async () => {
    const { stage, spawn, person } = createWorkshop()
    const { id } = await spawn('ada')
    const status = stage.ask(person, 'get_instance_status', { instance_id: id })
    await stage.settle()
    stage.clock.advance(3_000)
    expect((await status)['changes']).toEqual({ unknown: 'git has not answered within 3000 ms.' })
    // What was begun is told the next time.
    expect((await stage.ask(person, 'get_instance_status', { instance_id: id }))['changes']).toMatchObject({ files_changed: 0 })
  })
})

describe('get_instance_diff', () => {
  test('shows changed, committed, deleted and untracked files, binary ones by name, and touches nothing', async () => {
    const { stage, spawn, write, person } = createWorkshop()
    const { id, dir } = await spawn('ada')
    write(dir, 'committed.txt', 'c\n')
    commit(dir, 'c')
    write(dir, 'new.txt', 'hello\n')
    writeFileSync(join(dir, 'binary'), Buffer.from([0, 1, 2]))
    symlinkSync('/etc/passwd', join(dir, 'link'))
    rmSync(join(dir, 'a.txt'))
    const before = git(dir, 'status', '--porcelain')
    const diff = await stage.ask(person, 'get_instance_diff', { instance_id: id })
    expect(diff).toMatchObject({
      instance_id: id, files_changed: 2, insertions: 1, deletions: 2, untracked: 3, commits_ahead: 1, truncated: false,
      files: [{ path: 'a.txt', deletions: 2 }, { path: 'binary', insertions: null }, { path: 'committed.txt', insertions: 1 }, { path: 'link', insertions: 1 }, { path: 'new.txt', insertions: 1, deletions: 0 }],
    })
    expect(diff['diff']).toMatch(/^diff --git a\/a\.txt b\/a\.txt\ndeleted file/)
    expect(diff['diff']).toContain('+hello')
    expect(diff['diff']).toContain('+/etc/passwd') // the link, not what it leads to
    expect(git(dir, 'status', '--porcelain')).toBe(before)
    expect(readdirSync(join(stage.home, 'git'))).toEqual([])
  })

  test('shows as much as was asked for, and says that there is more', async () => {
    const { stage, spawn, write, person } = createWorkshop()
    const { id, dir } = await spawn('ada')
    write(dir, 'new.txt', 'x\n'.repeat(50_000))
    const diff = await stage.ask(person, 'get_instance_diff', { instance_id: id, max_bytes: 1_000 })
    expect([String(diff['diff']).length, diff['truncated']]).toEqual([1_000, true])
    const counts = await stage.ask(person, 'get_instance_diff', { instance_id: id, stat_only: true })
    expect(counts).toMatchObject({ files: [{ path: 'new.txt', insertions: 50_000 }] })
    expect(counts).not.toHaveProperty('diff')
  })

  test('of an ended agent is still there; of a peer is refused', async () => {
    const { stage, spawn, end, person } = createWorkshop()
    const [ada, eve] = [await spawn('ada'), await spawn('eve')]
    expect(await stage.refusal(stage.as(eve.id), 'get_instance_diff', { instance_id: ada.id })).toBe('not_allowed')
    await end(ada.id)
    expect(await stage.ask(person, 'get_instance_diff', { instance_id: ada.id })).toMatchObject({ files: [], diff: '' })
  })

  test('of a shallow clone works', async () => {
    const { stage, repository, write } = createWorkshop()
    for (const n of [1, 2, 3]) {
      write(repository, 'a.txt', `${n}\n`)
      commit(repository, `n${n}`)
    }
    git(stage.home, 'clone', '--quiet', '--depth', '1', `file://${repository}`, 'shallow')
    const id = await stage.spawn('ada', stage.client('other', { root: join(stage.home, 'shallow') }), { workspace: 'worktree' })
    commit(stage.system.status(stage.me, id).workspace.path, 'more')
    expect(await stage.ask(stage.me, 'get_instance_diff', { instance_id: id })).toMatchObject({ commits_ahead: 1, files: [] })
  })
})

/** Everything git would run for a repository that names it. */
function arm(repository: string, dir: string, trap: string): void {
  const [common, own] = [join(repository, '.git'), git(dir, 'rev-parse', '--absolute-git-dir')]
  for (const setting of [
    'core.fsmonitor', 'filter.evil.clean', 'filter.evil.smudge', 'filter.evil.process', 'diff.external', 'diff.evil.command', 'diff.evil.textconv', 'core.pager', 'pager.diff', 'core.sshCommand', 'gpg.program',
    'core.editor', 'credential.helper', 'remote.origin.uploadpack', 'core.alternateRefsCommand', 'uploadpack.packObjectsHook', 'interactive.diffFilter', 'core.askPass',
  ]) git(repository, 'config', setting, trap)
  git(repository, 'config', 'log.showSignature', 'true')
  git(repository, 'config', 'filter.evil.required', 'true')
  for (const hook of ['post-index-change', 'reference-transaction', 'post-checkout', 'pre-commit', 'fsmonitor-watchman']) {
    mkdirSync(join(common, 'hooks'), { recursive: true })
    writeFileSync(join(common, 'hooks', hook), `#!/bin/sh\n${trap}\n`)
    chmodSync(join(common, 'hooks', hook), 0o755)
  }
  mkdirSync(join(own, 'info'), { recursive: true })
  for (const attributes of [join(dir, '.gitattributes'), join(common, 'info', 'attributes')]) writeFileSync(attributes, '* filter=evil diff=evil\n')
}

test('a repository that names commands for everything has none of them run: not by its status, its diff or its cleaning', async () => {
  const { stage, spawn, write, changes, end, clean, person, repository } = createWorkshop()
  const { id, dir } = await spawn('ada')
  const sprung = join(stage.home, 'sprung')
  const trap = join(stage.home, 'trap')
  writeFileSync(trap, `#!/bin/sh\necho "$0 $*" >> '${sprung}'\nexit 1\n`)
  chmodSync(trap, 0o755)
  // A submodule is a repository more, with a configuration more.
  const inner = createRepository(join(dir, 'inner'))
  git(dir, 'add', 'inner')
  git(dir, 'commit', '--quiet', '-m', 'inner')
  writeFileSync(join(dir, '.gitmodules'), '[submodule "inner"]\n\tpath = inner\n\turl = ../inner\n\tignore = none\n')
  write(inner, 'a.txt', 'changed\n')
  arm(inner, inner, trap)
  arm(repository, dir, trap)
  write(dir, 'a.txt', 'changed\n')
  write(dir, 'new.txt', 'new\n')
  expect(await changes(id)).toMatchObject({ files_changed: 2, untracked: 3 })
  expect(await stage.ask(person, 'get_instance_diff', { instance_id: id })).toMatchObject({ diff: expect.stringContaining('+changed') })
  await end(id)
  expect(await clean()).toMatchObject({ ada: ['kept', expect.stringContaining('uncommitted changes in a.txt'), expect.stringContaining('new.txt'), expect.stringContaining('inner'), expect.stringContaining('commit')] })
  expect(existsSync(sprung)).toBe(false)
  // The trap is one: git itself walks into it.
  expect(() => git(dir, 'status')).toThrow()
  expect(existsSync(sprung)).toBe(true)
})
