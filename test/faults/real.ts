/** Real claude and codex beside scripted agents for the storm, with model APIs that die as well, and the comparison of what was spent. */

import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { killLiving } from '../contracts/processes.ts'
import { claudeBin } from '../e2e/claude-setup.ts'
import { createCodexHome, findCodexBin } from '../e2e/codex.ts'
import { callTool as claudeCall, say as claudeSay, startFakeAnthropic, type FakeAnthropic } from '../fakes/anthropic/index.ts'
import { callTool as codexCall, say as codexSay, startFakeOpenAI, type FakeOpenAI } from '../fakes/openai/index.ts'
import type { Session } from './client.ts'
import { openJournal, type Journal } from './journal.ts'
import { judge, type Verdict } from './judge.ts'
import type { Task } from './mail.ts'
import { createPids, type Pids } from './pids.ts'
import { createChance, type Chance } from './random.ts'
import { claudeBeyond, codexBeyond, readClaude, readCodex } from './spent.ts'
import { runStorm, type StormReport } from './storm.ts'
import { wakeAll } from './wake.ts'

export interface RealStorm {
  readonly verdict: Verdict
  readonly report: StormReport
  /** Where usage on record is not what the CLIs' own files hold, or what the API served beyond them is not shown as unreported. */
  readonly usage: readonly string[]
  /** Calls the APIs served that stand in no transcript. */
  readonly beyond: number
  /** Turns shown as unreported. */
  readonly unreported: number
  readonly seconds: number
}

const claudes = ['claude-0', 'claude-1']
const codexes = ['codex-0', 'codex-1', 'codex-2']
const scripted = ['agent-0', 'agent-1', 'agent-2', 'agent-3', 'agent-4']
const team = [...claudes, ...codexes, ...scripted]
const asked = /please answer (\S+) by (tool|words)/
/** A killed API comes back within this time. Milliseconds. */
const downMs = 300

interface Apis {
  readonly anthropic: FakeAnthropic
  readonly openai: FakeOpenAI
}

export async function runRealStorm({ cli, kills, seed }: { readonly cli: string; readonly kills: number; readonly seed: number }): Promise<RealStorm> {
  const began = Date.now()
  const chance = createChance(seed)
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-faults-')))
  const dir = (name: string): string => {
    mkdirSync(join(root, name), { recursive: true })
    return join(root, name)
  }
  const pids = createPids(dir('pids'), root)
  const journal = openJournal(join(root, 'journal.jsonl'))
  const apis = await startApis()
  const codex = createCodexHome(apis.openai.url)
  const found: Found = { usage: [], beyond: 0, unreported: 0 }
  try {
    const report = await runStorm({
      root, kills, chance, journal, pids,
      launch: {
        cli, args: ['--max-instances', '100', '--child-env', 'FAKE_KEY'],
        env: {
          PATH: process.env['PATH'], LANG: 'C.UTF-8', HOME: dir('user'),
          MADROX_CLAUDE_BIN: noting(dir('bin'), 'claude', claudeBin, pids), CLAUDE_CONFIG_DIR: dir('claude'), ANTHROPIC_BASE_URL: apis.anthropic.url, ANTHROPIC_AUTH_TOKEN: 'x', CLAUDE_CODE_MAX_RETRIES: '0',
          MADROX_CODEX_BIN: noting(dir('bin'), 'codex', findCodexBin(), pids), CODEX_HOME: codex.codexHome, FAKE_KEY: 'no-secret',
        },
      },
      underWay: 2 * team.length,
      harnesses: ['claude', 'codex'],
      spawn: session => spawnTeam(session, pids),
      nextTask: number => toTask(number, chance),
      strike: { oneIn: 1, now: createStrikes(apis, pids, journal, chance) },
      finale: async session => {
        const toReal = [...claudes, ...codexes].map(to => ({ to, text: `please answer awake-${to} by words`, expected: `awake-${to}` }))
        await wakeAll(session, journal, [...scripted.map(to => ({ to, text: 'say awake', expected: 'awake' })), ...toReal])
        await compare(session, apis, { claude: join(root, 'claude'), codex: codex.codexHome }, found)
      },
    })
    return { verdict: judge(journal.entries), report, ...found, seconds: (Date.now() - began) / 1000 }
  } finally {
    killLiving(pids.alive())
    await Promise.all([apis.anthropic.close(), apis.openai.close()])
    codex.remove()
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function startApis(): Promise<Apis> {
  const words = (text: string): { unique: string; byTool: boolean } => {
    const [, unique = '', how] = asked.exec(text) ?? []
    return { unique, byTool: how === 'tool' }
  }
  const reply = (unique: string, message: { readonly id: string } | undefined) => ['mcp__madrox__reply_to_caller', { reply_message: unique, correlation_id: message?.id ?? '' }] as const
  const anthropic = await startFakeAnthropic({
    script: [{ when: asked, then: ({ lastUserText, message }) => (words(lastUserText).byTool ? [claudeCall(...reply(words(lastUserText).unique, message))] : [claudeSay(words(lastUserText).unique)]) }],
  })
  const openai = await startFakeOpenAI({
    script: [{ when: asked, then: ({ lastUserText, message }) => (words(lastUserText).byTool ? [codexCall(...reply(words(lastUserText).unique, message))] : [codexSay(words(lastUserText).unique)]) }],
  })
  return { anthropic, openai }
}

/** The program, by way of one that first notes its pid, which stays the same. */
function noting(bin: string, name: string, program: string, pids: Pids): string {
  const path = join(bin, name)
  writeFileSync(path, `#!/bin/sh\necho $$ >> '${pids.fileOf(name)}'\nexec '${program}' "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

async function spawnTeam(session: Session, pids: Pids): Promise<void> {
  await session.call('spawn_agent', { harness: 'scripted', name: 'chief', bypass_isolation: true, supervision: { max_restarts: 100, within_seconds: 1 } })
  const common = { restart: 'permanent', workspace: 'isolated' }
  const instances = [
    ...claudes.map(name => ({ name, instance_type: 'claude', ...common })),
    ...codexes.map(name => ({ name, instance_type: 'codex', ...common })),
    ...scripted.map(name => ({ name, instance_type: 'scripted-pty', ...common, script: { misbehave: { pidFile: pids.fileOf(name) } } })),
  ]
  const { errors } = await session.call('spawn_multiple_instances', { instances, parent_instance_id: 'chief' })
  if (Array.isArray(errors) && errors.length > 0) throw new Error(`Agents could not be spawned: ${JSON.stringify(errors)}`)
}

/** Two of three to the real CLIs. */
function toTask(number: number, chance: Chance): Task {
  const unique = `answer-${number}-${Math.floor(chance.next() * 1e9).toString(36)}`
  if (chance.below(3) === 0) return { to: chance.pick(scripted), text: `echo ${unique}`, expected: unique }
  return { to: chance.pick([...claudes, ...codexes]), text: `please answer ${unique} by ${chance.pick(['tool', 'words'])}`, expected: unique }
}

/** In turn, as far as they live: the CLI of one agent, the app-server of all codex agents, both model APIs. */
function createStrikes({ anthropic, openai }: Apis, pids: Pids, journal: Journal, chance: Chance): () => Promise<void> {
  const kill = (what: 'cli' | 'app-server', of: string) => ({
    isThere: () => pids.alive(of).length > 0,
    now: async (): Promise<void> => {
      killLiving(pids.alive(of).slice(-1))
      journal.note({ type: 'killed', what })
    },
  })
  const apiFalls = async (): Promise<void> => {
    journal.note({ type: 'killed', what: 'api' })
    await Promise.all([anthropic.fall(), openai.fall()])
    await delay(chance.below(downMs))
    await Promise.all([anthropic.rise(), openai.rise()])
    journal.note({ type: 'risen' })
  }
  const faults = [kill('app-server', 'codex'), kill('cli', 'claude'), { isThere: () => true, now: apiFalls }]
  return async () => {
    const next = faults.find(fault => fault.isThere())
    if (!next) return
    faults.push(...faults.splice(faults.indexOf(next), 1))
    await next.now()
  }
}

interface Found {
  usage: string[]
  beyond: number
  unreported: number
}

async function compare(session: Session, { anthropic, openai }: Apis, dirs: { readonly claude: string; readonly codex: string }, found: Found): Promise<void> {
  for (const name of [...claudes, ...codexes]) {
    const status = await session.call('get_instance_status', { instance_id: name })
    const sessionId = String(status['session_id'])
    const isClaude = claudes.includes(name)
    const claude = readClaude(dirs.claude, sessionId)
    const codex = readCodex(dirs.codex, sessionId)
    const expected = isClaude ? claude.spent : codex.spent
    const beyond = isClaude ? claudeBeyond(anthropic, sessionId, claude.calls) : codexBeyond(openai, sessionId, codex.calls)
    const unreported = Number(status['usage_unreported'])
    found.beyond += beyond
    found.unreported += unreported
    if (JSON.stringify(status['usage']) !== JSON.stringify(expected)) found.usage.push(`${name}: on record ${JSON.stringify(status['usage'])}, in its own files ${JSON.stringify(expected)}`)
    if (expected.input_tokens === 0) found.usage.push(`${name} has spent nothing, or its files were not found`)
    if (beyond > unreported) found.usage.push(`${name}: the API served ${beyond} calls beyond its own files, and ${unreported} are shown as unreported`)
  }
}
