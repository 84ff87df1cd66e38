/** What a profile named at spawn changes for an agent of the real codex, and what it cannot change. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callTool, say } from '../fakes/openai/index.ts'
import { createCodexStage, type CodexStage } from './codex.ts'
import { startMcpStandIn, type McpStandIn } from './mcp-stand-in.ts'
import { openRig } from './rig.ts'

const shell = (cmd: string) => callTool('exec_command', { cmd, yield_time_ms: 30_000 })

describe('a profile', () => {
  let stage: CodexStage
  beforeEach(async () => {
    stage = await createCodexStage()
  })
  afterEach(() => stage.close())

  const write = (name: string, text: string): void => writeFileSync(join(stage.home.codexHome, `${name}.config.toml`), text)
  const lastModel = (): string | undefined => stage.api.requests.at(-1)?.view.model
  const failedStart = async (agentId: string, profile: string) => {
    stage.driver.dispatch({ type: 'startAgent', agentId, launch: stage.launch(agentId, { profile }) })
    return stage.facts.waitFor(agentId, 'startFailed')
  }

  test("sets its agent's model and effort, and nobody else's", async () => {
    write('fast', 'model = "quick-model"\nmodel_reasoning_effort = "low"\n')
    const { start, run, api } = stage
    await start('ada', { profile: 'fast' })
    await start('bob')
    await run('ada', 'hello')
    expect(api.requests.at(-1)?.body).toMatchObject({ model: 'quick-model', reasoning: { effort: 'low' } })
    await run('bob', 'hello')
    expect(lastModel()).toBe('fake-model')
  })

  test('gives way to a model named at spawn', async () => {
    write('fast', 'model = "quick-model"\n')
    await stage.start('ada', { profile: 'fast', model: 'named-model' })
    await stage.run('ada', 'hello')
    expect(lastModel()).toBe('named-model')
  })

  test('holds for the resumed session', async () => {
    write('fast', 'model = "quick-model"\n')
    const { sessionId } = await stage.start('ada', { profile: 'fast' })
    await stage.run('ada', 'hello')
    await stage.stop('ada')
    await stage.start('ada', { profile: 'fast', sessionId, resume: true })
    await stage.run('ada', 'again')
    expect(lastModel()).toBe('quick-model')
  })

  test('may bring a provider of its own, whose login is the one that counts', async () => {
    const provider = (auth: boolean): string => `model_provider = "other"\n[model_providers.other]\nname = "Other"\nbase_url = "${stage.api.url}"\nwire_api = "responses"\nrequires_openai_auth = ${auth}\n`
    write('other', provider(false))
    write('closed', provider(true))
    writeFileSync(join(stage.home.codexHome, 'config.toml'), '') // the default provider, and nobody logged in
    await stage.start('ada', { profile: 'other', model: 'fake-model' })
    expect((await stage.run('ada', 'hello')).finalText).toBe('ack: hello')
    expect(await failedStart('bob', 'closed')).toMatchObject({ code: 'not_logged_in' })
  })

  test('leaves confinement, marks and the absence of sub-agents as they were', async () => {
    const outside = join(stage.home.dir, 'outside')
    write('wide', `approval_policy = "untrusted"\nsandbox_mode = "danger-full-access"\n[sandbox_workspace_write]\nwritable_roots = ["${stage.home.dir}"]\n[features]\nmulti_agent = true\n[shell_environment_policy.set]\nMINE = "kept"\nMADROX_AGENT = "another"\n`)
    stage.api.addRule({ when: 'try', then: [shell(`touch ${outside}; echo "mine=$MINE agent=$MADROX_AGENT"`), say('tried')] })
    await stage.start('ada', { profile: 'wide' })
    await stage.run('ada', 'try')
    expect(existsSync(outside)).toBe(false)
    expect(stage.api.requests.at(-1)?.view.lastToolOutputs[0]?.output).toContain('mine=kept agent=ada')
    expect(stage.api.requests.at(-1)?.view.tools.filter(name => /agent/.test(name))).toEqual([])
  })

  test('that is not there, cannot be read, or has no name of a profile fails the start and says what to do', async () => {
    expect(await failedStart('ada', 'nope')).toMatchObject({ code: 'invalid_launch', detail: expect.stringMatching(/no codex profile "nope": .*nope\.config\.toml does not exist\. Create it .*or spawn without/) })
    write('broken', 'model = [')
    expect(await failedStart('bob', 'broken')).toMatchObject({ code: 'invalid_launch', detail: expect.stringMatching(/broken\.config\.toml:1:\d+: /) })
    write('odd', 'features = "all"')
    expect(await failedStart('cyd', 'odd')).toMatchObject({ code: 'invalid_launch', detail: expect.stringMatching(/odd\.config\.toml .*features/s) })
    expect(await failedStart('dan', '../odd')).toMatchObject({ code: 'invalid_launch', detail: expect.stringContaining('letters, digits') })
    write('legacy', 'profile = "other"')
    expect(await failedStart('eve', 'legacy')).toMatchObject({ code: 'invalid_launch', detail: expect.stringContaining('profile') })
  })

  describe('with MCP servers', () => {
    let mcp: McpStandIn
    beforeEach(async () => {
      mcp = await startMcpStandIn()
    })
    afterEach(() => mcp.close())
    const tools = (): readonly string[] => stage.api.requests.at(-1)?.view.tools.filter(name => name.startsWith('mcp__')).map(name => name.split('__')[1] ?? '') ?? []

    test("gives them to who inherits the user's, and its madrox to nobody", async () => {
      const server = (name: string): string => `[mcp_servers.${name}]\nurl = "${mcp.url}"\nomit_tools_from = ["deferred", "code_mode"]\n`
      write('tooled', server('mine') + server('madrox'))
      await stage.start('ada', { profile: 'tooled' })
      await stage.run('ada', 'hello')
      expect(tools()).toEqual([])
      await stage.start('bob', { profile: 'tooled', inheritMcp: true, mcpServers: { mine: { type: 'http', url: mcp.url } } })
      await stage.run('bob', 'hello')
      expect(new Set(tools())).toEqual(new Set(['mine', 'mine_agent']))
    })
  })
})

test('a profile asked for by spawn_codex reaches codex', async () => {
  const rig = await openRig()
  expect(await rig.refusal('spawn_codex', { name: 'ada', profile: 'nope' })).toMatch(/^spawn_failed: .*\(invalid_launch\).*no codex profile "nope"/)
  expect(await rig.text('get_instance_tree')).toBe('There are no agents.')
})
