/** What the driver contract is told of an implementation, and the stage each of its tests plays on. */
import { randomUUID } from 'node:crypto'
import type { Driver, DriverFact, FactOf } from '../../src/drivers/driver.ts'
import { createRecorder, toText, type Recorder } from './driver-trace.ts'

type LaunchInput = Extract<Parameters<Driver['dispatch']>[0], { type: 'startAgent' }>['launch']

export interface Tokens {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheCreationTokens: number
}

/** What to type so that an agent does it, behind a marker (`[MSG:<id>] `) or not. All are single prompts; every text is one line. */
export interface ContractPrompts {
  /** The turn ends by itself, `completed`, and its final text is exactly `text`. */
  answer(text: string): string
  /** The turn says something, then goes on until it is interrupted. */
  readonly stream: string
  /** The turn calls a tool that does not return before the turn is interrupted. */
  readonly holdInTool?: string
  /** The turn ends `failed`. */
  readonly fail?: string
  /** The final text contains the text of every earlier prompt of the session, other turns' cut short included. */
  readonly recall: string
  /** The process ends by itself. Absent: the suite kills the pid that `processStarted` named. */
  readonly crash?: string
  /** The turn ends while a task it started still runs; when that is done, the agent starts a turn of its own. */
  readonly background?: string
  /** The turn asks for an approval, and ends `completed` once it is given. */
  readonly approval?: string
}

export interface DriverUnderTest {
  readonly driver: Driver
  /** A launch that works, for a new agent of that name. The suite sets `sessionId` and `resume`. */
  launch(name: string): Omit<LaunchInput, 'sessionId'>
  /** Lets the task end that `prompts.background` left running. Absent: it ends by itself, in time enough. */
  endBackground?(agentId: string): void
  /** What a session has spent so far, by another account than the driver's: of the API, or of the session's own record. */
  usageOf(sessionId: string): Tokens
  /** Pids beside those of `processStarted` that must be gone after `close`, as the fixtures noted them. */
  pids?(): readonly number[]
  /** After `close` and every judgement: fakes, directories. */
  release(): Promise<void> | void
}

export interface DriverContract {
  create(emit: (fact: DriverFact) => void): Promise<DriverUnderTest> | DriverUnderTest
  readonly prompts: ContractPrompts
  /** In which a person can look at its agents and type to them: the agents' own, or one that is there while somebody looks. */
  readonly terminal: 'own' | 'on demand'
  /** How long one fact may take, milliseconds. */
  readonly factTimeoutMs?: number
  /** False where several agents share a process: then an agent's end does not end the pid it was started with. */
  readonly processPerAgent?: boolean
}

/** A driver of its own for each test, and what the tests say of agents. */
export interface Stage {
  readonly facts: Recorder
  readonly driver: Driver
  readonly subject: DriverUnderTest
  launchOf(agentId: string): Omit<LaunchInput, 'sessionId'>
  start(agentId: string, session?: { sessionId: string; resume?: boolean }): Promise<FactOf<'ready'>>
  submit(agentId: string, text: string): string
  /** Submits, and waits for the end of the turn it began. */
  run(agentId: string, text: string): Promise<FactOf<'turnEnded'>>
  /** Returns once the driver has taken everything dispatched so far. */
  settle(agentId: string): Promise<void>
  /** The agent's pids, living or not. */
  pidsOf(agentId: string): number[]
}

/** For `test.each`. What a harness has no word for cannot be asked of it: then it is none of its tests, rather than one that is skipped. */
export const given = (prompt: string | undefined): string[] => (prompt === undefined ? [] : [prompt])

/** A driver made for one test, its trace on record. */
export async function createStage(contract: DriverContract, factTimeoutMs: number): Promise<Stage> {
  const facts = createRecorder(factTimeoutMs)
  const subject = await contract.create(facts.emit)
  const driver = facts.record(subject.driver)
  let count = 0
  const submit = (agentId: string, text: string): string => {
    const promptId = `prompt-${++count}`
    driver.dispatch({ type: 'submitPrompt', agentId, promptId, text })
    return promptId
  }
  // Of its own for every agent: a driver that sweeps by an empty or a shared marker would end what is not its own.
  const launchOf = (agentId: string) => {
    const launch = subject.launch(agentId)
    return { ...launch, marker: { ...launch.marker, MADROX_CONTRACT_AGENT: randomUUID() } }
  }
  return {
    facts,
    driver,
    subject,
    launchOf,
    submit,
    start: async (agentId, session = { sessionId: randomUUID() }) => {
      const before = facts.factsOf(agentId).length
      driver.dispatch({ type: 'startAgent', agentId, launch: { ...launchOf(agentId), ...session } })
      const answer = await facts.first(`answer to the start of ${agentId}`, (fact): fact is FactOf<'ready' | 'startFailed'> =>
        fact.agentId === agentId && (fact.type === 'ready' || fact.type === 'startFailed') && facts.factsOf(agentId).indexOf(fact) >= before)
      if (answer.type === 'startFailed') throw new Error(`${agentId} did not start: ${answer.code}: ${answer.detail}`)
      return answer
    },
    run: (agentId, text) => {
      const promptId = submit(agentId, text)
      return facts.waitFor(agentId, 'turnEnded', fact => fact.promptId === promptId)
    },
    settle: async agentId => {
      const requestId = `settle-${++count}`
      driver.dispatch({ type: 'readScreen', agentId, requestId })
      await facts.waitFor(agentId, 'screenRead', fact => fact.requestId === requestId)
    },
    pidsOf: agentId => facts.factsOf(agentId, 'processStarted').flatMap(fact => fact.pid ?? []),
  }
}

/** By its own prompt where it has one; else from outside. */
export async function die({ facts, submit, pidsOf }: Stage, agentId: string, prompts: ContractPrompts): Promise<void> {
  if (prompts.crash !== undefined) return void submit(agentId, prompts.crash)
  const pid = pidsOf(agentId).at(-1)
  if (pid === undefined) throw new Error(`${agentId} has no pid to kill and no prompt to crash it. Trace:\n${toText(facts.trace)}`)
  process.kill(pid, 'SIGKILL')
}

/** Its process is killed while a turn runs that began with this marker. */
export async function dieInTurn(stage: Stage, agentId: string, marker: string, prompts: ContractPrompts): Promise<void> {
  const { facts, submit, pidsOf } = stage
  if (pidsOf(agentId).length === 0 && prompts.crash !== undefined) submit(agentId, `${marker} ${prompts.crash}`)
  else {
    const promptId = submit(agentId, `${marker} ${prompts.stream}`)
    const { turnId } = await facts.waitFor(agentId, 'promptSeen', fact => fact.promptId === promptId)
    await facts.waitFor(agentId, 'outputProduced', fact => fact.kind === 'text' && fact.turnId === turnId)
    await die(stage, agentId, { ...prompts, crash: undefined })
  }
  await facts.waitFor(agentId, 'exited', fact => facts.factsOf(agentId).at(-1) === fact)
}
