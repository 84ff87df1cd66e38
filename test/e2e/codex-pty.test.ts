/** What the contract suite cannot know of codex in a PTY: what it is started with, what it asks, and its sessions going from one driver to the other. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { createCodexDriver } from '../../src/drivers/codex/driver.ts'
import { silentLog } from '../../src/log.ts'
import { callTool, say, type Script } from '../fakes/openai/index.ts'
import { createCodexStage, findCodexBin, type CodexStage, type CodexStageOptions } from './codex.ts'
import { startMcpStandIn } from './mcp-stand-in.ts'
import { isAlive, readPid } from './processes.ts'
import { openRig } from './rig.ts'

const shell = (cmd: string, yieldMs = 30_000) => callTool('exec_command', { cmd, yield_time_ms: yieldMs })

let stage: CodexStage
const open = async (script: Script, options: CodexStageOptions = {}): Promise<CodexStage> => (stage = await createCodexStage({ script, driver: 'pty', ...options }))
const profilesIn = (codexHome: string): string[] => readdirSync(codexHome).filter(name => name.endsWith('.config.toml'))

describe('an agent', () => {
  afterEach(() => stage.close())

  test('an agent calls Madrox with its own credential, which no command of its own, no command line and no file shows; its briefing is there once', async () => {
    const { start, run, stop, facts, home, api } = await open([
      { when: 'call', then: [callTool('mcp__madrox_agent__reply_to_caller', { reply_message: 'hello' }), say('replied')] },
      { when: 'env', then: [shell('env'), say('shown')] },
    ], { config: '[mcp_servers.madrox]\ncommand = "cat"\n' })
    const mcp = await startMcpStandIn()
    try {
      const { sessionId } = await start('ada', { systemPrompt: 'You are ADA-7.', madrox: { url: mcp.url, token: 'secret-of-ada' } })
      await run('ada', 'call')
      expect(mcp.calls).toEqual([{ tool: 'reply_to_caller', authorization: 'Bearer secret-of-ada', threadId: sessionId }])
      expect(api.requests[0]?.view.instructions.split('ADA-7')).toHaveLength(2)
      await run('ada', 'env')
      const shown = facts.factsOf('ada', 'outputProduced').find(fact => fact.tool === undefined && fact.kind === 'tool_result' && fact.content.includes('MADROX_AGENT=ada'))
      expect(shown?.content).toBeDefined()
      expect(shown?.content).not.toContain('secret-of')
      expect(readFileSync(`/proc/${facts.factsOf('ada', 'processStarted')[0]?.pid}/cmdline`, 'utf8')).not.toContain('secret-of')
      expect(() => execFileSync('grep', ['-rqs', 'secret-of-', home.codexHome])).toThrow() // grep exits 1: found nowhere
      expect(profilesIn(home.codexHome)).toHaveLength(1)
      await stop('ada')
      expect(profilesIn(home.codexHome)).toEqual([])
    } finally {
      await mcp.close()
    }
  })

  test('a folder that nobody trusts is opened without its configuration and hooks, and is not trusted for it', async () => {
    const { start, run, api, home } = await open([])
    execFileSync('git', ['init', '-q'], { cwd: home.cwd })
    mkdirSync(join(home.cwd, '.codex'))
    writeFileSync(join(home.cwd, '.codex', 'config.toml'), 'model = "theirs"\n')
    writeFileSync(join(home.cwd, '.codex', 'hooks.json'), JSON.stringify({ hooks: { Stop: [{ hooks: [{ type: 'command', command: `touch ${join(home.dir, 'hooked')}` }] }] } }))
    const before = readFileSync(join(home.codexHome, 'config.toml'), 'utf8')
    await start('ada')
    expect((await run('ada', 'anybody')).finalText).toBe('ack: anybody')
    expect(api.requests.map(({ view }) => view.model)).toEqual(['fake-model'])
    expect(existsSync(join(home.dir, 'hooked'))).toBe(false)
    expect(readFileSync(join(home.codexHome, 'config.toml'), 'utf8')).toBe(before)
  })

  test('a codex that could not ask about the folder, because the machine stood still, is started again', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'madrox-bin-'))
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
    const bin = join(dir, 'codex')
    writeFileSync(bin, `#!/bin/sh\nif [ "$1" = resume ] && mkdir ${dir}/once 2>/dev/null; then echo 'Error: timed out discarding buffered terminal input'; exit 1; fi\nexec ${findCodexBin()} "$@"\n`, { mode: 0o755 })
    const { start, run, facts } = await open([], { bin })
    await start('ada')
    expect((await run('ada', 'hello')).finalText).toBe('ack: hello')
    expect(facts.factsOf('ada', 'processStarted')).toHaveLength(2)
  })

  test('what begins like a command, or ends in the middle of a name of a file or a skill, is a message', async () => {
    const { start, run, api } = await open([])
    await start('ada')
    const texts = ['!touch escaped', '/quit', '  /status', 'exit', 'see\n@src', 'use\n$skill']
    for (const text of texts) await run('ada', text)
    expect(api.requests.map(({ view }) => view.lastUserText)).toEqual(['Message: !touch escaped', 'Message: /quit', 'Message:   /status', 'exit', 'see\n@src', 'use\n$skill'])
    expect(existsSync(join(stage.home.cwd, 'escaped'))).toBe(false)
  })

  test('an interrupt ends the commands of its turn, and leaves a server of an earlier turn running', async () => {
    const { start, run, submit, driver, facts } = await open([
      { when: 'serve', then: [shell('echo $$ > server.pid; exec sleep 600', 250), say('serving')] },
      { when: 'build', then: [shell('echo $$ > beside.pid; exec sleep 600', 250), shell('echo $$ > build.pid; exec sleep 600'), say('built')] },
    ])
    await start('ada', { confinement: { bypass: true } })
    await run('ada', 'serve')
    submit('ada', 'build')
    const [server, beside, build] = [await readPid(stage.home.cwd, 'server.pid'), await readPid(stage.home.cwd, 'beside.pid'), await readPid(stage.home.cwd, 'build.pid')]
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    await facts.waitFor('ada', 'interruptFinished')
    expect([server, beside, build].map(isAlive)).toEqual([true, false, false])
  })

  test('a session goes from one driver to the other and back, and nothing it spent counts twice', async () => {
    const { start, run, stop, facts, api, home, launch, submit } = await open([{ when: 'work', then: [shell('true'), say('done')] }])
    const appServer = facts.record(createCodexDriver({ bin: findCodexBin(), env: home.env, childEnv: ['FAKE_KEY'], stateDir: join(home.dir, '.codex-app-server'), clock: systemClock, log: silentLog }, facts.emit))
    mkdirSync(join(home.dir, '.codex-app-server'))
    const { sessionId } = await start('ada')
    await run('ada', 'work one')
    await stop('ada')
    try {
      appServer.dispatch({ type: 'startAgent', agentId: 'bob', launch: launch('bob', { sessionId, resume: true }) })
      await facts.waitFor('bob', 'ready')
      appServer.dispatch({ type: 'submitPrompt', agentId: 'bob', promptId: 'elsewhere', text: 'work two' })
      await facts.waitFor('bob', 'turnEnded')
      // Codex lets no second one write a thread that is in use.
      stage.driver.dispatch({ type: 'startAgent', agentId: 'eve', launch: launch('eve', { sessionId, resume: true }) })
      expect(await facts.waitFor('eve', 'startFailed')).toMatchObject({ code: 'session_locked' })
    } finally {
      await appServer.close()
    }
    await start('ada', { sessionId, resume: true })
    const last = submit('ada', 'work three')
    await facts.waitFor('ada', 'turnEnded', fact => fact.promptId === last)
    const units = new Map([...facts.factsOf('ada', 'usageReported'), ...facts.factsOf('bob', 'usageReported')].map(fact => [fact.unitId, fact.outputTokens]))
    expect(units.size).toBe(6)
    expect([...units.values()].reduce((sum, tokens) => sum + tokens, 0)).toBe(api.usage(sessionId).outputTokens)
  })

  test('what is denied does not happen, and the turn goes on; hooks of the user do not run', async () => {
    const marks = (name: string): string => join(stage.home.dir, name)
    const { start, submit, driver, facts, home, api } = await open([{ when: 'escalate', then: [callTool('exec_command', { cmd: 'echo yes > ../outside', sandbox_permissions: 'require_escalated', justification: 'to see' }), say('done')] }])
    writeFileSync(join(home.codexHome, 'config.toml'), `${readFileSync(join(home.codexHome, 'config.toml'), 'utf8')}\n[[hooks.UserPromptSubmit]]\n[[hooks.UserPromptSubmit.hooks]]\ntype = "command"\ncommand = "touch ${marks('hooked')}"\n`)
    await start('ada', { confinement: { permissionMode: 'on-request' } })
    submit('ada', 'escalate')
    const asked = await facts.waitFor('ada', 'approvalRequested')
    expect(asked).toMatchObject({ source: 'hook', tool: 'exec_command', detail: 'echo yes > ../outside\nto see' })
    driver.dispatch({ type: 'answerApproval', agentId: 'ada', approvalId: asked.approvalId, decision: 'deny', message: 'not today' })
    expect(await facts.waitFor('ada', 'turnEnded')).toMatchObject({ status: 'completed', finalText: 'done' })
    expect(api.requests.at(-1)?.view.lastToolOutputs[0]?.output).toContain('not today')
    expect([existsSync(marks('outside')), existsSync(marks('hooked'))]).toEqual([false, false])

    submit('ada', 'escalate again')
    const again = await facts.waitFor('ada', 'approvalRequested', fact => fact.approvalId !== asked.approvalId)
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    expect(await facts.waitFor('ada', 'approvalResolved', fact => fact.approvalId === again.approvalId)).toMatchObject({ decision: 'gone' })
    expect(await facts.waitFor('ada', 'interruptFinished')).toMatchObject({ wasInTurn: true })
  })
})

test('killed from outside, an agent of a team is resumed and its task given again; the others, each a process of its own, work on', async () => {
  const rig = await openRig()
  const ada = await rig.call('spawn_agent', { name: 'ada', harness: 'codex-pty' })
  expect(ada).toMatchObject({ instance_type: 'codex-pty', state: 'idle' })
  const spawning = (more: object): string => `call mcp__madrox__call_tool ${JSON.stringify({ name: 'spawn_agent', arguments: { name: 'kid', harness: 'codex-pty', ...more } })}`
  await rig.call('send_to_instance', { instance_id: 'ada', message: `do:\n${spawning({ sandbox_mode: 'danger-full-access' })}\n${spawning({})}\nsay spawned` })
  expect(rig.openai.requests.at(-1)?.view.lastToolOutputs.map(({ output }) => output.includes('exceeds_parent'))).toEqual([true, false])
  const pidOf = async (name: string): Promise<number> => Number((await rig.call('get_instance_status', { instance_id: name }))['pid'])
  const [adaPid, kidPid] = [await pidOf('ada'), await pidOf('kid')]
  expect(adaPid).not.toBe(kidPid)

  const kids = await rig.call('send_to_instance', { instance_id: 'kid', message: 'do:\ngate kid\nsay unharmed', wait_for_response: false })
  const cut = await rig.call('send_to_instance', { instance_id: 'ada', message: 'do:\ngate cut\nsay finished', wait_for_response: false })
  await Promise.all([rig.openai.gate('cut').reached, rig.openai.gate('kid').reached])
  process.kill(adaPid, 'SIGKILL')
  const again = await rig.openai.waitForRequest(({ view }) => view.message?.id === cut.message_id && view.message?.body.startsWith('(delivered again') === true)
  expect(again.view.userTexts[0]).toContain('say spawned')
  rig.openai.gate('kid').open()
  const wait = (id: unknown) => rig.call('wait_for_any', { message_ids: [id] })
  expect(await wait(kids.message_id)).toMatchObject({ status: 'answered' })
  expect(await wait(cut.message_id)).toMatchObject({ status: 'answered' })
  expect(await pidOf('kid')).toBe(kidPid)
  // What was spent before and after is counted once; of the call that was cut, the API never said.
  const { inputTokens, cachedInputTokens, outputTokens } = rig.openai.usage(again.view.threadId)
  expect(await rig.call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ usage: { input_tokens: inputTokens - cachedInputTokens, output_tokens: outputTokens, cache_read_tokens: cachedInputTokens } })
  expect(await rig.call('terminate_instance', { instance_id: 'ada' })).toMatchObject({ terminated: [{ name: 'kid' }, { name: 'ada' }] })
})

test('what an agent of a killed server had in the home of codex, the next server removes', async () => {
  const rig = await openRig()
  await rig.call('spawn_agent', { name: 'ada', harness: 'codex-pty' })
  expect(profilesIn(rig.codexHome)).toHaveLength(1)
  await rig.restart('SIGKILL')
  expect(profilesIn(rig.codexHome)).toEqual([])
})
