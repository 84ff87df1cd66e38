/** Files of agents through the tools that list, read and copy them: what is inside a workspace, and every way out of it that is not one. */

import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { AgentId } from '../../src/ids.ts'
import { createStage, type Stage } from './rig.ts'

const workspaceOf = (stage: Stage, id: AgentId): string => stage.system.status(stage.me, id).workspace.path

/** An agent with files of every kind, a secret beside its workspace, and one that may copy. */
async function createLibrary() {
  const stage = createStage()
  const ada = await stage.spawn('ada')
  const dir = workspaceOf(stage, ada)
  mkdirSync(join(dir, 'src', 'deep'), { recursive: true })
  mkdirSync(join(dir, '.git'))
  writeFileSync(join(dir, '.git', 'config'), '')
  writeFileSync(join(dir, 'notes.txt'), 'grüße\n')
  writeFileSync(join(dir, 'src', 'deep', 'a.bin'), Buffer.from([0, 255, 254, 1]))
  writeFileSync(join(stage.home, 'secret'), 'not yours')
  symlinkSync(join(stage.home, 'secret'), join(dir, 'way-out'))
  symlinkSync(stage.home, join(dir, 'door'))
  symlinkSync('notes.txt', join(dir, 'inside'))
  return { stage, ada, dir }
}
const list = (stage: Stage, id: string, args: object = {}) => stage.ask(stage.me, 'list_instance_files', { instance_id: id, ...args })
const read = (stage: Stage, id: string, path: string, args: object = {}) => stage.ask(stage.me, 'retrieve_instance_file', { instance_id: id, path, ...args })
const paths = (listing: Record<string, unknown>) => (listing['files'] as { path: string }[]).map(file => file.path)

describe('list_instance_files', () => {
  test('shows types and sizes, and links without following them', async () => {
    const { stage, ada, dir } = await createLibrary()
    expect(await list(stage, ada)).toMatchObject({
      instance_id: ada, workspace: dir, more: false,
      files: [
        { path: '.git', type: 'directory' }, { path: 'door', type: 'link', target: stage.home }, { path: 'inside', type: 'link', target: 'notes.txt' },
        { path: 'notes.txt', type: 'file', size: 8, changed_at: expect.stringMatching(/^\d{4}-/) }, { path: 'src', type: 'directory' }, { path: 'way-out', type: 'link' },
      ],
    })
  })

  test("goes below when asked to, through no link and not into git's directory", async () => {
    const { stage, ada } = await createLibrary()
    expect(paths(await list(stage, ada, { recursive: true }))).toEqual(['.git', 'door', 'inside', 'notes.txt', 'src', 'src/deep', 'src/deep/a.bin', 'way-out'])
    expect(paths(await list(stage, ada, { path: 'src', recursive: true }))).toEqual(['src/deep', 'src/deep/a.bin'])
  })

  test('of a directory with more than was asked for says so', async () => {
    const { stage, ada, dir } = await createLibrary()
    for (let n = 0; n < 300; n++) writeFileSync(join(dir, 'src', `f${n}`), '')
    const listing = await list(stage, ada, { path: 'src', limit: 50 })
    expect([paths(listing).length, listing['more']]).toEqual([50, true])
    expect(await list(stage, ada, { path: 'src', limit: 301 })).toMatchObject({ more: false })
  })

  test('of a directory that is not there names it', async () => {
    const { stage, ada } = await createLibrary()
    const gone = await stage.call(stage.me, 'list_instance_files', { instance_id: ada, path: 'nowhere' })
    expect(gone).toMatchObject({ ok: false, error: { code: 'not_found', message: expect.stringContaining('nowhere') } })
  })

  test('of an ended agent works, and of a workspace that was removed says so', async () => {
    const { stage, ada, dir } = await createLibrary()
    await stage.ask(stage.me, 'terminate_instance', { instance_id: ada })
    expect(paths(await list(stage, ada, { limit: 3 }))).toEqual(['.git', 'door', 'inside'])
    rmSync(dir, { recursive: true })
    expect(await stage.call(stage.me, 'list_instance_files', { instance_id: ada })).toMatchObject({ error: { code: 'not_found', message: expect.stringContaining('any more') } })
  })

  test('of another client\'s owner, a peer or a supervisor is refused', async () => {
    const { stage, ada } = await createLibrary()
    const kid = await stage.spawn('kid', stage.as(ada))
    const peer = await stage.spawn('peer')
    expect(await stage.refusal(stage.as(kid), 'list_instance_files', { instance_id: ada })).toBe('not_allowed')
    expect(await stage.refusal(stage.as(peer), 'retrieve_instance_file', { instance_id: ada, path: 'notes.txt' })).toBe('not_allowed')
    expect(await stage.refusal(stage.as(ada), 'list_instance_files', { instance_id: kid })).toBe('ok')
  })
})

test('list_multiple_instance_files tells of each agent on its own', async () => {
  const { stage, ada } = await createLibrary()
  expect(await stage.ask(stage.me, 'list_multiple_instance_files', { instance_ids: [ada, 'nobody'], limit: 2 })).toMatchObject({ results: [{ instance_id: ada, files: [{}, {}] }, { instance_id: 'nobody', error: { code: 'not_found' } }] })
})

describe('retrieve_instance_file', () => {
  test('gives text as text, anything else as base64', async () => {
    const { stage, ada } = await createLibrary()
    expect(await read(stage, ada, 'notes.txt')).toMatchObject({ encoding: 'utf-8', content: 'grüße\n', size: 8, bytes: 8 })
    expect(await read(stage, ada, 'src/deep/a.bin')).toMatchObject({ encoding: 'base64', content: Buffer.from([0, 255, 254, 1]).toString('base64') })
    expect(await read(stage, ada, 'inside')).toMatchObject({ path: 'notes.txt', content: 'grüße\n' })
  })

  test('gives a long one in parts that together are the file, and cuts no character', async () => {
    const { stage, ada, dir } = await createLibrary()
    const whole = '\u{FEFF}aé€😀'.repeat(40)
    writeFileSync(join(dir, 'long.txt'), whole)
    const parts: string[] = []
    for (let offset: unknown = 0; offset !== undefined;) {
      const part = await read(stage, ada, 'long.txt', { offset, max_bytes: 7 })
      expect([part['encoding'], String(part['content']).length > 0]).toEqual(['utf-8', true])
      parts.push(String(part['content']))
      offset = part['next_offset']
    }
    expect(parts.join('')).toBe(whole)
    expect(await read(stage, ada, 'long.txt', { offset: 10_000 })).toMatchObject({ bytes: 0, content: '' })
  })

  test.each(['../../../secret', 'way-out', 'door/secret', '/etc/passwd', 'src/../../../../secret'])('refuses %s, which leads out', async path => {
    const { stage, ada } = await createLibrary()
    const outcome = await stage.call(stage.me, 'retrieve_instance_file', { instance_id: ada, path })
    expect(outcome).toMatchObject({ ok: false, error: { code: 'not_allowed', message: expect.stringContaining('leads out of') } })
  })

  test('refuses a FIFO at once, a socket and a directory', async () => {
    const { stage, ada, dir } = await createLibrary()
    execFileSync('mkfifo', [join(dir, 'pipe')])
    const server = createServer().listen(join(dir, 'socket'))
    onTestFinished(() => void server.close())
    for (const path of ['pipe', 'socket', 'src']) expect(await stage.refusal(stage.me, 'retrieve_instance_file', { instance_id: ada, path }), path).toBe('invalid_input')
    expect(paths(await list(stage, ada))).toEqual(expect.arrayContaining(['pipe', 'socket']))
  })

  test('gives no byte from outside while a directory is exchanged for a link again and again', async () => {
    const { stage, ada, dir } = await createLibrary()
    mkdirSync(join(dir, 'swap'))
    writeFileSync(join(dir, 'swap', 'secret'), 'harmless!')
    const stop = new AbortController()
    const swaps = (async () => {
      for (let n = 0; !stop.signal.aborted; n++) {
        renameSync(join(dir, 'swap'), join(dir, `real${n}`))
        symlinkSync(stage.home, join(dir, 'swap'))
        await stage.settle()
        rmSync(join(dir, 'swap'))
        renameSync(join(dir, `real${n}`), join(dir, 'swap'))
        await stage.settle()
      }
    })()
    const seen = new Set<string>()
    for (let n = 0; n < 300; n++) {
      const outcome = await stage.call(stage.me, 'retrieve_instance_file', { instance_id: ada, path: 'swap/secret' })
      seen.add(outcome.ok ? String(outcome.data?.['content']) : outcome.error.code)
    }
    stop.abort()
    await swaps
    expect([...seen].filter(what => !['harmless!', 'not_allowed', 'not_found'].includes(what))).toEqual([])
    expect(seen.size).toBeGreaterThan(1)
  })

  test('refuses everything in a workspace that is a link by now', async () => {
    const { stage, ada, dir } = await createLibrary()
    renameSync(dir, `${dir}-moved`)
    symlinkSync(stage.home, dir)
    expect(await stage.refusal(stage.me, 'retrieve_instance_file', { instance_id: ada, path: 'secret' })).toBe('not_allowed')
    expect(await stage.refusal(stage.me, 'list_instance_files', { instance_id: ada })).toBe('not_allowed')
  })
})

describe('retrieve_instance_file with copy_to', () => {
  test("copies byte for byte to where the caller may write, a client's root or an agent's workspace", async () => {
    const { stage, ada } = await createLibrary()
    mkdirSync(join(stage.home, 'inbox'))
    expect(await read(stage, ada, 'src/deep/a.bin', { copy_to: 'inbox' })).toMatchObject({ copied_to: join(stage.home, 'inbox', 'a.bin'), size: 4 })
    expect(readFileSync(join(stage.home, 'inbox', 'a.bin'))).toEqual(Buffer.from([0, 255, 254, 1]))
    const kid = await stage.spawn('kid', stage.as(ada))
    writeFileSync(join(workspaceOf(stage, kid), 'result'), 'done')
    expect(await stage.ask(stage.as(ada), 'retrieve_instance_file', { instance_id: kid, path: 'result', copy_to: 'src/result.txt' })).toMatchObject({ copied_to: join(workspaceOf(stage, ada), 'src/result.txt') })
  })

  test('writes over nothing, out of nothing, and into no hidden place', async () => {
    const { stage, ada, dir } = await createLibrary()
    writeFileSync(join(stage.home, 'taken'), 'mine')
    symlinkSync('/tmp', join(stage.home, 'away'))
    const attempt = (copy_to: string, caller = stage.me as Parameters<Stage['call']>[0]) => stage.refusal(caller, 'retrieve_instance_file', { instance_id: ada, path: 'notes.txt', copy_to })
    expect(await attempt('taken')).toBe('invalid_input')
    expect(readFileSync(join(stage.home, 'taken'), 'utf8')).toBe('mine')
    expect(await attempt('../stolen')).toBe('not_allowed')
    expect(await attempt('away/stolen')).toBe('not_allowed')
    expect(await attempt('no/such/directory')).toBe('not_found')
    expect(await attempt('.git/hooks', stage.as(ada))).toBe('not_allowed')
    expect(await attempt('.git/config2', stage.as(ada))).toBe('not_allowed')
    expect(existsSync(join(dir, '.git', 'config2'))).toBe(false)
    expect(await attempt('x', stage.client('rootless'))).toBe('not_allowed')
  })

  test('writes nothing for an agent that may only read', async () => {
    const { stage } = await createLibrary()
    const reader = await stage.spawn('reader', stage.me, { sandbox_mode: 'read-only' })
    const kid = await stage.spawn('kid', stage.as(reader))
    writeFileSync(join(workspaceOf(stage, kid), 'result'), 'done')
    expect(await stage.refusal(stage.as(reader), 'retrieve_instance_file', { instance_id: kid, path: 'result', copy_to: 'result' })).toBe('not_allowed')
  })

  test('leaves nothing of what is too large or cancelled', async () => {
    const { stage, ada, dir } = await createLibrary()
    writeFileSync(join(dir, 'huge'), '')
    truncateSync(join(dir, 'huge'), 1024 ** 3 + 1)
    expect(await stage.refusal(stage.me, 'retrieve_instance_file', { instance_id: ada, path: 'huge', copy_to: 'copy' })).toBe('invalid_input')
    const cancelled = await stage.call(stage.me, 'retrieve_instance_file', { instance_id: ada, path: 'notes.txt', copy_to: 'copy' }, { signal: AbortSignal.abort() })
    expect(cancelled).toMatchObject({ ok: false, error: { code: 'unavailable' } })
    expect(readdirSync(stage.home)).not.toContain('copy')
  })
})

test('retrieve_multiple_instance_files reads each on its own, together no more than fits an answer', async () => {
  const { stage, ada, dir } = await createLibrary()
  writeFileSync(join(dir, 'big'), 'x'.repeat(900_000))
  chmodSync(join(dir, 'notes.txt'), 0o600)
  const whole = { max_bytes: 1_000_000 }
  const { results } = await stage.ask(stage.me, 'retrieve_multiple_instance_files', {
    files: [{ instance_id: ada, path: 'big', ...whole }, { instance_id: ada, path: 'big', ...whole }, { instance_id: ada, path: 'notes.txt' }, { instance_id: ada, path: 'way-out' }],
  })
  expect(results).toMatchObject([{ bytes: 900_000 }, { bytes: 100_000, next_offset: 100_000 }, { bytes: 0, next_offset: 0 }, { instance_id: ada, path: 'way-out', error: { code: 'not_allowed' } }])
})
