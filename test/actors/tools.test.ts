import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createToolTable } from '../../src/tools/table.ts'
import { git } from './repositories.ts'
import { createStage, type Stage } from './rig.ts'

const table = createToolTable()
const tools = [...new Set(table.values())]

/** A team with something in every place: a busy lead with a kid, an open message, a reply that waits. */
async function createTeam(stage: Stage) {
  const lead = await stage.spawn('lead')
  const kid = await stage.spawn('kid', stage.as(lead))
  await stage.ask(stage.me, 'send_to_instance', { instance_id: lead, message: 'earlier', wait_for_response: false })
  stage.turn(lead, 'answered')
  const open = await stage.ask(stage.me, 'send_to_instance', { instance_id: lead, message: 'now', wait_for_response: false })
  stage.begin(lead)
  return { lead, kid, message: String(open['message_id']) }
}

const snapshot = (stage: Stage) => ({
  tree: stage.system.list(stage.me, { ended: true }).map(agent => [agent.id, agent.detail, agent.mailbox, agent.openMessages, agent.pendingReplies]),
  open: stage.store.listOpenMessages().length,
  replies: stage.store.listReplies({ kind: 'client', id: stage.me.clientId }).length,
  commands: stage.commands.length,
})

describe('bad input', () => {
  test('to any tool gets an error that says what to do, and changes nothing', async () => {
    const stage = createStage()
    const { lead } = await createTeam(stage)
    const before = snapshot(stage)
    const bad: unknown[] = [
      null, 'text', [], 7, { unknown_parameter: 1 }, { instance_id: 7 }, { instance_id: '' }, { instance_id: 'nobody', message: 'x', lines: -1, limit: 0, unknown: true }, { instance_ids: [], messages: [] },
      { instance_id: lead, message: 7 }, { message_ids: ['made-up'] }, { message_ids: [] }, { name: '', harness: 'hand' }, { name: 'x'.repeat(81), harness: 'hand' }, { name: 'a\u0000b', harness: 'hand' }, { name: 'a\u2028b', harness: 'hand' }, { name: 'ada', harness: 'hand', model: 'a\u0000b' },
      { instance_id: lead, message: ' \u0000\u001b\u202e\u200b\ud800\n' },
      { instances: [] }, { instances: 'all' }, { parent_id: 'nobody', message: 'x' }, { instance_id: 'x'.repeat(201), message: 'x' }, { instance_id: 'nobody', then: 'maybe' }, { root: 'nobody', format: 'xml' }, { topic: 'everything' },
    ]
    for (const tool of tools) {
      // To those nothing given means all.
      for (const args of bad.filter(each => each !== null || !tool.name.endsWith('_all'))) {
        const outcome = await stage.call(stage.me, tool.name, args as Record<string, unknown>) // wrong on purpose
        if (outcome.ok) expect([tool.name, args], 'accepted').toEqual([tool.name, args === null || tool.annotations.readOnlyHint ? args : 'never'])
        else expect([outcome.error.code, outcome.error.message, outcome.error.remedy], `${tool.name} ${JSON.stringify(args)}`).toEqual([expect.not.stringMatching(/^internal$/), expect.stringMatching(/\w{3}.*\.$/s), expect.stringMatching(/\w{3}/)])
      }
    }
    expect(snapshot(stage)).toEqual({ ...before, replies: 0 }) // get_pending_replies takes no argument to hand out
  })

  test('a tool nobody has is answered with those there are', async () => {
    const stage = createStage()
    expect(await stage.call(stage.me, 'send_message')).toMatchObject({ error: { code: 'unknown_tool', remedy: expect.stringContaining('send_to_instance') } })
    expect(await stage.call(stage.me, 'get_instance_statu')).toMatchObject({ error: { code: 'unknown_tool', remedy: expect.stringMatching(/^Did you mean "get_instance_status"\? Tools: (?!.*get_tmux_pane_content)/) } })
    expect(await stage.call(stage.me, 'get_tmux_pane_contents')).toMatchObject({ error: { remedy: expect.stringMatching(/^Did you mean "get_tmux_pane_content"\?/) } })
  })
})

describe('every tool', () => {
  test('does what it says for those who may, and its data fits its schema', async () => {
    const stage = createStage()
    const { lead, kid, message } = await createTeam(stage)
    const check = async (caller: Parameters<Stage['call']>[0], name: string, args: Record<string, unknown> = {}) => {
      const outcome = await stage.call(caller, name, args)
      expect(outcome, name).toMatchObject({ ok: true })
      // The stage looks at data by the schema.
      if (outcome.ok && table.get(name)?.output) expect(outcome.data, name).toBeDefined()
      else if (name !== 'call_tool') expect(outcome.ok && outcome.text, name).toEqual(expect.any(String))
      called.add(table.get(name)?.name ?? name)
      return outcome
    }
    const called = new Set<string>()
    const spare = await stage.spawn('spare')
    const nowait = { wait_for_ready: false, workspace: 'isolated' }
    await check(stage.me, 'spawn_agent', { harness: 'hand', name: 'more', initial_prompt: 'go', ...nowait })
    await check(stage.me, 'spawn_multiple_instances', { instances: [{ instance_type: 'hand', name: 'two', ...nowait }, { instance_type: 'nobody', name: 'three' }] })
    await check(stage.me, 'list_templates')
    await check(stage.me, 'list_roles')
    await check(stage.me, 'spawn_team_from_template', { template_name: 'data_pipeline', task_description: 'x', harness: 'hand', ...nowait })
    for (const tool of ['spawn_claude', 'spawn_codex', 'spawn_codex_instance']) {
      // The stage has neither CLI: the way there is tested, and what it says of it.
      expect(await stage.call(stage.me, tool, { name: 'real' })).toMatchObject({ error: { code: 'invalid_input', remedy: 'Harnesses: hand, scripted.' } })
      called.add(table.get(tool)?.name ?? tool)
    }
    await check(stage.me, 'send_to_instance', { instance_id: kid, message: 'x', wait_for_response: false })
    await check(stage.me, 'send_to_multiple_instances', { instance_ids: [kid, 'nobody'], message: 'x' })
    await check(stage.as(lead), 'broadcast_to_children', { message: 'all' })
    expect(await check(stage.me, 'broadcast_to_children', { parent_id: lead, message: 'all', expects_reply: false })).toMatchObject({ data: { results: [{ instance_id: kid }] } })
    await check(stage.as(lead), 'reply_to_caller', { reply_message: 'done' })
    await check(stage.me, 'wait_for_any', { message_ids: [message] })
    await check(stage.me, 'get_pending_replies')
    await check(stage.me, 'interrupt_instance', { instance_id: 'two' })
    await check(stage.me, 'interrupt_multiple_instances', { instance_ids: ['two', 'nobody'] })
    await check(stage.me, 'get_instance_status')
    await check(stage.me, 'get_instance_status', { instance_id: lead })
    expect(await check(stage.me, 'get_instance_tree', { root: 'lead' })).toMatchObject({ text: `lead (${lead}) [busy] (hand)\n└── kid (${kid}) [busy] (hand)` })
    await check(stage.me, 'get_children')
    await check(stage.me, 'get_peers', { instance_id: lead })
    await check(stage.me, 'get_instance_output', { instance_id: lead, limit: 5, since: '2025-01-01T00:00:00+02:00' })
    for (const name of ['get_terminal_screen', 'get_tmux_pane_content']) {
      const shown = check(stage.me, name, { instance_id: lead, lines: 5 })
      const asked = stage.commands.at(-1)
      stage.fact(lead, { type: 'screenRead', requestId: asked?.type === 'readScreen' ? asked.requestId : '', rendering: 'terminal', text: '$ ' })
      expect(await shown).toMatchObject({ text: '$ ' })
    }
    const job = await stage.ask(stage.me, 'coordinate_instances', { coordinator_id: lead, participant_ids: [spare], task_description: 'together' })
    await check(stage.me, 'coordinate_instances', { coordinator_id: spare, participant_ids: [lead, kid], task_description: 'together', coordination_type: 'consensus' })
    expect(await check(stage.me, 'get_job_status', { job_id: job['job_id'] })).toMatchObject({ data: { status: 'running' } })
    const cancelling = check(stage.me, 'cancel_job', { job_id: job['job_id'] })
    const cut = stage.commands.findLast(command => command.type === 'interrupt')
    stage.fact(spare, { type: 'interruptFinished', requestId: cut?.type === 'interrupt' ? cut.requestId : '', wasInTurn: false })
    expect(await cancelling).toMatchObject({ data: { status: 'cancelled', cancelled: true, interrupted: ['spare'] } })
    await check(stage.me, 'get_live_instance_status')
    await check(stage.me, 'get_live_instance_status', { instance_id: lead })
    await check(stage.me, 'get_multiple_instance_outputs', { instance_ids: [lead, 'nobody'] })
    await check(stage.me, 'get_dashboard_url')
    await check(stage.me, 'get_metrics', { scope: 'instance', instance_id: lead })
    await check(stage.me, 'get_agent_summary', { instance_id: lead })
    await check(stage.me, 'get_all_agent_summaries', { status_filter: 'all' })
    await check(stage.me, 'get_main_instance_id')
    await check(stage.me, 'suspend_instance', { instance_id: spare })
    await check(stage.me, 'resume_instance', { instance_id: spare, name: 'other', model: 'm' })
    await check(stage.me, 'list_persisted_instances')
    await check(stage.as(spare), 'interrupt_all')
    await check(stage.as(spare), 'terminate_all')
    await check(stage.me, 'terminate_multiple_instances', { instance_ids: ['two', 'nobody'], force: true })
    await check(stage.me, 'terminate_instance', { instance_id: 'more' })
    await check(stage.me, 'set_policy', { instance_id: lead, spawn_approval: 'manual', max_children: 5, reason: 'asked to' })
    await check(stage.me, 'get_policy', { instance_id: lead })
    const asked = stage.call(stage.as(lead), 'spawn_agent', { harness: 'hand', name: 'asked', ...nowait })
    expect(await check(stage.me, 'list_approvals', { include_settled: 5 })).toMatchObject({ data: { open: 1, approvals: [{ kind: 'spawn', by: 'lead' }] } })
    const [waiting] = stage.system.approvals(stage.me)
    expect(await check(stage.me, 'answer_approval', { approval_id: waiting?.id, decision: 'deny', message: 'no' })).toMatchObject({ data: { decision: 'deny' } })
    expect(await asked).toMatchObject({ error: { code: 'not_approved' } })
    const undone = await stage.ask(stage.me, 'send_to_instance', { instance_id: kid, message: 'undone', wait_for_response: false })
    await check(stage.me, 'terminate_instance', { instance_id: kid })
    await check(stage.me, 'list_dead_letters', { limit: 5, since: '2025-01-01T00:00:00+02:00' })
    await check(stage.me, 'resend_dead_letter', { dead_letter_id: undone['message_id'], instance_id: lead })
    expect(await check(stage.me, 'get_instance_logs', { instance_id: lead, tail: 3 })).toMatchObject({ data: { log_type: 'instance', count: 3 } })
    await check(stage.me, 'get_audit_logs', { event: 'agent_spawned', instance: lead, limit: 5, since: '2025-01-01T00:00:00+02:00' })
    await check(stage.me, 'list_logged_instances')
    const workspace = stage.system.status(stage.me, lead).workspace.path
    writeFileSync(join(workspace, 'notes.txt'), 'noted')
    expect(await check(stage.me, 'list_instance_files', { instance_id: lead, path: '.', recursive: true, limit: 5 })).toMatchObject({ data: { files: [{ path: 'notes.txt' }] } })
    await check(stage.me, 'list_multiple_instance_files', { instance_ids: [lead, 'nobody'] })
    expect(await check(stage.me, 'retrieve_instance_file', { instance_id: lead, path: 'notes.txt', offset: 1, max_bytes: 3 })).toMatchObject({ data: { content: 'ote' } })
    await check(stage.me, 'retrieve_multiple_instance_files', { files: [{ instance_id: lead, path: 'notes.txt', copy_to: 'copied.txt' }, { instance_id: lead, path: 'nothing' }] })
    git(workspace, 'init', '--quiet')
    expect(await check(stage.me, 'get_instance_diff', { instance_id: lead, stat_only: false, max_bytes: 500 })).toMatchObject({ data: { untracked: 1, diff: expect.stringContaining('+noted') } })
    expect(await check(stage.me, 'clean_workspaces', { dry_run: false })).toMatchObject({ data: { workspaces: expect.arrayContaining([expect.objectContaining({ name: 'kid', verdict: 'removed' })]) } })
    await check(stage.as(lead), 'list_tools', { topic: 'see' })
    await check(stage.as(lead), 'call_tool', { name: 'get_children', arguments: {} })
    called.add('call_tool').add('list_tools')
    expect(tools.map(tool => tool.name).filter(name => !called.has(name))).toEqual([])
  })

  test('a screen that nobody answers for is an error after a while', async () => {
    const stage = createStage()
    const ada = await stage.spawn('ada')
    const shown = stage.call(stage.me, 'get_terminal_screen', { instance_id: ada })
    stage.clock.advance(5_000)
    expect(await shown).toMatchObject({ error: { code: 'unavailable' } })
  })

  test('what is listed is not what is allowed: a leaf reaches the rest by call_tool, within its rights', async () => {
    const stage = createStage()
    const lead = await stage.spawn('lead')
    const leaf = await stage.spawn('leaf', stage.as(lead), { toolset: 'leaf' })
    expect(await stage.refusal(stage.as(leaf), 'call_tool', { name: 'get_instance_status', arguments: { instance_id: leaf } })).toBe('ok')
    expect(await stage.refusal(stage.as(leaf), 'call_tool', { name: 'terminate_instance', arguments: { instance_id: lead } })).toBe('not_allowed')
    expect(await stage.refusal(stage.as(leaf), 'call_tool', { name: 'nothing' })).toBe('unknown_tool')
    const deep = Array.from({ length: 20_000 }).reduce<Record<string, unknown>>(inner => ({ name: 'call_tool', arguments: inner }), { name: 'get_peers' })
    expect(await stage.refusal(stage.as(leaf), 'call_tool', deep)).toBe('invalid_input')
    const many = await stage.call(stage.as(leaf), 'get_peers', Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`instance_${index}`, index])))
    expect(many.ok ? 0 : many.error.remedy?.match(/Did you mean/g)?.length).toBe(10)
    expect(await stage.refusal(stage.as(leaf), 'call_tool', { name: 'x'.repeat(1_000_000) })).toBe('unknown_tool')
    const { entries } = await stage.ask(stage.as(leaf), 'get_audit_logs', { event: 'call_refused', limit: 1 })
    expect(entries).toEqual([expect.objectContaining({ tool: 'x'.repeat(100) })])
    expect(String((await stage.ask(stage.as(leaf), 'list_tools'))['text'])).not.toMatch(/^reply_to_caller:/m)
  })
})
