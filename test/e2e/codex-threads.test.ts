/** What the contract suite cannot know of a codex agent: its way to Madrox, its commands and their sandbox, its questions. */
import { existsSync, readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callTool, say, stream, type Script } from '../fakes/openai/index.ts'
import { createCodexStage, type CodexStage, type CodexStageOptions } from './codex.ts'
import { startMcpStandIn, type McpStandIn } from './mcp-stand-in.ts'
import { isAlive, readPid, stubbornServer } from './processes.ts'

const unconfined = { bypass: true }
const shell = (cmd: string, yieldMs = 30_000) => callTool('exec_command', { cmd, yield_time_ms: yieldMs })

let stage: CodexStage
let mcp: McpStandIn
beforeEach(async () => {
  mcp = await startMcpStandIn()
})
afterEach(async () => {
  await stage.close()
  await mcp.close()
})
const open = async (script: Script, options: CodexStageOptions = {}): Promise<CodexStage> => (stage = await createCodexStage({ script, ...options }))

describe('the way to Madrox', () => {
  const script: Script = [
    { when: /^reply/, then: ({ tools }) => [callTool(tools.find(name => name.endsWith('__reply_to_caller')) ?? 'missing', { reply_message: 'hello' }), say('replied')] },
    { when: 'hold', then: [callTool('mcp__madrox__hold'), say('held')] },
  ]

  test('each agent calls with its own credential, which stands in no command line, no environment and no file', async () => {
    const { start, run, facts, home } = await open([...script, { when: 'env', then: [shell('env'), say('shown')] }])
    const ready = await Promise.all(['ada', 'bob'].map(name => start(name, { madrox: { url: mcp.url, token: `secret-of-${name}` } })))
    await Promise.all(['ada', 'bob'].map(name => run(name, 'reply')))
    const expected = ['ada', 'bob'].map((name, index) => ({ tool: 'reply_to_caller', authorization: `Bearer secret-of-${name}`, threadId: ready[index]?.sessionId }))
    expect(mcp.calls.toSorted((a, b) => String(a.authorization).localeCompare(String(b.authorization)))).toEqual(expected)

    await run('ada', 'env')
    expect(facts.factsOf('ada', 'outputProduced').find(fact => fact.tool === 'exec_command' && fact.kind === 'tool_result')?.content).not.toContain('secret-of')
    const pid = facts.factsOf('ada', 'processStarted')[0]?.pid
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('secret-of')
    expect(() => execFileSync('grep', ['-rqs', 'secret-of-', home.codexHome])).toThrow() // grep exits 1: found nowhere
  })

  test('a tool call and its result are told, by one call id', async () => {
    const { start, run, facts } = await open(script)
    await start('ada', { madrox: { url: mcp.url, token: 't' } })
    await run('ada', 'reply')
    const [call, result] = facts.factsOf('ada', 'outputProduced')
    expect(call).toMatchObject({ kind: 'tool_call', tool: 'mcp__madrox__reply_to_caller', content: '{"reply_message":"hello"}' })
    expect(result).toMatchObject({ kind: 'tool_result', tool: 'mcp__madrox__reply_to_caller', content: 'sent: hello', callId: call?.callId })
  })

  test("servers the user registered stay the user's, a madrox among them", async () => {
    const { start, run, api } = await open(script, {
      config: '[mcp_servers.madrox]\ncommand = "cat"\n[mcp_servers.mine]\nurl = "http://127.0.0.1:9/mcp"\n',
    })
    await start('ada', { madrox: { url: mcp.url, token: 'of-ada' } })
    expect((await run('ada', 'reply')).finalText).toBe('replied')
    expect(mcp.calls).toMatchObject([{ authorization: 'Bearer of-ada' }])
    expect(api.requests[0]?.view.tools.filter(name => name.startsWith('mcp__'))).toEqual(['mcp__madrox_agent__hold', 'mcp__madrox_agent__reply_to_caller'])
  })

  test('an interrupt while it waits for a tool takes the call back', async () => {
    const { start, submit, driver, facts } = await open(script)
    await start('ada', { madrox: { url: mcp.url, token: 't' } })
    submit('ada', 'hold')
    await mcp.waitForCall('hold')
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    expect(await facts.waitFor('ada', 'turnEnded')).toMatchObject({ status: 'interrupted' })
    await mcp.holdCancelled
  })

  test('a Madrox that does not answer fails the start in the words of codex', async () => {
    const { driver, launch, facts } = await open(script)
    driver.dispatch({ type: 'startAgent', agentId: 'ada', launch: launch('ada', { madrox: { url: 'http://127.0.0.1:9/mcp', token: 't' } }) })
    const failed = await facts.waitFor('ada', 'startFailed')
    expect(failed.detail).toContain('madrox')
  })
})

describe('commands', () => {
  test('an interrupt ends the command that runs, and leaves a server of an earlier turn running', async () => {
    const { start, run, submit, driver, facts } = await open([
      { when: 'serve', then: [shell('echo $$ > server.pid; exec sleep 600', 250), say('serving')] },
      { when: 'build', then: [shell('echo $$ > build.pid; exec sleep 600'), say('built')] },
    ])
    await start('ada', { confinement: unconfined })
    await run('ada', 'serve')
    submit('ada', 'build')
    const [server, build] = [await readPid(stage.home.cwd, 'server.pid'), await readPid(stage.home.cwd, 'build.pid')]
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    await facts.waitFor('ada', 'interruptFinished')
    await expect.poll(() => isAlive(build)).toBe(false)
    expect(isAlive(server)).toBe(true)
  })

  test('the end of one agent leaves nothing of it, and its neighbour in the same process at work', async () => {
    const { start, run, submit, stop, facts, api } = await open([
      { when: 'nest', then: [shell("(trap '' HUP TERM; exec sleep 600) & setsid sh -c 'echo $$ > setsid.pid; exec sleep 600' & echo $$ > shell.pid; exec sleep 600", 250), say('nested')] },
      { when: 'write', then: [stream('a long answer', { gate: 'slow' })] },
    ])
    await start('ada', { confinement: unconfined })
    await start('bob')
    await run('ada', 'nest')
    const pids = [await readPid(stage.home.cwd, 'setsid.pid'), await readPid(stage.home.cwd, 'shell.pid')]
    submit('bob', 'write')
    await api.gate('slow').reached
    await stop('ada')
    expect(pids.filter(isAlive)).toEqual([])
    api.gate('slow').open()
    expect((await facts.waitFor('bob', 'turnEnded')).finalText).toBe('a long answer')
    expect(isAlive(facts.factsOf('bob', 'processStarted')[0]?.pid ?? 0)).toBe(true)
    await stop('bob', 'force')
    expect(isAlive(facts.factsOf('bob', 'processStarted')[0]?.pid ?? 0)).toBe(false)
  })

  test('the death of the process is told when nothing of the agent is left, commands and MCP servers of its own included', async () => {
    const { start, run, facts } = await open([
      { when: 'nest', then: [shell("setsid sh -c 'echo $$ > setsid.pid; exec sleep 600' & exec sleep 600", 250), say('nested')] },
    ])
    await start('ada', {
      confinement: unconfined,
      mcpServers: { stubborn: { type: 'stdio', command: process.execPath, args: ['-e', stubbornServer, join(stage.home.cwd, 'server.pid')] } },
    })
    await run('ada', 'nest')
    const pids = [await readPid(stage.home.cwd, 'setsid.pid'), await readPid(stage.home.cwd, 'server.pid')]
    expect(pids.map(isAlive)).toEqual([true, true])
    process.kill(facts.factsOf('ada', 'processStarted')[0]?.pid ?? 0, 'SIGKILL')
    await facts.waitFor('ada', 'exited')
    expect(pids.filter(isAlive)).toEqual([])
  })

  test('the sandbox keeps a confined agent to its workspace', async () => {
    const { start, run, home } = await open([{ when: 'stray', then: [shell('echo in > inside; echo out > ../outside'), say('tried')] }])
    await start('ada')
    await run('ada', 'stray')
    expect([existsSync(join(home.cwd, 'inside')), existsSync(join(home.dir, 'outside'))]).toEqual([true, false])
  })

  test("commands see the agent's marker and none of the server's secrets", async () => {
    const { start, run, stop, facts } = await open([{ when: 'env', then: [shell('env'), say('shown')] }], { env: { DATABASE_PASSWORD: 'hunter2', CODEX_THREAD_ID: 'outer' } })
    const { sessionId } = await start('ada')
    await run('ada', 'env')
    await stop('ada')
    await start('ada', { sessionId, resume: true, marker: { MADROX_AGENT: 'ada, again' } })
    await run('ada', 'env')
    const [shown, again] = facts.factsOf('ada', 'outputProduced').filter(fact => fact.kind === 'tool_result')
    expect(shown?.content).toContain('MADROX_AGENT=ada\n')
    expect(shown?.content).not.toMatch(/hunter2|CODEX_THREAD_ID=outer/)
    expect(again?.content).toContain('MADROX_AGENT=ada, again\n')
  })
})

describe('approvals', () => {
  const script: Script = [{
    when: 'escalate',
    then: [callTool('exec_command', { cmd: 'echo yes > ../outside', sandbox_permissions: 'require_escalated', justification: 'to see' }), say('done')],
  }]
  const asking = { permissionMode: 'on-request' }

  test('what is denied does not happen, and the turn goes on', async () => {
    const { start, submit, driver, facts, home, api } = await open(script)
    await start('ada', { confinement: asking })
    submit('ada', 'escalate')
    const asked = await facts.waitFor('ada', 'approvalRequested')
    expect(asked).toMatchObject({ tool: 'exec_command', detail: expect.stringContaining('echo yes') })
    driver.dispatch({ type: 'answerApproval', agentId: 'ada', approvalId: asked.approvalId, decision: 'deny' })
    expect(await facts.waitFor('ada', 'approvalResolved')).toMatchObject({ decision: 'deny' })
    expect(await facts.waitFor('ada', 'turnEnded')).toMatchObject({ status: 'completed', finalText: 'done' })
    expect(existsSync(join(home.dir, 'outside'))).toBe(false)
    expect(api.requests.at(-1)?.view.lastToolOutputs[0]?.output).toMatch(/reject|denied|declin/i)
  })

  test('an interrupt takes an open question back', async () => {
    const { start, submit, driver, facts } = await open(script)
    await start('ada', { confinement: asking })
    submit('ada', 'escalate')
    const { approvalId } = await facts.waitFor('ada', 'approvalRequested')
    driver.dispatch({ type: 'interrupt', agentId: 'ada', requestId: 'cut' })
    expect(await facts.waitFor('ada', 'approvalResolved')).toMatchObject({ approvalId, decision: 'gone' })
    expect(await facts.waitFor('ada', 'interruptFinished')).toMatchObject({ wasInTurn: true })
  })
})
