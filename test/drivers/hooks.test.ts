import { afterEach, beforeEach, expect, test } from 'vitest'
import { hookBodySchema, type HookBody } from '../../src/drivers/claude/hook-bodies.ts'
import { createHookListener, type HookListener } from '../../src/drivers/hooks.ts'

let listener: HookListener<HookBody>
let bad: string[]
beforeEach(() => {
  bad = []
  listener = createHookListener(hookBodySchema, agentId => bad.push(agentId))
})
afterEach(() => listener.close())

const post = async (path: string, token: string, body: unknown, signal?: AbortSignal): Promise<Response> =>
  fetch(`${await listener.url()}${path}`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: typeof body === 'string' ? body : JSON.stringify(body), ...(signal ? { signal } : {}) })
const stop = { hook_event_name: 'Stop', session_id: 's', prompt_id: 'c1', last_assistant_message: 'x', background_tasks: [{ id: 'b', type: 'shell', status: 'running' }] }

test('a hook with its agent\'s token is taken and answered', async () => {
  const seen: unknown[] = []
  const token = listener.register('ada', body => {
    seen.push(body)
    return { answer: 1 }
  })
  expect(await (await post('/hooks/ada/Stop', token, stop)).json()).toEqual({ answer: 1 })
  expect(seen).toMatchObject([{ hook_event_name: 'Stop', prompt_id: 'c1', session_crons: [] }])
})

test('another agent\'s token, none, and an agent that is gone are turned away', async () => {
  const seen: unknown[] = []
  const ada = listener.register('ada', body => (seen.push(body), {}))
  const bob = listener.register('bob', body => (seen.push(body), {}))
  expect((await post('/hooks/ada/Stop', bob, stop)).status).toBe(401)
  expect((await post('/hooks/ada/Stop', '', stop)).status).toBe(401)
  listener.unregister('ada')
  expect((await post('/hooks/ada/Stop', ada, stop)).status).toBe(401)
  expect(seen).toEqual([])
})

test.for(['{', 'null', '{"hook_event_name":"Nonsense"}'])('a body that means nothing is answered, so that the CLI goes on, and reported: %s', async body => {
  const token = listener.register('ada', () => ({ never: true }))
  const answer = await post('/hooks/ada/X', token, body)
  expect([answer.status, await answer.json()]).toEqual([200, {}])
  expect(bad).toEqual(['ada'])
})

test('a held answer learns that nobody waits for it any more', async () => {
  let gone: AbortSignal | undefined
  let taken = (): void => {}
  const held = new Promise<void>(resolve => (taken = resolve))
  const token = listener.register('ada', (_body, signal) => {
    gone = signal
    taken()
    return new Promise(() => {})
  })
  const client = new AbortController()
  const request = post('/hooks/ada/PermissionRequest', token, { hook_event_name: 'PermissionRequest', session_id: 's', tool_name: 'Bash', tool_input: {} }, client.signal)
  await held
  client.abort()
  await expect(request).rejects.toThrow()
  await expect.poll(() => gone?.aborted).toBe(true)
})
