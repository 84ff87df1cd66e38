/** Every template that is shipped, and one of a user's, runs; none of them is named here. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { writeTeamBrief } from '../../src/team-brief.ts'
import { createStage, type StageOptions } from '../actors/rig.ts'
import { readFrontMatter, expectRehearsal } from './rehearsal.ts'

const shippedDir = fileURLToPath(new URL('../../templates', import.meta.url))
const shipped = readdirSync(shippedDir).map(file => join(shippedDir, file))
/** The real CLIs' places, taken by scripted agents. */
const played = ['claude', 'codex'] as const
const roomFor = (size: number): StageOptions => ({ limits: { maxInstances: size }, played })

test('four are shipped, of 6, 5, 7 and 5 agents', () => {
  expect(shipped.map(path => readFrontMatter(path).size).toSorted((a, b) => a - b)).toEqual([5, 5, 6, 7])
})

describe.each(shipped)('spawn_team_from_template: %s', path => {
  const { size } = readFrontMatter(path)
  test('runs from assembly to report, each agent on the harness of its template', () => expectRehearsal(path, createStage(roomFor(size))))
  test('is rehearsed by scripted agents alone', () => expectRehearsal(path, createStage(roomFor(size)), 'scripted'))
  test('is refused whole where it does not fit', async () => {
    const stage = createStage({ limits: { maxInstances: size - 1 }, played })
    expect(await stage.call(stage.me, 'spawn_team_from_template', { template_name: readFrontMatter(path).name, task_description: 'x' })).toMatchObject({ error: { code: 'limit_reached', message: expect.stringContaining(`${size} agents`), data: { size } } })
    expect(stage.system.list(stage.me, { ended: true })).toEqual([])
  })
})

const head = `name: choir
title: A choir
description: Sings.
size: 3
estimated_duration: a song
when_to_use: [a feast]
when_not_to_use: [a funeral]
supervisor: { name: cantor, role: poet }
members:
  - { name: alto, role: poet, brief: "Sing the second voice: softly." }
  - { name: bass, role: tester, harness: codex, brief: Sing the lowest voice. }
`
const phases = ['Assembly', 'Briefing', 'Work', 'Integration', 'Report'].map(phase => `## ${phase}\n\nDo it.\n`).join('\n')
const whole = `---\n${head}---\n${phases}`

/** A home with a role and a template of the user's own. */
function userDirs(files: Readonly<Record<string, string>>): Required<Pick<StageOptions, 'rolesDir' | 'templatesDir'>> & { path(name: string): string } {
  const home = mkdtempSync(join(tmpdir(), 'madrox-templates-'))
  onTestFinished(() => rmSync(home, { recursive: true }))
  const [rolesDir, templatesDir] = [join(home, 'prompts'), join(home, 'templates')]
  for (const dir of [rolesDir, templatesDir]) mkdirSync(dir)
  writeFileSync(join(rolesDir, 'poet.md'), '# Poet\n\nYou write verse. It rhymes.\n')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(templatesDir, name), text)
  return { rolesDir, templatesDir, path: name => join(templatesDir, name) }
}

describe("a user's own template", () => {
  test('runs like those that are shipped', async () => {
    const { path, ...dirs } = userDirs({ 'choir.md': whole })
    await expectRehearsal(path('choir.md'), createStage({ ...roomFor(3), ...dirs }))
  })

  test('is listed by list_templates beside the shipped ones, and goes before one of the same name', async () => {
    const { path, ...dirs } = userDirs({ 'choir.md': whole, 'data_pipeline.md': whole.replace('name: choir', 'name: data_pipeline') })
    const stage = createStage(dirs)
    const { templates, broken } = (await stage.ask(stage.me, 'list_templates')) as { templates: Record<string, unknown>[]; broken: unknown[] } // as its output schema says
    expect(templates.map(({ name }) => name)).toEqual(['choir', 'data_pipeline', 'research_analysis', 'security_audit', 'software_engineering'])
    expect(templates[0]).toEqual({
      name: 'choir', title: 'A choir', description: 'Sings.', size: 3, supervisor: { name: 'cantor', role: 'poet', instance_type: 'claude' },
      members: [{ name: 'alto', role: 'poet', instance_type: 'claude' }, { name: 'bass', role: 'tester', instance_type: 'codex' }],
      estimated_duration: 'a song', when_to_use: ['a feast'], when_not_to_use: ['a funeral'], source: 'user', path: path('choir.md'),
    })
    expect(templates.map(({ source }) => source)).toEqual(['user', 'user', 'shipped', 'shipped', 'shipped'])
    expect(broken).toEqual([])
  })

  test.each([
    ['a member without a brief', whole.replace(', brief: Sing the lowest voice.', ''), /members\[1\]\.brief/],
    ['a member with an empty brief', whole.replace('Sing the lowest voice.', "' '"), /members\[1\]\.brief: is empty/],
    ['another size than it has', whole.replace('size: 3', 'size: 4'), /size is 4, and a supervisor with 2 members makes 3/],
    ['a role nobody knows', whole.replace('role: tester', 'role: testor'), /of "bass": There is no role "testor"\. Did you mean "tester"\?/],
    ['a field nobody knows', whole.replace('title:', 'titel: x\ntitle:'), /titel/],
    ['a name given twice', whole.replace('name: bass', 'name: alto'), /the name "alto" is given twice/],
    ['another name than its file', whole.replace('name: choir', 'name: quire'), /its name is "quire" and its file is choir\.md/],
    ['a phase left out', whole.replace('## Integration', '## Later'), /its phases must be "## Assembly", .*"## Report"/],
    ['phases in another order', whole.replace('## Work', '## X').replace('## Briefing', '## Work').replace('## X', '## Briefing'), /in this order/],
    ['no front matter', phases, /does not begin with front matter/],
    ['front matter that is not YAML', whole.replace('title: A choir', 'title: [A choir'), /not YAML/],
  ])('with %s is refused when it is loaded, and named in the listing; the others are as they were', async (_what, text, why) => {
    const { path, ...dirs } = userDirs({ 'choir.md': text })
    const stage = createStage({ ...dirs, played })
    const refusal = { code: 'invalid_input', message: expect.stringMatching(why), remedy: expect.stringMatching(/^Correct the file and call again/) }
    expect(await stage.call(stage.me, 'spawn_team_from_template', { template_name: 'choir', task_description: 'x' })).toMatchObject({ error: refusal })
    expect(stage.system.list(stage.me, { ended: true })).toEqual([])
    expect(await stage.ask(stage.me, 'list_templates')).toMatchObject({ templates: { length: 4 }, broken: [{ path: path('choir.md'), ...refusal }] })
  })
})

describe('spawn_team_from_template', () => {
  const team = (more: Readonly<Record<string, unknown>>) => ({ template_name: 'choir', task_description: 'A song.', harness: 'scripted', ...more })
  const setUp = (more: StageOptions = {}) => {
    const { path: _, ...dirs } = userDirs({ 'choir.md': whole })
    return createStage({ ...dirs, ...more })
  }

  test.each([
    ['an unknown template', { template_name: 'chior' }, { code: 'not_found', remedy: expect.stringMatching(/^Did you mean "choir"\? Templates: choir, data_pipeline, /) }],
    ['an unknown supervisor role', { supervisor_role: 'poett' }, { code: 'unknown_role', remedy: expect.stringContaining('Did you mean "poet"?') }],
    ['an unknown harness', { harness: 'scriptd' }, { code: 'invalid_input', remedy: expect.stringContaining('Did you mean "scripted"?') }],
    ["a template's harness that is not there", { harness: undefined }, { code: 'invalid_input', message: expect.stringContaining('"claude"') }],
    ['an empty task', { task_description: ' \n' }, { code: 'invalid_input' }],
    ['an unknown parent', { parent_instance_id: 'nobody' }, { code: 'not_found' }],
  ])('refuses %s, and nothing is spawned', async (_what, args, error) => {
    const stage = setUp()
    expect(await stage.call(stage.me, 'spawn_team_from_template', team(args))).toMatchObject({ ok: false, error })
    expect(stage.system.list(stage.me, { ended: true })).toEqual([])
  })

  test('refuses a team whose members would stand too deep', async () => {
    const stage = setUp({ limits: { maxDepth: 2 } })
    const lead = await stage.spawn('lead')
    expect(await stage.call(stage.me, 'spawn_team_from_template', team({ parent_instance_id: lead }))).toMatchObject({ error: { code: 'limit_reached', message: expect.stringContaining('3 levels deep of 2') } })
  })

  test('takes a name as it is spoken, and another role for the supervisor', async () => {
    const stage = setUp()
    expect(await stage.ask(stage.me, 'spawn_team_from_template', team({ template_name: 'Choir', supervisor_role: 'Technical Lead' }))).toMatchObject({ template: 'choir', role: 'Technical Lead', estimated_duration: 'a song' })
  })

  test('stands under whom it is given, and within its rights', async () => {
    const stage = setUp()
    const lead = await stage.spawn('lead')
    const spawned = await stage.ask(stage.as(lead), 'spawn_team_from_template', team({}))
    expect(spawned).toMatchObject({ parent_instance_id: lead, status: 'accepted' })
    expect(await stage.refusal(stage.as(lead), 'spawn_team_from_template', team({ bypass_isolation: true }))).toBe('exceeds_parent')
  })

  test('repeated by the same call is the same team, though there is no room for another', async () => {
    const stage = setUp({ limits: { maxInstances: 3 } })
    const first = await stage.ask(stage.me, 'spawn_team_from_template', team({}), { callKey: 'k' })
    expect(await stage.ask(stage.me, 'spawn_team_from_template', team({}), { callKey: 'k' })).toMatchObject({ instance_id: first['instance_id'], message_id: first['message_id'] })
    expect(await stage.refusal(stage.me, 'spawn_team_from_template', team({}))).toBe('limit_reached')
  })

  test('by a scripted supervisor that cannot have all of its members ends those it has, and says why', async () => {
    const stage = createStage()
    await stage.ask(stage.me, 'spawn_agent', { harness: 'scripted', name: 'cantor', workspace: 'isolated' })
    const instances = ['poet', 'general'].map(role => ({ name: role, role, instance_type: 'scripted', workspace: 'shared' }))
    const answer = await stage.ask(stage.me, 'send_to_instance', { instance_id: 'cantor', message: writeTeamBrief({ title: 'A choir', size: 3, phases: '', task: 'Sing.', calls: { instances, messages: [] } }) })
    expect(answer['response']).toMatch(/^The team could not be spawned: poet: There is no role "poet"/)
    expect(stage.system.list(stage.me).map(({ name }) => name)).toEqual(['cantor'])
  })
})

test('list_roles tells of each role its other names, what it is in a sentence, and where it is read from', async () => {
  const { path: _, ...dirs } = userDirs({})
  writeFileSync(join(dirs.rolesDir, 'devops.md'), 'Keeps it running.')
  const stage = createStage(dirs)
  const { roles } = (await stage.ask(stage.me, 'list_roles')) as { roles: { name: string; aliases: string[]; description: string }[] } // as its output schema says
  expect(roles).toHaveLength(12)
  expect(roles.find(({ name }) => name === 'poet')).toEqual({ name: 'poet', aliases: [], description: 'You write verse.', source: 'user', path: join(dirs.rolesDir, 'poet.md') })
  expect(roles.find(({ name }) => name === 'devops')).toMatchObject({ source: 'user', description: 'Keeps it running.' })
  expect(roles.find(({ name }) => name === 'backend_developer')).toMatchObject({ source: 'shipped', aliases: expect.not.arrayContaining(['devops']) })
  expect(roles.find(({ name }) => name === 'architect')?.aliases).toContain('technical_lead')
  for (const { description } of roles) expect(description).toMatch(/^[A-Z].{10,200}\.$/)
})
