/** Repositories for tests, and agents with worktrees of them. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentId } from '../../src/ids.ts'
import type { Caller } from '../../src/messages.ts'
import { createStage, type Stage, type StageOptions } from './rig.ts'

// Tests may run from a hook of git's own, which says where its repository is.
const ownEnvironment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')))
const author = { GIT_AUTHOR_NAME: 'Test', GIT_AUTHOR_EMAIL: 'test@localhost', GIT_COMMITTER_NAME: 'Test', GIT_COMMITTER_EMAIL: 'test@localhost' }

export const git = (dir: string, ...args: string[]): string => execFileSync('git', ['-C', dir, ...args], { encoding: 'utf8', env: { ...ownEnvironment, ...author, GIT_CONFIG_GLOBAL: '/dev/null' }, stdio: ['ignore', 'pipe', 'pipe'] }).trim()

export function createRepository(dir: string, files: Readonly<Record<string, string>> = { 'a.txt': 'one\ntwo\n', '.gitignore': 'ignored/\n*.log\n' }): string {
  mkdirSync(dir)
  git(dir, 'init', '--quiet', '--initial-branch', 'main')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  commit(dir, 'first')
  return dir
}

export function commit(dir: string, message: string): void {
  git(dir, 'add', '-A')
  git(dir, 'commit', '--quiet', '--allow-empty', '-m', message)
}

export interface Workshop {
  readonly stage: Stage
  readonly repository: string
  readonly person: Caller & { kind: 'client' }
  /** An agent with a worktree of the repository. */
  spawn(name: string): Promise<{ readonly id: AgentId; readonly dir: string; readonly branch: string }>
  write(dir: string, name: string, text: string): void
  changes(id: AgentId): Promise<unknown>
  end(...ids: AgentId[]): Promise<void>
  /** What `clean_workspaces` says of each agent: its verdict and reasons. */
  clean(dryRun?: boolean): Promise<Record<string, readonly string[]>>
}

export function createWorkshop(options: StageOptions = {}): Workshop {
  const stage = createStage(options)
  const repository = createRepository(join(stage.home, 'repository'))
  const person = stage.client('person', { root: repository })
  return {
    stage, repository, person,
    spawn: async name => {
      const id = await stage.spawn(name, person, { workspace: 'worktree' })
      const { path, branch } = stage.system.status(person, id).workspace
      return { id, dir: path, branch: branch ?? '' }
    },
    write: (dir, name, text) => {
      mkdirSync(join(dir, name, '..'), { recursive: true })
      writeFileSync(join(dir, name), text)
    },
    changes: async id => (await stage.ask(person, 'get_instance_status', { instance_id: id }))['changes'],
    end: async (...ids) => {
      for (const id of ids) await stage.ask(person, 'terminate_instance', { instance_id: id })
    },
    clean: async (dryRun = false) => {
      const { workspaces } = (await stage.ask(person, 'clean_workspaces', { dry_run: dryRun })) as { workspaces: { name: string; verdict: string; reasons: string[] }[] } // the tool's own output
      return Object.fromEntries(workspaces.map(({ name, verdict, reasons }) => [name, [verdict, ...reasons]]))
    },
  }
}
