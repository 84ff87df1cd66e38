/** clean_workspaces: what of ended agents is removed, and all that keeps it from being removed. */

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { commit, createRepository, createWorkshop, git, type Workshop } from './repositories.ts'

const branches = (repository: string): readonly string[] => git(repository, 'branch', '--format=%(refname:short)').split('\n')

describe('clean_workspaces removes', () => {
  test('an untouched worktree whole: its files, its branch, and what its repository knew of it', async () => {
    const { stage, spawn, end, clean, repository } = createWorkshop()
    const { id, dir } = await spawn('ada')
    await end(id)
    expect(await clean(true)).toEqual({ ada: ['removable'] })
    expect(existsSync(dir)).toBe(true)
    expect(await clean()).toEqual({ ada: ['removed'] })
    expect(existsSync(dirname(dir))).toBe(false)
    expect(branches(repository)).toEqual(['main'])
    expect(git(repository, 'worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(1)
    expect(await clean()).toEqual({})
    expect((await stage.ask(stage.me, 'get_audit_logs', { event: 'workspace_removed' }))['entries']).toMatchObject([{ instance_id: id, path: dir, by: expect.stringMatching(/^client:/) }])
  })

  test('a worktree whose work was merged', async () => {
    const { spawn, write, end, clean, repository } = createWorkshop()
    const { id, dir, branch } = await spawn('ada')
    write(dir, 'b.txt', 'b\n')
    commit(dir, 'b')
    git(repository, 'merge', '--quiet', branch)
    await end(id)
    expect(await clean()).toEqual({ ada: ['removed'] })
    expect(existsSync(join(repository, 'b.txt'))).toBe(true)
  })

  test('a worktree with nothing but ignored files, and tells how many', async () => {
    const { stage, person, spawn, write, end } = createWorkshop()
    const { id, dir } = await spawn('ada')
    write(dir, 'ignored/built.o', '')
    write(dir, 'run.log', '')
    await end(id)
    expect(await stage.ask(person, 'clean_workspaces')).toMatchObject({ dry_run: true, total: 1, workspaces: [{ name: 'ada', verdict: 'removable', ignored: 2 }] })
  })

  test('a worktree whose commits were amended or rebased before they were merged', async () => {
    const { spawn, write, end, clean, repository } = createWorkshop()
    const { id, dir, branch } = await spawn('ada')
    write(dir, 'b.txt', 'b\n')
    commit(dir, 'b')
    write(dir, 'b.txt', 'better\n')
    git(dir, 'commit', '--quiet', '-a', '--amend', '-m', 'better')
    commit(repository, 'meanwhile')
    git(dir, 'rebase', '--quiet', 'main')
    git(repository, 'merge', '--quiet', branch)
    await end(id)
    expect(await clean()).toEqual({ ada: ['removed'] })
  })

  test('an empty directory of its own', async () => {
    const { stage, person, end, clean } = createWorkshop()
    const id = await stage.spawn('ada', person)
    const { path } = stage.system.status(person, id).workspace
    await end(id)
    expect(await clean()).toEqual({ ada: ['removed'] })
    expect(existsSync(dirname(path))).toBe(false)
  })

  test('what an earlier server had begun to remove', async () => {
    const { spawn, end, clean } = createWorkshop()
    const [ada, eve] = [await spawn('ada'), await spawn('eve')]
    await end(ada.id, eve.id)
    renameSync(ada.dir, `${ada.dir}.checking`)
    renameSync(eve.dir, `${eve.dir}.removing`)
    rmSync(join(`${eve.dir}.removing`, 'a.txt'))
    expect(await clean()).toEqual({ ada: ['removed'], eve: ['removed'] })
    expect([existsSync(dirname(ada.dir)), existsSync(dirname(eve.dir))]).toEqual([false, false])
  })
})

type Given = (workshop: Workshop, agent: Awaited<ReturnType<Workshop['spawn']>>) => void

const kept: readonly (readonly [what: string, reason: string, given: Given])[] = [
  ['an uncommitted change', 'uncommitted changes in a.txt', ({ write }, { dir }) => write(dir, 'a.txt', 'changed\n')],
  ['a change that git was told to overlook', 'uncommitted changes in a.txt', ({ write }, { dir }) => {
    git(dir, 'update-index', '--assume-unchanged', 'a.txt')
    write(dir, 'a.txt', 'changed\n')
  }],
  ['a deletion', 'uncommitted changes in a.txt', (_, { dir }) => rmSync(join(dir, 'a.txt'))],
  ['an untracked file', 'untracked files: new/b.txt', ({ write }, { dir }) => write(dir, 'new/b.txt', '')],
  ['what is staged and changed back', 'staged changes in a.txt', ({ write }, { dir }) => {
    write(dir, 'a.txt', 'changed\n')
    git(dir, 'add', 'a.txt')
    write(dir, 'a.txt', 'one\ntwo\n')
  }],
  ['a commit that was not merged', 'a commit in no other branch', (_, { dir }) => commit(dir, 'unmerged')],
  ['a commit on no branch', 'a commit in no other branch', (_, { dir }) => {
    git(dir, 'checkout', '--quiet', '--detach')
    commit(dir, 'detached')
  }],
  ['a commit left behind on no branch', 'a commit in no other branch', (_, { dir, branch }) => {
    git(dir, 'checkout', '--quiet', '--detach')
    commit(dir, 'detached')
    git(dir, 'checkout', '--quiet', branch)
  }],
  ['a commit that was reset away', 'a commit in no other branch', (_, { dir }) => {
    commit(dir, 'reset')
    git(dir, 'reset', '--quiet', '--hard', 'HEAD~1')
  }],
  ['a commit on another branch of its own', 'a commit in no other branch', (_, { dir }) => {
    git(dir, 'checkout', '--quiet', '-b', 'idea')
    commit(dir, 'idea')
  }],
  ['a stash', 'a stash made here', ({ write }, { dir }) => {
    write(dir, 'a.txt', 'changed\n')
    git(dir, 'stash', '--quiet')
  }],
  ['a stash made on no branch', 'a stash made here', ({ write }, { dir }) => {
    git(dir, 'checkout', '--quiet', '--detach')
    write(dir, 'a.txt', 'changed\n')
    git(dir, 'stash', '--quiet')
  }],
  ['a merge under way', 'a merge is in place', ({ repository, write }, { dir }) => {
    write(repository, 'c.txt', 'c\n')
    commit(repository, 'c')
    git(dir, 'merge', '--quiet', '--no-ff', '--no-commit', 'main')
  }],
  ['a lock', 'a lock', ({ repository }, { dir }) => void git(repository, 'worktree', 'lock', dir)],
  ['a clone within ignored files', 'repositories of their own among ignored files: ignored/', (_, { dir }) => {
    mkdirSync(join(dir, 'ignored'))
    createRepository(join(dir, 'ignored', 'clone'))
  }],
  ['a repository among its files', 'untracked files: clone/', (_, { dir }) => void createRepository(join(dir, 'clone'))],
  ['files in outputs', '1 files in outputs', (_, { dir }) => writeFileSync(join(dir, '..', 'outputs', 'report.md'), '')],
  ['something beside it', 'other things beside it: notes', (_, { dir }) => writeFileSync(join(dir, '..', 'notes'), '')],
  ['a repository that is gone', 'is gone', ({ repository }) => renameSync(repository, `${repository}-moved`)],
  ['a repository that forgot it', 'no worktree of', ({ repository }, { dir }) => {
    rmSync(join(repository, '.git', 'worktrees'), { recursive: true })
    expect(existsSync(dir)).toBe(true)
  }],
  ['the place of another', 'not a worktree that its repository knows', ({ repository, stage }, { dir }) => {
    rmSync(dir, { recursive: true })
    git(repository, 'worktree', 'prune')
    git(repository, 'worktree', 'add', '--quiet', '-b', 'other', join(stage.home, 'elsewhere'))
    mkdirSync(dir)
    writeFileSync(join(dir, '.git'), `gitdir: ${join(repository, '.git', 'worktrees', 'elsewhere')}\n`)
  }],
]

describe('clean_workspaces keeps a worktree that holds', () => {
  test.each(kept)('%s', async (_what, reason, given) => {
    const workshop = createWorkshop()
    const agent = await workshop.spawn('ada')
    given(workshop, agent)
    const before = readdirSync(agent.dir)
    await workshop.end(agent.id)
    for (const dryRun of [true, false]) expect(await workshop.clean(dryRun)).toEqual({ ada: expect.arrayContaining(['kept', expect.stringContaining(reason)]) })
    expect(readdirSync(agent.dir)).toEqual(before)
  })
})

describe('clean_workspaces', () => {
  test('leaves living agents, and directories that are not its own, alone', async () => {
    const { stage, person, spawn, end, clean, repository } = createWorkshop()
    await spawn('living')
    const shared = await stage.spawn('shared', person, { workspace: 'shared' })
    const given = await stage.spawn('given', person, { workspace: repository })
    await end(shared, given)
    expect(await clean()).toEqual({})
    expect(existsSync(join(repository, 'a.txt'))).toBe(true)
  })

  test('keeps files of a directory without git, and a repository made there', async () => {
    const { stage, person, end, clean, write } = createWorkshop()
    const [ada, eve] = [await stage.spawn('ada', person), await stage.spawn('eve', person)]
    write(stage.system.status(person, ada).workspace.path, 'notes.md', '')
    git(stage.system.status(person, eve).workspace.path, 'init', '--quiet')
    await end(ada, eve)
    expect(await clean()).toEqual({ ada: ['kept', expect.stringContaining('no other copy')], eve: ['kept', expect.stringContaining('no other copy')] })
  })

  test('keeps what a living agent works in, and removes it when that one has ended', async () => {
    const { stage, spawn, end, clean, person } = createWorkshop()
    const ada = await spawn('ada')
    const guest = await stage.spawn('guest', person, { workspace: ada.dir })
    await end(ada.id)
    expect(await clean()).toEqual({ ada: ['kept', '"guest" works in it'] })
    await end(guest)
    expect(await clean()).toEqual({ ada: ['removed'] })
  })

  test('an agent that lives again keeps its workspace, and one whose workspace is gone cannot', async () => {
    const { stage, spawn, end, person } = createWorkshop()
    const [ada, eve] = [await spawn('ada'), await spawn('eve')]
    for (const { id } of [ada, eve]) {
      await stage.ask(person, 'send_to_instance', { instance_id: id, message: 'x', wait_for_response: false })
      stage.turn(id, 'done')
    }
    await end(ada.id, eve.id)
    let resumed: Promise<string> | undefined
    const progress = (message: string): void => void (resumed ??= message.endsWith(' ada') ? stage.refusal(person, 'resume_instance', { instance_id: ada.id }) : undefined)
    const left = await stage.system.cleanWorkspaces(person, { dryRun: false, signal: new AbortController().signal, progress })
    expect(left.map(({ name, verdict, reasons }) => [name, verdict, ...reasons])).toEqual([['eve', 'removed'], ['ada', 'kept', '"ada" works in it']])
    expect(await resumed).toBe('ok')
    expect(existsSync(ada.dir)).toBe(true)
    expect(await stage.refusal(person, 'resume_instance', { instance_id: eve.id })).toBe('agent_ended')
  })

  test('removes a worktree made from another first, and keeps that one while the first is kept', async () => {
    const { stage, spawn, end, clean, write } = createWorkshop()
    const lead = await spawn('lead')
    const kid = await stage.spawn('kid', stage.as(lead.id), { workspace: 'worktree' })
    const { path } = stage.system.status(stage.me, kid).workspace
    write(path, 'new.txt', '')
    await end(lead.id)
    expect(await clean()).toEqual({ kid: ['kept', 'untracked files: new.txt'], lead: ['kept', 'the worktree of "kid" was made from it'] })
    rmSync(join(path, 'new.txt'))
    expect(await clean()).toEqual({ kid: ['removed'], lead: ['removed'] })
  })

  test('keeps the last of two that hold the same unmerged commit', async () => {
    const { spawn, end, clean } = createWorkshop()
    const [ada, eve] = [await spawn('ada'), await spawn('eve')]
    commit(ada.dir, 'both')
    git(eve.dir, 'merge', '--quiet', ada.branch)
    await end(ada.id, eve.id)
    const verdicts = { eve: ['removable'], ada: ['kept', expect.stringContaining('a commit in no other branch')] }
    expect(await clean(true)).toEqual(verdicts)
    expect(await clean()).toEqual({ ...verdicts, eve: ['removed'] })
    expect(git(ada.dir, 'log', '--format=%s', '-1')).toBe('both')
  })

  test('is for those below an agent, and of others it says nothing', async () => {
    const { stage, spawn, end } = createWorkshop()
    const [lead, other] = [await spawn('lead'), await spawn('other')]
    const kid = await stage.spawn('kid', stage.as(lead.id))
    await end(other.id, kid)
    expect((await stage.ask(stage.as(lead.id), 'clean_workspaces'))['workspaces']).toMatchObject([{ instance_id: kid }])
  })

  test('of two calls at once removes each but once', async () => {
    const { spawn, end, clean } = createWorkshop()
    const [ada, eve] = [await spawn('ada'), await spawn('eve')]
    await end(ada.id, eve.id)
    expect(await Promise.all([clean(), clean()])).toEqual([{ ada: ['removed'], eve: ['removed'] }, {}])
  })

  test('cancelled before anything was removed is refused; after that it says what was, and leaves the rest', async () => {
    const { stage, person, spawn, end, clean } = createWorkshop()
    const [ada, eve] = [await spawn('ada'), await spawn('eve')]
    await end(ada.id, eve.id)
    expect(await stage.call(person, 'clean_workspaces', { dry_run: false }, { signal: AbortSignal.abort() })).toMatchObject({ ok: false, error: { code: 'unavailable' } })
    const giving = new AbortController()
    const cut = await stage.call(person, 'clean_workspaces', { dry_run: false }, { signal: giving.signal, progress: () => giving.abort() })
    expect(cut).toMatchObject({ ok: true, data: { workspaces: [{ name: 'eve', verdict: 'removed' }] } })
    expect(await clean()).toEqual({ ada: ['removed'] })
  })
})

describe('a spawn that failed', () => {
  /** With what lies in its worktree when it fails. */
  async function failedSpawn(name: string, lies: (dir: string) => void) {
    const workshop = createWorkshop({ byHand: [name] })
    const { stage, person } = workshop
    const spawned = stage.call(person, 'spawn_agent', { harness: 'hand', name, workspace: 'worktree' })
    await expect.poll(() => stage.commands[0]?.agentId).toBeDefined()
    const id = stage.commands[0]?.agentId as AgentId // the id it was started under
    lies(stage.system.status(person, id).workspace.path)
    stage.fact(id, { type: 'startFailed', code: 'cli_missing', detail: 'No such program.' })
    expect(await spawned).toMatchObject({ ok: false, error: { code: 'spawn_failed' } })
    return workshop
  }

  test('leaves no worktree and no branch in the repository', async () => {
    const { repository, clean } = await failedSpawn('ada', () => {})
    expect([branches(repository), git(repository, 'worktree', 'list', '--porcelain').match(/^worktree /gm)?.length, await clean(true)]).toEqual([['main'], 1, {}])
  })

  test('leaves the worktree in which something came to lie', async () => {
    const { clean } = await failedSpawn('ada', dir => writeFileSync(join(dir, 'kept.txt'), ''))
    expect(await clean(true)).toEqual({ ada: ['kept', expect.any(String)] })
  })
})
