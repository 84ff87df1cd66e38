import { describe, expect, onTestFinished, test } from 'vitest'
import { connectMcp, type McpClientOptions, type McpConnection } from '../../src/transports/mcp/client.ts'
import { serve } from './served.ts'

async function connected(options: McpClientOptions): Promise<McpConnection> {
  const connection = await connectMcp(options)
  onTestFinished(() => connection.close().catch(() => {})) // a test may have closed the server before
  return connection
}

describe('connectMcp', () => {
  test('lists, calls, and tells failures as results', async () => {
    const { mcpUrl } = await serve()
    const madrox = await connected({ url: mcpUrl, name: 'demo' })
    expect((await madrox.listTools()).map(tool => tool.name)).toContain('echo')
    expect(await madrox.callTool('echo', { text: 'a' })).toEqual({ ok: true, text: '{"text":"a"}', data: { text: 'a' } })
    expect(await madrox.callTool('tree')).toMatchObject({ ok: true, text: '└── ada' })
    expect(await madrox.callTool('fail')).toMatchObject({ ok: false, text: 'agent_busy: Agent "ada" is busy. Interrupt it.' })
  })

  test('says who and where it is', async () => {
    const { mcpUrl, journal } = await serve()
    const madrox = await connected({ url: mcpUrl, name: 'demo', token: 'owner:ada', roots: ['/work/a b'] })
    await madrox.callTool('echo', { text: 'a' })
    expect(journal.named('connected')[0]?.request).toMatchObject({ ownerId: 'ada', name: 'demo' })
    expect(journal.named('located')[0]).toMatchObject({ root: '/work/a b' })
  })

  test('hears progress, and cancels', async () => {
    const { mcpUrl, journal } = await serve()
    const madrox = await connected({ url: mcpUrl, name: 'demo' })
    const cancel = new AbortController()
    const heard = new Promise(resolve => {
      madrox.callTool('wait', {}, { signal: cancel.signal, onProgress: resolve }).catch(() => {}) // rejected by its own cancellation
    })
    ;(await journal.first('called')).context.progress('seen')
    expect(await heard).toBe('seen')
    cancel.abort()
    await journal.first('aborted')
  })

  test('goes on after a restart of the server, with one new session for all its calls', async () => {
    const before = await serve()
    const madrox = await connected({ url: before.mcpUrl, name: 'demo' })
    await before.server.close()
    const after = await serve({ port: before.server.port })
    const answers = await Promise.all(['a', 'b', 'c'].map(text => madrox.callTool('echo', { text })))
    expect(answers.map(answer => answer.data)).toEqual([{ text: 'a' }, { text: 'b' }, { text: 'c' }])
    expect(after.journal.named('connected')).toHaveLength(1)
  })

  test('close ends the session', async () => {
    const { mcpUrl, server } = await serve()
    const madrox = await connectMcp({ url: mcpUrl, name: 'demo' })
    await madrox.close()
    expect(server.sessionCount).toBe(0)
  })
})
