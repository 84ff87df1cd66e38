/** The inspector's page as a person sees it: the real server, real agents, a real browser. */
import { expect, onTestFinished, test } from 'vitest'
import { connectMcp, type McpConnection } from '../../src/transports/mcp/client.ts'
import { type RunningServer, startServe, temporaryHome } from '../cli/server.ts'
import { openBrowser } from './browser.ts'

interface Rig {
  readonly server: RunningServer
  readonly client: McpConnection
  readonly home: string
}

async function start(env: Record<string, string> = {}): Promise<Rig> {
  const home = await temporaryHome()
  const server = await startServe(home.path, [], env)
  const token = env['MADROX_SERVER_TOKEN']
  const client = await connectMcp({ url: `${server.url}/mcp`, name: 'claude-code', ...(token ? { token } : {}) })
  onTestFinished(async () => {
    await client.close().catch(() => {}) // its server may be gone already
    if (server.child.exitCode === null) await server.end('SIGTERM')
    await home.remove()
  })
  return { server, client, home: home.path }
}

/** The id and the page of a new scripted agent. */
async function spawn({ client }: Rig, name: string, more: Record<string, unknown> = {}): Promise<{ id: string; url: string }> {
  const { data } = await client.callTool('spawn_agent', { harness: 'scripted-pty', name, workspace: 'isolated', ...more })
  return { id: String(data?.['instance_id']), url: String(data?.['inspector_url']) }
}

test('the link of a spawn shows its agent: the tree around it, its state as it changes, and what changed it', async () => {
  const rig = await start()
  const lead = await spawn(rig, 'lead')
  const ada = await spawn(rig, 'ada', { parent_instance_id: lead.id, role: 'backend_developer' })
  await spawn(rig, 'grace', { parent_instance_id: lead.id, role: 'tester' })
  const { page, faults, asked } = await openBrowser()
  await page.goto(ada.url)
  const lit = page.locator('#machine .state.lit')
  await page.locator('#machine [data-state="idle"].lit').waitFor()
  expect(await page.locator('#name').textContent()).toBe('ada')
  expect(await lit.locator('.inner').textContent()).toBe('live')
  expect(await page.locator('#tree li li .name').allTextContents()).toEqual(['ada', 'grace'])
  expect(await page.locator('#tree .client').first().textContent()).toBe('client claude-code')

  const sent = await rig.client.callTool('send_to_instance', { instance_id: 'ada', message: 'hang', wait_for_response: false })
  await page.locator('#machine [data-state="busy"].lit >> text=working').waitFor()
  await page.locator('#tree [aria-current] >> text=working').waitFor()
  await page.locator('#facts dd', { hasText: String(sent.data?.['message_id']) }).first().waitFor()
  await page.locator('#history tbody tr:first-child', { hasText: 'busy.working' }).waitFor()
  await rig.client.callTool('send_to_instance', { instance_id: 'ada', message: 'echo later', wait_for_response: false })
  await page.locator('#facts dd', { hasText: '1 waiting' }).waitFor()
  expect(await lit.count()).toBe(1)

  await rig.client.callTool('interrupt_instance', { instance_id: 'ada' })
  await page.locator('#machine [data-state="interrupted"].lit').waitFor()
  await page.locator('#history tbody tr', { hasText: 'interruptAsked' }).waitFor()

  await page.locator('#tree a', { hasText: 'lead' }).click()
  await page.locator('#name >> text=lead').waitFor()
  expect(page.url()).toBe(lead.url)
  await page.goBack()
  await page.locator('#name >> text=ada').waitFor()
  await rig.client.callTool('terminate_instance', { instance_id: 'ada' })
  await page.locator('#machine [data-state="terminated"].lit >> text=final').waitFor()
  await page.locator('#history tbody tr:first-child', { hasText: 'ended' }).waitFor()
  await page.locator('#facts dd', { hasText: 'terminated by its client' }).waitFor()
  expect(faults).toEqual([])
  expect(asked.filter(url => !url.startsWith(`${rig.server.url}/`) && url !== 'data:,')).toEqual([])
})

test('what waits for a yes is shown as it comes, with buttons, and goes when it is answered, here or elsewhere', async () => {
  const rig = await start()
  const script = [{ when: '/./', steps: [{ approval: { tool: 'Deploy', detail: '{{text}}' } }, { reply: 'it was: {{last}}' }] }]
  const ada = await spawn(rig, 'ada', { harness: 'scripted', script })
  const { page, faults } = await openBrowser()
  await page.goto(ada.url)
  await page.locator('#machine .state.lit').waitFor()
  const panel = page.locator('#approvals')
  const items = panel.locator('li')
  expect(await panel.isVisible()).toBe(false)
  const send = (message: string) => rig.client.callTool('send_to_instance', { instance_id: 'ada', message })

  const first = send('to <b>production</b>')
  await items.waitFor()
  expect(await items.locator('.text').textContent()).toBe('ada waits for permission to use Deploy: to <b>production</b>')
  expect(await items.locator('.left').textContent()).toMatch(/^denied in \d+ min/)
  expect(await items.locator('b').count()).toBe(0)
  await items.getByRole('button', { name: 'Allow' }).click()
  await panel.waitFor({ state: 'hidden' })
  expect((await first).data).toMatchObject({ response: expect.stringMatching(/allow/i) })

  const second = send('again')
  await items.getByLabel('reason').fill('not twice')
  await items.getByRole('button', { name: 'Deny' }).click()
  await panel.waitFor({ state: 'hidden' })
  expect((await second).data).toMatchObject({ response: expect.stringMatching(/den/i) })
  const { data } = await rig.client.callTool('list_approvals', { include_settled: 1 })
  expect(data).toMatchObject({ approvals: [{ decision: 'deny', reason: 'not twice' }] })

  const third = send('and again')
  await items.waitFor()
  const listed = await rig.client.callTool('list_approvals')
  const { approvals } = (listed.data ?? {}) as { approvals: readonly { readonly approval_id: string }[] } // as its schema says
  await rig.client.callTool('answer_approval', { approval_id: approvals[0]?.approval_id, decision: 'allow' })
  await panel.waitFor({ state: 'hidden' })
  await third
  // A spawn has no agent yet, and is told of all the same.
  await rig.client.callTool('set_policy', { spawn_approval: 'manual' })
  const spawned = spawn(rig, 'bob')
  await items.locator('.text', { hasText: 'wants to spawn the agent "bob"' }).waitFor()
  await items.getByRole('button', { name: 'Allow' }).click()
  expect((await spawned).id).toMatch(/^\w+$/)
  await page.locator('#tree a', { hasText: 'bob' }).waitFor()
  expect(faults).toEqual([])
})

test('what an agent is called is text, whatever it says', async () => {
  const rig = await start()
  const name = '<img src=x onerror=document.title=1>'
  const { url } = await spawn(rig, name)
  const { page, faults, asked } = await openBrowser()
  await page.goto(url)
  await page.locator('#machine .state.lit').waitFor()
  expect(await page.locator('#tree .name').textContent()).toBe(name)
  expect(await page.locator('#name').textContent()).toBe(name)
  expect(await page.locator('img').count()).toBe(0)
  expect(asked.filter(each => each.endsWith('/x'))).toEqual([])
  await page.goto(rig.server.url)
  await page.locator('#history tbody tr', { hasText: name }).first().waitFor()
  expect(await page.locator('img').count()).toBe(0)
  expect(faults).toEqual([])
})

test('where a token is set the page asks for it, and keeps it out of addresses', async () => {
  const token = 'a-token-of-thirty-two-characters'
  const rig = await start({ MADROX_SERVER_TOKEN: token })
  const { url } = await spawn(rig, 'ada')
  const { page, asked } = await openBrowser()
  await page.goto(url)
  await page.fill('#token', 'not-the-token-of-this-server')
  expect(await page.locator('#content').isVisible()).toBe(false)
  await page.click('#ask button')
  await page.locator('#why', { hasText: 'not issued by this server' }).waitFor()
  await page.fill('#token', token)
  await page.click('#ask button')
  await page.locator('#machine .state.lit').waitFor()
  await page.reload()
  await page.locator('#machine .state.lit').waitFor()
  expect(page.url()).toBe(url)
  expect(asked.filter(each => each.includes(token))).toEqual([])
})

test('a server that is gone is told as gone, and a new one at its place is followed', async () => {
  const rig = await start()
  const { url } = await spawn(rig, 'ada')
  const { page } = await openBrowser()
  await page.goto(url)
  await page.locator('#connection[data-is="live"]').waitFor()
  await rig.server.end('SIGTERM')
  await page.locator('#connection[data-is="lost"]').waitFor()
  const next = await startServe(rig.home, ['--port', new URL(rig.server.url).port])
  onTestFinished(async () => void (await next.end('SIGTERM')))
  await page.locator('#connection[data-is="live"]').waitFor()
  await page.locator('#machine [data-state="terminated"].lit').waitFor()
  expect(await page.locator('#history tbody tr').count()).toBe(0)
})
