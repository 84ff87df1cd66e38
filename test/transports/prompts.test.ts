/** Prompts and completion over MCP, with the real system, templates and roles behind the real server. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { localOwner } from '../../src/ids.ts'
import { createToolTable } from '../../src/tools/table.ts'
import type { StageOptions } from '../actors/rig.ts'
import { stageAndServe, type Watched } from '../inspector/feed.ts'
import { connect } from './served.ts'

async function open(options: StageOptions = {}): Promise<Watched & { readonly session: Client }> {
  const stage = await stageAndServe(options)
  const { client } = await connect(`${stage.server.url}/mcp`, { token: options.ownerTokens?.[localOwner] })
  return { ...stage, session: client }
}

const refusalOf = async (request: Promise<unknown>): Promise<unknown> => request.then(() => 'no refusal', (error: unknown) => error)

/** All the text a prompt puts before a model. */
async function textOf(client: Client, name: string, args: Record<string, string> = {}): Promise<string> {
  const { messages } = await client.getPrompt({ name, arguments: args })
  return messages.map(({ content }) => (content.type === 'text' ? content.text : content.type === 'resource' && 'text' in content.resource ? content.resource.text : '')).join('\n')
}

describe('prompts', () => {
  const all = ['spawn_team', 'delegate', 'review_team', 'redirect', 'team_data_pipeline', 'team_research_analysis', 'team_security_audit', 'team_software_engineering']

  test('are one for each team template, and a few for what teams are used for', async () => {
    const { session: client } = await open()
    const { prompts } = await client.listPrompts()
    expect(prompts.map(({ name }) => name)).toEqual(all)
    expect(prompts.find(({ name }) => name === 'team_software_engineering')).toEqual({
      name: 'team_software_engineering', title: expect.any(String), description: expect.stringMatching(/6 agents, .+\.$/),
      arguments: [{ name: 'task', description: expect.any(String), required: true }, { name: 'supervisor_role', description: expect.any(String), required: false }],
    })
  })

  test('of a team names its template, carries the task as it is, and who will be at work', async () => {
    const { session: client } = await open()
    const text = await textOf(client, 'team_software_engineering', { task: 'Build a *parser*.\n  Twice.', supervisor_role: 'architect' })
    expect(text).toContain('Build a *parser*.\n  Twice.')
    expect(text).toMatch(/Call spawn_team_from_template with template_name "software_engineering", supervisor_role "architect"/)
    expect(text).toMatch(/6 agents, each a real process that costs money/)
    expect(await textOf(client, 'spawn_team', { template: 'software_engineering', task: 'x' })).toContain('template_name "software_engineering" and the task')
  })

  test('name only tools there are', async () => {
    const { session: client, spawn } = await open()
    await spawn('ada')
    const argsOf: Readonly<Record<string, Record<string, string>>> = { spawn_team: { template: 'data_pipeline', task: 'x' }, redirect: { instance: 'ada', instructions: 'x' }, review_team: { instance: 'ada' } }
    const texts = await Promise.all(all.map(name => textOf(client, name, argsOf[name] ?? { task: 'x' })))
    const named = new Set(texts.flatMap(text => text.match(/\b(?:spawn|send|get|wait|interrupt|terminate|list)_[a-z_]+/g) ?? []))
    expect(named.size).toBeGreaterThan(8)
    expect([...named].filter(name => !createToolTable().has(name))).toEqual([])
  })

  test('to review show the tree, or what one agent did; to redirect names it by its id', async () => {
    const stage = await open()
    const ada = await stage.spawn('ada')
    expect((await stage.session.getPrompt({ name: 'review_team' })).messages[0]?.content).toEqual({ type: 'resource', resource: { uri: 'madrox://tree', mimeType: 'text/plain', text: `ada (${ada}) [idle] (hand)` } })
    expect((await stage.session.getPrompt({ name: 'review_team', arguments: { instance: 'ada' } })).messages[0]?.content).toMatchObject({ type: 'resource', resource: { uri: `madrox://instances/${ada}/output` } })
    expect(await textOf(stage.session, 'redirect', { instance: 'ada', instructions: 'Stop. Write tests.' })).toMatch(new RegExp(`send_to_instance with instance_id "${ada}"[^]*Stop\\. Write tests\\.`))
  })

  test('of a template put on disk later are offered at the next list, and of a broken one not', async () => {
    const templatesDir = mkdtempSync(join(tmpdir(), 'madrox-prompts-'))
    onTestFinished(() => rmSync(templatesDir, { recursive: true }))
    const { session: client } = await open({ templatesDir })
    const names = async (): Promise<string[]> => (await client.listPrompts()).prompts.map(({ name }) => name)
    expect(await names()).toEqual(all)
    const phases = ['Assembly', 'Briefing', 'Work', 'Integration', 'Report'].map(phase => `## ${phase}\n`).join('\n')
    writeFileSync(join(templatesDir, 'pair.md'), `---\nname: pair\ntitle: Pair\ndescription: Two.\nsize: 2\nestimated_duration: an hour\nwhen_to_use: [often]\nwhen_not_to_use: [never]\nsupervisor: {name: lead, role: general}\nmembers:\n  - {name: mate, role: general, brief: Help.}\n---\n${phases}`)
    writeFileSync(join(templatesDir, 'broken.md'), 'no front matter')
    expect(await names()).toEqual(expect.arrayContaining(['team_pair']))
    expect(await names()).toHaveLength(all.length + 1)
  })

  test.each([
    ['a prompt there is not', 'team_software_enginering', { task: 'x' }, 'not_found: There is no prompt "team_software_enginering". Did you mean "team_software_engineering"?'],
    ['an argument that is missing', 'delegate', {}, 'invalid_input: The prompt "delegate" needs task'],
    ['an argument left empty', 'delegate', { task: ' ' }, 'invalid_input: The prompt "delegate" needs task'],
    ['an argument it does not have', 'delegate', { task: 'x', rol: 'general' }, 'invalid_input: There is no argument "rol". Did you mean "role"?'],
    ['a template there is not', 'spawn_team', { template: 'nothing', task: 'x' }, 'not_found: There is no template "nothing".'],
    ['an agent nobody knows', 'redirect', { instance: 'nobody', instructions: 'x' }, 'not_found: There is no agent "nobody" that you may see.'],
  ])('%s is refused in our words', async (_what, name, args, words) => {
    const { session: client } = await open()
    expect(await refusalOf(client.getPrompt({ name, arguments: args }))).toMatchObject({ code: -32_602, message: expect.stringContaining(words) })
  })
})

describe('completion', () => {
  const prompt = (name: string) => ({ type: 'ref/prompt', name }) as const
  const address = (uri: string) => ({ type: 'ref/resource', uri }) as const
  const screen = address('madrox://instances/{id}/screen')

  test('of an instance gives unique names, then ids, of living agents the caller may see, in an address and in a prompt', async () => {
    const stage = await open({ ownerTokens: { [localOwner]: 'a-token-of-my-own-as-long', other: 'the-token-of-another-owner' } })
    const [ada, twin, second, gone] = [await stage.spawn('Ada'), await stage.spawn('twin'), await stage.spawn('twin'), await stage.spawn('adam')]
    await stage.ask(stage.me, 'terminate_instance', { instance_id: gone })
    const values = async (client: Client, value: string, ref: ReturnType<typeof prompt | typeof address> = screen, name = 'id') => (await client.complete({ ref, argument: { name, value } })).completion
    const everything = ['Ada', ...[ada, twin, second].toSorted()]
    expect(await values(stage.session, '')).toEqual({ values: everything, total: 4, hasMore: false })
    expect((await values(stage.session, 'ad')).values).toContain('Ada')
    expect((await values(stage.session, twin.slice(0, 8))).values).toEqual([twin])
    expect((await values(stage.session, '', prompt('redirect'), 'instance')).values).toEqual(everything)
    const { client: stranger } = await connect(`${stage.server.url}/mcp`, { token: 'the-token-of-another-owner' })
    expect(await values(stranger, '')).toEqual({ values: [], total: 0, hasMore: false })
  })

  test('of a role and of a template gives those there are', async () => {
    const { session: client } = await open()
    const values = async (name: string, argument: string, value: string): Promise<readonly string[]> => (await client.complete({ ref: prompt(name), argument: { name: argument, value } })).completion.values
    expect(await values('delegate', 'role', 'test')).toEqual(['testing_specialist', 'test_engineer', 'tester'])
    expect(await values('team_data_pipeline', 'supervisor_role', 'arch')).toEqual(['architect'])
    expect(await values('spawn_team', 'template', 's')).toEqual(['security_audit', 'software_engineering'])
    expect(await values('delegate', 'task', 'wr')).toEqual([])
  })

  test('gives a hundred at most, and says how many there are', async () => {
    const stage = await open({ limits: { maxInstances: 100 } })
    for (let count = 0; count < 60; count++) await stage.spawn(`n${count}`)
    const { completion } = await stage.session.complete({ ref: screen, argument: { name: 'id', value: '' } })
    expect([completion.values.length, completion.total, completion.hasMore]).toEqual([100, 120, true])
  })

  test.each([
    ['a prompt there is not', prompt('dance'), 'task', 'There is no prompt "dance"'],
    ['an argument it does not have', prompt('delegate'), 'name', 'There is no argument "name"'],
    ['an address there is not', address('madrox://instances/{id}/soul'), 'id', 'There is no resource template'],
    ['a variable it does not have', screen, 'name', 'has no variable "name"'],
  ])('of %s is refused', async (_what, ref, name, words) => {
    const { session: client } = await open()
    expect(await refusalOf(client.complete({ ref, argument: { name, value: '' } }))).toMatchObject({ code: -32_602, message: expect.stringContaining(words) })
  })
})
