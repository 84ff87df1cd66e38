/** What goes on record of who did what: every event of the list, with what it carries, who asked, and who may read it. */
import { describe, expect, test } from 'vitest'
import { type AuditEvent, auditEvents, auditSchemas } from '../../src/audit.ts'
import { MadroxError } from '../../src/errors.ts'
import { asOwnerId, localOwner } from '../../src/ids.ts'
import { knowSecrets } from '../../src/redaction.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { createStage, type Stage } from './rig.ts'

interface Entry {
  readonly at: string
  readonly event: AuditEvent
  readonly instance_id?: string
  readonly [field: string]: unknown
}

const read = async (stage: Stage, args: Record<string, unknown> = {}, by: Parameters<Stage['ask']>[0] = stage.me): Promise<readonly Entry[]> =>
  (await stage.ask(by, 'get_audit_logs', { limit: 10_000, ...args }))['entries'] as Entry[] // as its output schema says
const named = (entries: readonly Entry[], event: AuditEvent): readonly Entry[] => entries.filter(entry => entry.event === event)
const nowait = { wait_for_response: false }

/** A life in which everything happens that is audited. */
async function liveThroughEverything() {
  let full = false
  const memory = createMemoryStore()
  const store = { ...memory, appendAudit: (row: Parameters<typeof memory.appendAudit>[0]) => {
    if (full) throw new MadroxError('unavailable', 'The disk is full.')
    memory.appendAudit(row)
  } }
  const first = createStage({ store })
  const by = `client:${first.me.clientId}`
  const lead = await first.spawn('lead', first.me, { max_total_tokens: 1_000 })
  const kid = await first.spawn('kid', first.as(lead))
  const { message_id: answered } = await first.ask(first.me, 'send_to_instance', { instance_id: lead, message: 'a secret plan', ...nowait })
  first.begin(lead)
  const { message_id: caused } = await first.ask(first.as(lead), 'send_to_instance', { instance_id: kid, message: 'do it', ...nowait })
  await first.ask(first.as(lead), 'reply_to_caller', { reply_message: 'the answer' })
  await first.ask(first.as(lead), 'reply_to_caller', { reply_message: 'and more' })
  first.begin(kid)
  first.fact(kid, { type: 'approvalRequested', approvalId: 'ask-1', tool: 'Bash', detail: 'rm -rf plan' })
  first.fact(kid, { type: 'approvalResolved', approvalId: 'ask-1', decision: 'deny' })
  const interrupted = first.ask(first.as(lead), 'interrupt_instance', { instance_id: kid, then: 'hold' })
  await first.settle()
  const asked = first.commands.findLast(command => command.type === 'interrupt')
  first.end(kid, { status: 'interrupted' })
  first.fact(kid, { type: 'interruptFinished', requestId: asked?.type === 'interrupt' ? asked.requestId : '', wasInTurn: true })
  await interrupted
  const { message_id: lost } = await first.ask(first.me, 'send_to_instance', { instance_id: kid, message: 'lost', ...nowait })
  await first.ask(first.me, 'terminate_instance', { instance_id: kid })
  await first.ask(first.me, 'resend_dead_letter', { dead_letter_id: lost, instance_id: lead })
  await first.ask(first.me, 'clean_workspaces', { dry_run: false })
  const { job_id: job } = await first.ask(first.me, 'coordinate_instances', { coordinator_id: await first.spawn('sum'), participant_ids: [lead], task_description: 'a joint plan' })
  await first.ask(first.me, 'cancel_job', { job_id: job })
  await first.refusal(first.as(lead), 'call_tool', { name: 'terminate_instance', arguments: { instance_id: 'nobody' } })
  await first.refusal(first.me, 'send_to_instance', { instance_id: lead, message: '' })
  first.system.recordRefusedLogin({ reason: 'unknown_token', peer: '10.0.0.1' })
  await first.ask(first.me, 'set_policy', { max_children: 5, reason: 'small teams' })
  full = true
  await first.refusal(first.me, 'send_to_instance', { instance_id: lead, message: 'too late', ...nowait })
  full = false
  first.clock.advance(1_000)
  first.system.disconnectClient(first.me.clientId)
  const again = first.client('tester')
  first.system.locateClient(again.clientId, first.home)
  await first.ask(again, 'spawn_agent', { harness: 'hand', name: 'more', workspace: 'isolated' })
  await bePutAwayAndBack(first, again)
  const thrifty = await beHeldAtLimit(first, again)
  const stage = first.crash()
  stage.fact(lead, { type: 'usageReported', unitId: 'u', model: 'm', inputTokens: 2_000, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 })
  await stage.settle()
  return { stage, by, lead, kid, thrifty, answered, caused, lost }
}

/** Held, and let go by a higher limit. */
async function beHeldAtLimit(stage: Stage, caller: Parameters<Stage['ask']>[0]): Promise<string> {
  const thrifty = await stage.spawn('thrifty', caller, { max_total_tokens: 10 })
  await stage.ask(caller, 'set_policy', { instance_id: thrifty, at_limit: 'interrupt' })
  stage.fact(thrifty, { type: 'usageReported', unitId: 'few', model: 'm', inputTokens: 10, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 })
  await stage.ask(caller, 'resume_instance', { instance_id: thrifty, max_total_tokens: 20 })
  await stage.ask(caller, 'terminate_instance', { instance_id: thrifty })
  return thrifty
}

/** Suspended, resumed as another, stuck, ended, and alive again. */
async function bePutAwayAndBack(stage: Stage, by: Parameters<Stage['spawn']>[1]): Promise<void> {
  const caller = by ?? stage.me
  const spare = await stage.spawn('spare', caller)
  await stage.ask(caller, 'suspend_instance', { instance_id: spare })
  await stage.ask(caller, 'resume_instance', { instance_id: spare, name: 'other', model: 'another' })
  await stage.ask(caller, 'send_to_instance', { instance_id: spare, message: 'do it', ...nowait })
  stage.begin(spare)
  stage.clock.advance(600_000)
  stage.fact(spare, { type: 'outputProduced', kind: 'text', content: 'still here' })
  await stage.ask(caller, 'terminate_instance', { instance_id: spare })
  await stage.ask(caller, 'resume_instance', { instance_id: spare })
}

describe('the audit', () => {
  test('get_audit_logs gives everything that is audited, each as the list says, in order of time, and no word of a message', async () => {
    const { stage } = await liveThroughEverything()
    const entries = await read(stage)
    expect(new Set(auditEvents.filter(event => named(entries, event).length === 0))).toEqual(new Set())
    for (const { at: _, event, instance_id: __, name: ___, ...data } of entries) expect(auditSchemas[event].safeParse({ ...data, ...('name' in auditSchemas[event].shape ? { name: ___ } : {}) }).error?.issues, event).toBeUndefined()
    expect(entries.map(entry => entry.at)).toEqual(entries.map(entry => entry.at).toSorted())
    expect(JSON.stringify(entries)).not.toMatch(/plan|the answer|and more|do it/)
  })

  test('says who asked, of whom, and what came of it', async () => {
    const { stage, by, lead, kid, thrifty, answered, caused, lost } = await liveThroughEverything()
    const entries = await read(stage)
    expect(named(entries, 'agent_spawned').slice(0, 2)).toEqual([expect.objectContaining({ name: 'lead', by, parent: { kind: 'client', id: stage.me.clientId }, role: 'general' }), expect.objectContaining({ name: 'kid', by: `agent:${lead}`, parent: { kind: 'agent', id: lead } })])
    expect(named(entries, 'message_sent').slice(0, 2)).toEqual([expect.objectContaining({ message: answered, by, instance_id: lead, expects_reply: true }), expect.objectContaining({ message: caused, by: `agent:${lead}`, instance_id: kid, caused_by: answered })])
    expect(named(entries, 'message_settled')).toEqual(expect.arrayContaining([expect.objectContaining({ message: answered, status: 'answered', via: 'reply_to_caller' }), expect.objectContaining({ message: caused, status: 'cancelled' }), expect.objectContaining({ message: lost, status: 'agent_gone' })]))
    expect(named(entries, 'interrupt_settled')[0]).toMatchObject({ by: `agent:${lead}`, instance_id: kid, interrupted: true, confirmed_by: 'self', cancelled: caused })
    expect(named(entries, 'end_asked').slice(0, 1)).toEqual([expect.objectContaining({ by, instance_id: kid, force: false })])
    expect(named(entries, 'agent_ended')[0]).toMatchObject({ instance_id: kid, reason: 'terminated by its client', unasked: false })
    expect(named(entries, 'call_refused')).toEqual([expect.objectContaining({ by: `agent:${lead}`, instance_id: lead, tool: 'terminate_instance', code: 'not_found' }), expect.objectContaining({ by, tool: 'send_to_instance', code: 'invalid_input' })])
    expect(named(entries, 'approval_resolved')).toEqual([expect.objectContaining({ instance_id: kid, approval: 'ask-1', decision: 'deny' })])
    expect(named(entries, 'limit_reached')).toEqual([expect.objectContaining({ instance_id: thrifty, limit: 'max_total_tokens', then: 'interrupt' }), expect.objectContaining({ instance_id: lead, limit: 'max_total_tokens', then: 'end' })])
    expect(named(entries, 'limit_lifted')).toEqual([expect.objectContaining({ instance_id: thrifty, limit: 'max_total_tokens' })])
  })

  test('is asked by time, event, agent and number, and refuses an event that nobody puts there', async () => {
    const { stage, kid } = await liveThroughEverything()
    const entries = await read(stage)
    expect(await read(stage, { instance: kid })).toEqual(entries.filter(entry => entry.instance_id === kid))
    expect(await read(stage, { event: 'agent_ended' })).toEqual(named(entries, 'agent_ended'))
    expect(await stage.ask(stage.me, 'get_audit_logs', { limit: 3 })).toMatchObject({ entries: entries.slice(-3), count: 3, older: true })
    expect(await stage.ask(stage.me, 'get_audit_logs', { limit: entries.length })).toMatchObject({ count: entries.length, older: false })
    for (const log_type of ['instance', 'communication']) {
      const whole = await stage.ask(stage.me, 'get_instance_logs', { instance_id: kid, log_type, tail: 0 })
      const count = Number(whole['count'])
      expect([count > 1, whole['older']]).toEqual([true, false])
      expect(await stage.ask(stage.me, 'get_instance_logs', { instance_id: kid, log_type, tail: count })).toEqual(whole)
      expect(await stage.ask(stage.me, 'get_instance_logs', { instance_id: kid, log_type, tail: 1 })).toMatchObject({ entries: [expect.anything()], count: 1, older: true })
    }
    const since = entries.at(-1)?.at ?? ''
    expect(await read(stage, { since, until: since })).toEqual(entries.filter(entry => entry.at === since))
    expect(await stage.call(stage.me, 'get_audit_logs', { event: 'agent_end' })).toMatchObject({ error: { code: 'invalid_input', remedy: expect.stringMatching(/^Did you mean "agent_ended"\?/) } })
    expect(await stage.refusal(stage.me, 'get_audit_logs', { since: '2026-01-02T00:00:00Z', until: '2026-01-01T00:00:00Z' })).toBe('invalid_input')
  })

  test('shows each what it may see: an owner its own, an agent itself and those below', async () => {
    const stage = createStage({ ownerTokens: { other: 'the-token-of-another-owner' } })
    const lead = await stage.spawn('lead')
    const kid = await stage.spawn('kid', stage.as(lead))
    const peer = await stage.spawn('peer')
    const stranger = stage.client('stranger', { ownerId: asOwnerId('other') })
    const agentsOf = (entries: readonly Entry[]) => new Set(entries.map(entry => entry.instance_id))
    expect(agentsOf(await read(stage))).toEqual(new Set([undefined, lead, kid, peer]))
    expect(agentsOf(await read(stage, {}, { kind: 'owner', ownerId: localOwner }))).toEqual(new Set([undefined, lead, kid, peer]))
    expect(agentsOf(await read(stage, {}, stage.as(lead)))).toEqual(new Set([lead, kid]))
    expect((await read(stage, {}, stranger)).map(({ event, client }) => [event, client])).toEqual([['client_connected', stranger.clientId]])
    expect(await stage.refusal(stage.as(kid), 'get_audit_logs', { instance: lead })).toBe('not_allowed')
    expect(await stage.refusal(stranger, 'get_audit_logs', { instance: lead })).toBe('not_found')
  })

  test('holds no secret, on record neither', async () => {
    const stage = createStage()
    const forget = knowSecrets(['a-planted-secret'])
    const ada = await stage.spawn('ada', stage.me, { mcp_servers: { tracker: { command: 'tracker', env: { TRACKER_TOKEN: 'of-the-tracker' } } } })
    stage.fact(ada, { type: 'exited', expected: false, lastWords: 'a-planted-secret of-the-tracker' })
    stage.fact(ada, { type: 'startFailed', code: 'exited', detail: 'a-planted-secret of-the-tracker' })
    await stage.refusal(stage.me, 'a-planted-secret')
    forget()
    expect(JSON.stringify(stage.store.listAudit({ limit: 1_000 }))).not.toMatch(/a-planted-secret|of-the-tracker/)
  })
})
