/** The library as it is embedded: real SQLite, real clock, the scripted harness. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createMadrox, localOwner, type Caller, type Madrox, type MadroxOptions } from '../../src/index.ts'

function createHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'madrox-home-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return home
}

async function open(home: string, options: Partial<MadroxOptions> = {}): Promise<{ madrox: Madrox; me: Caller; ask: (tool: string, args?: Record<string, unknown>) => Promise<Record<string, unknown>> }> {
  const madrox = await createMadrox({ home, env: {}, ...options })
  onTestFinished(() => madrox.close())
  const me = { kind: 'client', clientId: madrox.system.connectClient({ ownerId: localOwner, name: 'tester', root: '/somewhere' }), ownerId: localOwner } as const
  const ask = async (tool: string, args: Record<string, unknown> = {}): Promise<Record<string, unknown>> => {
    const outcome = await madrox.call(me, tool, args)
    if (!outcome.ok) throw new Error(`${outcome.error.code}: ${outcome.error.message}`)
    return outcome.data ?? { text: outcome.text }
  }
  return { madrox, me, ask }
}

const scripted = (name: string, more = {}) => ({ harness: 'scripted', name, workspace: 'isolated', ...more })

describe('a home', () => {
  test('is one server\'s at a time, and free when that has closed', async () => {
    const home = createHome()
    const { madrox } = await open(home)
    await expect(createMadrox({ home, env: {} })).rejects.toMatchObject({ code: 'unavailable' })
    await madrox.close()
    const again = await createMadrox({ home, env: {} })
    await again.close()
  })

  test('is not opened by a process that its own agents started', async () => {
    const home = createHome()
    await expect(createMadrox({ home, env: { MADROX_OWNED_BY: home } })).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('is one home by whatever path it is given: what an earlier server left running under another is ended', async () => {
    const home = createHome()
    symlinkSync(home, join(home, 'link'))
    const stray = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { env: { MADROX_OWNED_BY: home }, stdio: 'ignore' })
    const ended = once(stray, 'exit')
    await once(stray, 'spawn')
    await open(join(home, 'link'))
    expect(await ended).toEqual([null, 'SIGKILL'])
  })

  test('whose lock cannot be used is refused for what is wrong with it', async () => {
    const home = createHome()
    writeFileSync(join(home, 'server.lock'), 'no database'.repeat(100))
    await expect(createMadrox({ home, env: {} })).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('not a database') })
  })

  test('that cannot be written when an answer was made: the answer is given, and counts as handed out as soon as that can be written', async () => {
    const home = createHome()
    const { madrox, me, ask } = await open(home)
    const { instance_id } = await ask('spawn_agent', scripted('ada'))
    await ask('send_to_instance', { instance_id, message: 'echo one', wait_for_response: false })
    await ask('send_to_instance', { instance_id, message: 'echo two' })
    const other = new Database(join(home, 'madrox.db'))
    other.exec('BEGIN IMMEDIATE')
    expect(await madrox.call(me, 'get_pending_replies')).toMatchObject({ ok: true, data: { replies: [{ response: 'one' }] } })
    other.exec('ROLLBACK')
    other.close()
    await madrox.close()
    const after = await open(home)
    expect(await after.ask('get_pending_replies')).toMatchObject({ replies: [] })
  }, 30_000)

  test('as a killed server left it: the team is there, goes on with its work, and who waits again is answered', async () => {
    const [home, copy] = [createHome(), createHome()]
    const { ask } = await open(home)
    const { instance_id } = await ask('spawn_agent', scripted('ada'))
    await ask('spawn_agent', scripted('kid', { parent_instance_id: instance_id }))
    const sent = await ask('send_to_instance', { instance_id, message: 'wait 300; echo after all', wait_for_response: false })
    // What a SIGKILL would leave behind: the files as they are now.
    cpSync(home, copy, { recursive: true, filter: path => !path.endsWith('.lock') })
    const after = await open(copy)
    expect(await after.ask('get_instance_tree')).toEqual({ text: expect.stringMatching(/^ada .*\n└── kid .*\[idle\]/) })
    expect(await after.ask('wait_for_any', { message_ids: [sent['message_id']] })).toMatchObject({ status: 'answered', response: 'after all' })
    expect(await after.ask('send_to_instance', { instance_id: 'kid', message: 'echo woken' })).toMatchObject({ response: 'woken' })
  })
})

describe('scripted agents', () => {
  test('three levels deep: asked, answered by the turn\'s end, ended leaves first', async () => {
    const { ask } = await open(createHome())
    await ask('spawn_agent', scripted('lead'))
    expect(await ask('send_to_instance', { instance_id: 'lead', message: 'delegate back {delegate test {echo 42 passed}}' })).toMatchObject({ status: 'answered', response: '42 passed', via: 'turn_end' })
    expect(await ask('terminate_instance', { instance_id: 'lead' })).toMatchObject({ terminated: [{ name: 'test' }, { name: 'back' }, { name: 'lead' }] })
  })

  test('five messages in a row, each with its own answer', async () => {
    const { ask } = await open(createHome())
    await ask('spawn_agent', scripted('ada'))
    const answers = await Promise.all([1, 2, 3, 4, 5].map(count => ask('send_to_instance', { instance_id: 'ada', message: `echo answer ${count}` })))
    expect(answers.map(answer => answer['response'])).toEqual([1, 2, 3, 4, 5].map(count => `answer ${count}`))
  })

  test('one with background work answers with what came of it, not with what it said before', async () => {
    const { ask } = await open(createHome())
    await ask('spawn_agent', scripted('ada'))
    expect(await ask('send_to_instance', { instance_id: 'ada', message: 'say building; background 20 the build is green' })).toMatchObject({ status: 'answered', response: 'the build is green' })
  })

  test('also when another message comes in between', async () => {
    const { ask } = await open(createHome())
    await ask('spawn_agent', scripted('ada'))
    const first = ask('send_to_instance', { instance_id: 'ada', message: 'say building; background 30 the build is green' })
    expect(await ask('send_to_instance', { instance_id: 'ada', message: 'wait 60; say second' })).toMatchObject({ response: expect.stringContaining('second') })
    expect(await first).toMatchObject({ response: 'the build is green' })
  })

  test('a child that is slow and somebody else\'s business holds up no answer', async () => {
    const { ask } = await open(createHome())
    await ask('spawn_agent', scripted('lead'))
    const slow = await ask('send_to_instance', { instance_id: 'lead', message: 'delegate slow {hang}', wait_for_response: false })
    expect(await ask('send_to_instance', { instance_id: 'lead', message: 'delegate quick {echo done}' })).toMatchObject({ status: 'answered', response: 'done' })
    expect(await ask('wait_for_any', { message_ids: [slow['message_id']], timeout_seconds: 0.02 })).toMatchObject({ status: 'pending' })
  })

  test('one whose process dies is resumed and given its task again; twice, it is given up and its sender told', async () => {
    const { ask } = await open(createHome())
    await ask('spawn_agent', scripted('once'))
    expect(await ask('send_to_instance', { instance_id: 'once', message: 'crash-once; echo survived' })).toMatchObject({ status: 'answered', response: 'survived' })
    expect(await ask('get_pending_replies')).toMatchObject({ replies: [{ kind: 'notice', from: 'once' }] })
    await ask('spawn_agent', scripted('twice', { restart: 'temporary' }))
    expect(await ask('send_to_instance', { instance_id: 'twice', message: 'crash boom' })).toMatchObject({ status: 'agent_gone', response: expect.stringContaining('boom') })
    expect(await ask('get_instance_status', { instance_id: 'twice' })).toMatchObject({ state: 'terminated', end_reason: expect.stringContaining('boom') })
  })

  test('one that is interrupted keeps what it was told, and goes on when told', async () => {
    const { ask } = await open(createHome())
    await ask('spawn_agent', scripted('ada'))
    const long = ask('send_to_instance', { instance_id: 'ada', message: 'hang' })
    await expect.poll(async () => (await ask('get_instance_status', { instance_id: 'ada' }))['detail']).toBe('busy.working')
    expect(await ask('interrupt_instance', { instance_id: 'ada' })).toMatchObject({ interrupted: true })
    expect(await long).toMatchObject({ status: 'cancelled' })
    expect(await ask('send_to_instance', { instance_id: 'ada', message: 'recall' })).toMatchObject({ response: expect.stringContaining('hang') })
  })

  test('one that stands at a dialog: its supervisor is told, nothing is typed, and it can still be ended', async () => {
    const { ask } = await open(createHome())
    await ask('spawn_agent', scripted('ada'))
    const waited = ask('send_to_instance', { instance_id: 'ada', message: 'approval Bash rm' })
    expect(await ask('get_pending_replies', { wait_timeout: 5 })).toMatchObject({ replies: [{ kind: 'notice', response: expect.stringMatching(/^ada waits for permission to use Bash: rm\nAllow or deny it by answer_approval with approval_id \w+; without an answer by \S+ it is denied\. Policy leaves it open: it does not say how far Bash reaches\.$/) }] })
    await ask('send_to_instance', { instance_id: 'ada', message: 'behind it', wait_for_response: false })
    expect(await ask('get_instance_status', { instance_id: 'ada' })).toMatchObject({ detail: 'busy.awaitingApproval', health: 'waiting for approval', mailbox: 1 })
    await ask('terminate_instance', { instance_id: 'ada' })
    expect(await waited).toMatchObject({ status: 'agent_gone' })
  })

  test('closing ends everything at once, whatever it does', async () => {
    const { madrox, ask } = await open(createHome())
    for (const name of ['a', 'b']) await ask('spawn_agent', scripted(name))
    const waits = ['a', 'b'].map(name => ask('send_to_instance', { instance_id: name, message: 'delegate deep {hang}; hang' }))
    await expect.poll(async () => (await ask('get_instance_status'))['total']).toBe(4)
    await madrox.close()
    expect(await Promise.all(waits)).toMatchObject([{ status: 'agent_gone' }, { status: 'agent_gone' }])
    expect(await madrox.call({ kind: 'owner', ownerId: localOwner }, 'spawn_agent', scripted('late'))).toMatchObject({ ok: false, error: { code: 'shutting_down' } })
  })
})
