/** Where real Claude Code sessions work: beside their client's repository, within reach of their supervisor's files, and in nobody's way. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRig, type Rig } from './rig.ts'

const git = (dir: string, ...args: string[]): string => execFileSync('git', ['-C', dir, ...args], { encoding: 'utf8', env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' } }).trim()

/** A repository with one commit, and a client that stands in it. */
async function openInRepository(): Promise<{ rig: Rig; repository: string }> {
  const rig = await openRig()
  const repository = rig.dir('repository')
  git(repository, 'init', '--quiet', '--initial-branch', 'main')
  git(repository, 'config', 'user.name', 'Test')
  git(repository, 'config', 'user.email', 'test@localhost')
  writeFileSync(join(repository, 'plan.md'), 'the plan\n')
  git(repository, 'add', '-A')
  git(repository, 'commit', '--quiet', '-m', 'first')
  const client = await rig.connect({ name: 'person', roots: [repository] })
  return { rig: { ...rig, ...client }, repository }
}

async function appears(dir: string, name: string): Promise<void> {
  const events = watch(dir)
  try {
    if (!existsSync(join(dir, name))) await new Promise<void>(found => events.on('change', (_, changed) => changed === name && found()))
  } finally {
    events.close()
  }
}

test("by itself, an agent gets a worktree of its client's repository, and its work is brought back as the spawn said", async () => {
  const { rig, repository } = await openInRepository()
  const ada = await rig.call('spawn_claude', { name: 'ada' })
  expect(ada).toMatchObject({ workspace_kind: 'worktree', branch: expect.stringMatching(/^madrox\/ada-/) })
  const workspace = String(ada.workspace)
  expect(git(repository, 'worktree', 'list')).toContain(workspace)
  expect(await rig.call('send_to_instance', { instance_id: 'ada', message: 'do: bash cat plan.md && echo more >> plan.md && git status --short\nreply worked' })).toMatchObject({ response: 'worked' })
  expect(rig.anthropic.requests[1]?.view.lastToolResults[0]?.text).toMatch(/^the plan\n M plan\.md$/m)
  expect(readFileSync(join(repository, 'plan.md'), 'utf8')).toBe('the plan\n')
  // Killed inside a sandboxed command, with what its sandbox had put into the directory still there.
  await rig.call('send_to_instance', { instance_id: 'ada', message: 'do: bash echo under way > notes.md; sleep 600', wait_for_response: false })
  await appears(workspace, 'notes.md')
  expect(existsSync(join(workspace, '.bashrc'))).toBe(true)
  await rig.call('terminate_instance', { instance_id: 'ada', force: true })

  const commands = /To bring it back: (.*), then (.*)\.$/.exec(String(ada.bring_back))?.slice(1) ?? []
  expect(commands).toHaveLength(2)
  for (const command of commands) execFileSync('sh', ['-c', command.replace('…', 'work of ada')])
  expect(readFileSync(join(repository, 'plan.md'), 'utf8')).toBe('the plan\nmore\n')
  expect(git(repository, 'show', '--name-only', '--format=%s', 'HEAD')).toBe('work of ada\n\nnotes.md\nplan.md')
})

test("shared means the client's own directory, isolated an empty one, and a path what it says", async () => {
  const { rig, repository } = await openInRepository()
  expect(await rig.call('spawn_claude', { name: 'ada', workspace: 'shared' })).toMatchObject({ workspace: repository, workspace_kind: 'shared' })
  await rig.call('send_to_instance', { instance_id: 'ada', message: `do: call Write ${JSON.stringify({ file_path: join(repository, 'by-ada'), content: 'x' })}` })
  expect(existsSync(join(repository, 'by-ada'))).toBe(true)
  const bob = await rig.call('spawn_claude', { name: 'bob', workspace: 'isolated' })
  expect(String(bob.workspace).startsWith(rig.home)).toBe(true)
  expect(readdirSync(String(bob.workspace)).filter(name => !name.startsWith('.'))).toEqual([])
  const place = rig.dir('elsewhere')
  expect(await rig.call('spawn_claude', { name: 'cid', workspace: place })).toMatchObject({ workspace: place })
})

test("a child reads its supervisor's workspace, cannot write it, and works on a branch of its own", async () => {
  const { rig } = await openInRepository()
  const top = await rig.call('spawn_claude', { name: 'top' })
  const above = String(top.workspace)
  await rig.call('send_to_instance', { instance_id: 'top', message: 'do: bash echo unfinished > draft.md' })
  await rig.call('send_to_instance', { instance_id: 'top', message: 'do: call mcp__madrox__spawn_claude {"name": "low"}' })
  const low = await rig.call('get_instance_status', { instance_id: 'low' })
  expect(low.workspace).toMatchObject({ kind: 'worktree', branch: expect.stringMatching(/^madrox\/low-/) })
  const attempts = `bash cat ${above}/draft.md; echo x > ${above}/by-bash\ncall Write ${JSON.stringify({ file_path: `${above}/by-write`, content: 'x' })}\ncall Read ${JSON.stringify({ file_path: `${above}/draft.md` })}`
  expect(await rig.call('send_to_instance', { instance_id: 'low', message: `do: ${attempts}\nreply tried` })).toMatchObject({ response: 'tried' })
  const results = rig.anthropic.requests.filter(request => request.view.lastUserText.includes('reply tried')).flatMap(request => request.view.lastToolResults)
  expect(results.slice(0, 3).map(result => [result.name, result.text.includes('unfinished')])).toEqual([['Bash', true], ['Write', false], ['Read', true]])
  expect(['by-bash', 'by-write'].filter(name => existsSync(join(above, name)))).toEqual([])
  expect(rig.anthropic.requests.at(-1)?.view.systemText).toContain(above)
})
