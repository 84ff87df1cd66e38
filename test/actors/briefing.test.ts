/** What an agent is started with: whose prompt, what it is told of its place, and where it works. */

import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createRepository, git } from './repositories.ts'
import { createStage, type Stage } from './rig.ts'

type Args = Readonly<Record<string, unknown>>

/** The system prompt that the latest agent was launched with. */
function promptOf({ commands }: Stage): string {
  const started = commands.findLast(command => command.type === 'startAgent')
  return started?.type === 'startAgent' ? started.launch.systemPrompt : ''
}

describe('the system prompt', () => {
  test('ends with the briefing: name, id, role, supervisor, its workspace and that of its supervisor, how tasks and replies come', async () => {
    const stage = createStage()
    const boss = await stage.spawn('boss')
    const kid = await stage.spawn('kid', stage.as(boss), { role: 'architect' })
    const [role = '', place = ''] = promptOf(stage).split('# Your place in a Madrox team')
    const at = (id: AgentId): string => stage.system.status(stage.me, id).workspace.path
    expect(role).toContain('architect')
    for (const word of [`"kid" (id ${kid})`, 'role architect', 'supervisor is "boss"', at(kid), `works in ${at(boss)}; you may read it`, '[MSG:<id>]', 'reply_to_caller(reply_message, correlation_id=<id>)', '[REPLY:<id> from <name>]', 'spawn_multiple_instances', 'delivered again', '[NOTICE from <name>]']) expect(place).toContain(word)
  })

  test('says nothing of agents of its own to one that needs none', async () => {
    const stage = createStage()
    await stage.spawn('leaf', stage.me, { toolset: 'leaf' })
    expect(promptOf(stage)).toContain('reply_to_caller')
    expect(promptOf(stage)).not.toContain('spawn_')
  })

  test("of the caller takes the place of the role's, and of nothing else", async () => {
    const stage = createStage()
    await stage.spawn('ada', stage.me, { role: 'architect', system_prompt: 'You count sheep.' })
    expect(promptOf(stage)).toMatch(/^You count sheep\.\s+# Your place in a Madrox team\nYou are "ada"/)
  })

  test("of a role edited on disk is another's from the next spawn on", async () => {
    const rolesDir = join(createStage().home, 'prompts')
    mkdirSync(rolesDir)
    const stage = createStage({ rolesDir })
    const spawnedWith = async (name: string, text: string): Promise<string> => {
      writeFileSync(join(rolesDir, 'shepherd.md'), `# Shepherd\n\n${text}\n`)
      await stage.spawn(name, stage.me, { role: 'shepherd' })
      return promptOf(stage)
    }
    expect(await spawnedWith('ada', 'Count sheep.')).toContain('Count sheep.')
    expect(await spawnedWith('bob', 'Count goats.')).toContain('Count goats.')
  })
})

test('spawn_agent takes enable_madrox, which users of the original know, and ignores it', async () => {
  const stage = createStage()
  for (const enable_madrox of [true, false]) await stage.spawn(`agent ${enable_madrox}`, stage.me, { enable_madrox })
  expect(stage.system.list(stage.me).map(({ toolset, name }) => [name, toolset])).toEqual([['agent true', 'supervisor'], ['agent false', 'supervisor']])
})

describe('a workspace', () => {
  const spawnIn = async (stage: Stage, root: string, more: Args): Promise<Args> => stage.ask(stage.client('person', { root }), 'spawn_agent', { harness: 'hand', name: 'ada', ...more })

  test.each([
    ['isolated', 'isolated'], ['shared', 'shared'], ['worktree', 'worktree'], ['auto', 'worktree'],
  ])('asked for as %s in a repository is %s, and the result says which, and of a worktree how to bring the work back', async (workspace, kind) => {
    const stage = createStage()
    const root = realpathSync(createRepository(join(stage.home, 'repository')))
    const spawned = await spawnIn(stage, root, { workspace })
    const own = join(realpathSync(stage.home), 'workspaces', String(spawned['instance_id']), 'workspace')
    expect([spawned['workspace_kind'], spawned['workspace']]).toEqual([kind, kind === 'shared' ? root : own])
    expect(['branch' in spawned, 'bring_back' in spawned]).toEqual([kind === 'worktree', kind === 'worktree'])
    expect(git(root, 'branch', '--format=%(refname:short)').split('\n').length).toBe(kind === 'worktree' ? 2 : 1)
  })

  test('asked for as auto outside of a repository is isolated; a path is that path', async () => {
    const stage = createStage()
    expect(await spawnIn(stage, stage.home, { workspace: 'auto' })).toMatchObject({ workspace_kind: 'isolated' })
    expect(await spawnIn(stage, stage.home, { name: 'bob', workspace: stage.home })).toMatchObject({ workspace_kind: 'path', workspace: realpathSync(stage.home) })
  })

  test('of its own stands in <home>/workspaces/<id> beside outputs and metadata.json, for its owner alone, and outlives its agent', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const own = dirname(stage.system.status(stage.me, ada).workspace.path)
    expect(own).toBe(join(realpathSync(stage.home), 'workspaces', ada))
    expect(readdirSync(own).toSorted()).toEqual(['metadata.json', 'outputs', 'workspace'])
    expect(JSON.parse(readFileSync(join(own, 'metadata.json'), 'utf8'))).toEqual({ agent_id: ada, name: 'ada' })
    expect(statSync(own).mode & 0o777).toBe(0o700)
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(readdirSync(own)).toContain('workspace')
    expect((await stage.ask(stage.me, 'list_persisted_instances'))['instances']).toMatchObject([{ instance_id: ada, workspace: join(own, 'workspace') }])
    rmSync(own, { recursive: true })
  })
})
