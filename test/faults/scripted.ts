/** A team of scripted agents in real terminals for the storm, and what it has to say for itself in the end. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killLiving } from '../contracts/processes.ts'
import type { Session } from './client.ts'
import { openJournal, type Journal } from './journal.ts'
import { judge, type Verdict } from './judge.ts'
import type { Task } from './mail.ts'
import { createPids, type Pids } from './pids.ts'
import { createChance, type Chance } from './random.ts'
import { runStorm, type StormReport } from './storm.ts'
import { wakeAll } from './wake.ts'

export interface ScriptedStormOptions {
  readonly cli: string
  readonly kills: number
  readonly seed: number
  readonly agents?: number
  readonly silenceMs?: number
}

export interface ScriptedStorm {
  readonly verdict: Verdict
  readonly report: StormReport
  /** Where usage on record is not what the agents' own transcripts hold. */
  readonly usage: readonly string[]
  /** Tasks that an agent's transcript shows given again without a word of that. */
  readonly unmarked: readonly string[]
  readonly seconds: number
}

export type Complaints = Readonly<Record<'lost' | 'duplicated' | 'wrong' | 'orphans' | 'usage' | 'unmarked', readonly string[]>>

export const complaintsOf = ({ verdict: { lost, duplicated, wrong }, report: { orphans }, usage, unmarked }: ScriptedStorm): Complaints => ({ lost, duplicated, wrong, orphans, usage, unmarked })

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `agent-${index}`)

/** The first take a prompt and say nothing of it for seconds: what is delivered stays unseen. */
const deaf = 2
/** One more leaves a grandchild that will not go, and one ignores signals. */
const misbehaviours: readonly object[] = [{ dropPrompts: 1 }, { dropPrompts: 1 }, { setsidChild: true }, { ignoreSignals: true }]

export async function runScriptedStorm({ cli, kills, seed, agents = 10, silenceMs }: ScriptedStormOptions): Promise<ScriptedStorm> {
  const began = Date.now()
  const chance = createChance(seed)
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-faults-')))
  const pidDir = join(root, 'pids')
  mkdirSync(pidDir)
  const pids = createPids(pidDir, root)
  const journal = openJournal(join(root, 'journal.jsonl'))
  const team = names(agents)
  const usage: string[] = []
  const unmarked: string[] = []
  try {
    const report = await runStorm({
      root, kills, chance, journal, pids,
      ...(silenceMs === undefined ? {} : { silenceMs }),
      launch: { cli, args: ['--max-instances', '100'], env: { PATH: process.env['PATH'], HOME: root, LANG: 'C.UTF-8' } },
      underWay: 2 * agents,
      harnesses: ['scripted-pty'],
      spawn: session => spawnTeam(session, team, pids),
      nextTask: number => toTask(number, team, chance),
      strike: { oneIn: 4, now: () => killOne(team, pids, journal, chance) },
      finale: async (session, home) => {
        await wakeAll(session, journal, team.map(to => ({ to, text: 'say awake', expected: 'awake' })), silenceMs === undefined ? undefined : (2 * silenceMs) / 1_000)
        usage.push(...(await compareUsage(session, team, home)))
        unmarked.push(...findUnmarked(home))
      },
    })
    return { verdict: judge(journal.entries), report, usage, unmarked, seconds: (Date.now() - began) / 1000 }
  } finally {
    killLiving(pids.alive())
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Under a supervisor that never tires of restarting: what is asked here is whether messages survive, not how often an agent may die. */
async function spawnTeam(session: Session, team: readonly string[], pids: Pids): Promise<void> {
  await session.call('spawn_agent', { harness: 'scripted', name: 'chief', bypass_isolation: true, supervision: { max_restarts: 100, within_seconds: 1 } })
  const instances = team.map((name, index) => ({
    name, instance_type: 'scripted-pty', restart: 'permanent', workspace: 'isolated',
    script: { misbehave: { pidFile: pids.fileOf(name), ...misbehaviours[index] } },
  }))
  const { errors } = await session.call('spawn_multiple_instances', { instances, parent_instance_id: 'chief' })
  if (Array.isArray(errors) && errors.length > 0) throw new Error(`Agents could not be spawned: ${JSON.stringify(errors)}`)
}

async function killOne(team: readonly string[], pids: Pids, journal: Journal, chance: Chance): Promise<void> {
  const living = team.filter(name => pids.alive(name).length > 0)
  if (living.length === 0) return
  const agent = chance.pick(living)
  killLiving(pids.alive(agent).slice(0, 1))
  journal.note({ type: 'killed', what: 'cli', agent })
}

/** Answered by tool, by the end of the turn, at once or after a while. */
function toTask(number: number, team: readonly string[], chance: Chance): Task {
  const unique = `answer-${number}-${Math.floor(chance.next() * 1e9).toString(36)}`
  const ms = 20 + chance.below(100)
  const to = chance.pick(chance.below(10) === 0 ? team.slice(0, deaf) : team.slice(deaf))
  const [text = '', expected = ''] = chance.pick([
    [`echo ${unique}`, unique],
    [`wait ${ms}; echo ${unique}`, unique],
    [`echo ${unique}; wait ${ms}`, unique],
    [`say ${unique}`, unique],
    [`wait ${ms}; say ${unique}`, `waited ${ms} ms\n${unique}`],
    // The end of a paste, and the key that interrupts: both taken out before it is typed.
    [`say ${unique}\x1b[201~\x03 and on`, `${unique} and on`],
  ])
  return { to, text, expected }
}

/** The second prompt of a message, and each after it. */
function findUnmarked(home: string): string[] {
  return transcriptsOf(home).flatMap(({ lines }) => {
    const given = new Set<string>()
    return lines.flatMap(({ prompt = '' }) => {
      const [, id, rest = ''] = /^\[MSG:(\S+)\] ([\s\S]*)$/.exec(prompt) ?? []
      if (id === undefined) return []
      const isMarked = !given.has(id) || rest.startsWith('(delivered again')
      given.add(id)
      return isMarked ? [] : [`${id} was given again as if for the first time`]
    })
  })
}

/** What the agents themselves wrote; a line torn by a kill says nothing. */
function transcriptsOf(home: string): { readonly name: string; readonly lines: readonly Line[] }[] {
  const dir = join(home, 'drivers', 'scripted-pty', 'sessions')
  const parse = (line: string): Line[] => {
    try {
      return [JSON.parse(line) as Line] // of the agents' own making; fields it lacks are left alone
    } catch {
      return []
    }
  }
  return readdirSync(dir).map(name => ({ name, lines: readFileSync(join(dir, name), 'utf8').split('\n').flatMap(parse) }))
}

interface Line {
  readonly prompt?: string
  readonly unitId?: string
  readonly inputTokens?: number
  readonly outputTokens?: number
}

/** Each unit of a transcript once, read from the agents' own files. */
async function compareUsage(session: Session, team: readonly string[], home: string): Promise<string[]> {
  const transcripts = transcriptsOf(home)
  return (await Promise.all(team.map(async name => {
    const status = await session.call('get_instance_status', { instance_id: name })
    const lines = transcripts.find(each => each.name.startsWith(String(status['session_id'])))?.lines ?? []
    const units = new Map(lines.flatMap(line => (line.unitId === undefined ? [] : [[line.unitId, line] as const])))
    const expected = { input_tokens: sum(units, each => each.inputTokens), output_tokens: sum(units, each => each.outputTokens), cache_creation_tokens: 0, cache_read_tokens: 0 }
    const recorded = JSON.stringify(status['usage'])
    return recorded === JSON.stringify(expected) ? [] : [`${name}: on record ${recorded}, in its transcript ${JSON.stringify(expected)}`]
  }))).flat()
}

const sum = (units: ReadonlyMap<string, Line>, of: (line: Line) => number | undefined): number => [...units.values()].reduce((total, each) => total + (of(each) ?? 0), 0)
