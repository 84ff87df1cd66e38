/** The user's own configuration of codex: agents read it, and it stays as the user left it, which folders are trusted included. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { codexDrivers, createCodexStage, type CodexStage } from './codex.ts'
import { byCodexDriver, openRig } from './rig.ts'

const git = (cwd: string, ...args: readonly string[]): void => void execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd, stdio: 'ignore' })

function initRepository(dir: string): void {
  git(dir, 'init', '-q')
  git(dir, 'commit', '-q', '--allow-empty', '-m', 'first')
}

test.each(codexDrivers)('%s: config.toml is the same to the byte after spawns with each sandbox mode and workspace, messages, resuming and the end', async name => {
  const rig = await openRig(byCodexDriver(name))
  const project = rig.dir('project')
  initRepository(project)
  const config = (): string => readFileSync(join(rig.codexHome, 'config.toml'), 'utf8')
  const before = config()
  const agents = [
    { name: 'reader', sandbox_mode: 'read-only', workspace: rig.dir('read') },
    { name: 'writer', sandbox_mode: 'workspace-write', workspace: rig.dir('written') },
    { name: 'anyone', sandbox_mode: 'danger-full-access', workspace: project },
    { name: 'free', bypass_isolation: true, workspace: 'isolated' },
    { name: 'brancher', workspace: 'worktree' },
    { name: 'asker', permission_mode: 'on-request', workspace: 'isolated' },
  ]
  const client = await rig.connect({ name: 'user', roots: [project] })
  expect(await client.call('spawn_multiple_instances', { instances: agents.map(agent => ({ instance_type: 'codex', ...agent })) })).toMatchObject({ errors: [] })
  const askAll = async (): Promise<void> => {
    const { results } = await client.call('send_to_multiple_instances', { instance_ids: agents.map(({ name: to }) => to), message: 'hello', wait_for_responses: true })
    expect(results?.map(({ status }) => status)).toEqual(agents.map(() => 'answered'))
  }
  await askAll()
  expect(config()).toBe(before)
  await Promise.all(agents.map(agent => client.call('suspend_instance', { instance_id: agent.name })))
  await askAll()
  await rig.restart('SIGKILL')
  await askAll()
  await client.call('terminate_all')
  await rig.stop()
  expect(config()).toBe(before)
})

describe.each(codexDrivers)('%s: whom the user trusts', driver => {
  let stage: CodexStage
  afterEach(() => stage.close())

  /** Which model an agent there asks: a folder's own configuration, where it counts, names `theirs`. */
  const modelOf = async (agentId: string, cwd: string): Promise<string | undefined> => {
    mkdirSync(join(cwd, '.codex'), { recursive: true })
    writeFileSync(join(cwd, '.codex', 'config.toml'), 'model = "theirs"\n')
    await stage.start(agentId, { cwd })
    await stage.run(agentId, 'hello')
    return stage.api.requests.at(-1)?.view.model
  }
  const trust = (dir: string, level: string): void => {
    const path = join(stage.home.codexHome, 'config.toml')
    writeFileSync(path, `${readFileSync(path, 'utf8')}[projects."${dir}"]\ntrust_level = "${level}"\n`)
  }

  test('holds for a folder, for what is below it in a repository, and for the worktrees of that', async () => {
    stage = await createCodexStage({ driver })
    const [folder, repository, worktree] = ['folder', 'repository', 'worktree'].map(name => join(stage.home.dir, name)) as [string, string, string] // three in, three out
    for (const dir of [folder, repository]) mkdirSync(dir)
    initRepository(repository)
    git(repository, 'worktree', 'add', '-q', worktree)
    trust(folder, 'trusted')
    trust(repository, 'trusted')
    const before = readFileSync(join(stage.home.codexHome, 'config.toml'), 'utf8')
    expect(await modelOf('ada', folder)).toBe('theirs')
    expect(await modelOf('bob', join(repository, 'below'))).toBe('theirs')
    expect(await modelOf('cyd', worktree)).toBe('theirs')
    expect(readFileSync(join(stage.home.codexHome, 'config.toml'), 'utf8')).toBe(before)
  })

  test('nobody else does: where nothing is said, or no, the own configuration of the folder does not count', async () => {
    stage = await createCodexStage({ driver })
    const [repository, folder, outer, mistrusted] = ['repository', 'folder', 'outer', 'mistrusted'].map(name => join(stage.home.dir, name)) as [string, string, string, string] // four in, four out
    for (const dir of [repository, folder, outer, mistrusted]) mkdirSync(dir)
    initRepository(repository)
    trust(outer, 'trusted')
    trust(mistrusted, 'untrusted')
    expect(await modelOf('ada', repository)).toBe('fake-model')
    expect(await modelOf('bob', folder)).toBe('fake-model')
    // Codex's trust goes no further than a repository.
    expect(await modelOf('cyd', join(outer, 'below'))).toBe('fake-model')
    expect(await modelOf('dan', mistrusted)).toBe('fake-model')
  })
})
