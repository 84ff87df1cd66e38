import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listRoles, roleAliases, rolePrompt } from '../../src/actors/roles.ts'

const shippedDir = fileURLToPath(new URL('../../prompts', import.meta.url))
const shipped = [
  'architect', 'backend_developer', 'code_reviewer', 'data_analyst', 'debugger', 'documentation_writer', 'frontend_developer', 'general',
  'security_analyst', 'testing_specialist',
]

/** A directory whose `roles` holds these files; removed with the test. */
function userDir(files: Readonly<Record<string, string>> = {}): { dir: string; write(name: string, text: string): void } {
  const above = mkdtempSync(join(tmpdir(), 'madrox-roles-'))
  onTestFinished(() => rmSync(above, { recursive: true }))
  const dir = join(above, 'roles')
  mkdirSync(dir)
  const write = (name: string, text: string): void => writeFileSync(join(dir, name), text)
  for (const [name, text] of Object.entries(files)) write(name, text)
  return { dir, write }
}

describe('the roles that are shipped', () => {
  test('are ten, each a file', async () => {
    expect(await listRoles()).toEqual(shipped)
    expect(readdirSync(shippedDir).toSorted()).toEqual(shipped.map(role => `${role}.md`))
  })

  test.for(shipped)('%s loads, has 70 to 120 lines, and says how to work, when to ask, what to refuse, and how and what to report', async role => {
    const text = await rolePrompt(role)
    expect(text).toBe(readFileSync(join(shippedDir, `${role}.md`), 'utf8').trim())
    const lines = text.split('\n')
    expect(lines.length).toBeGreaterThanOrEqual(70)
    expect(lines.length).toBeLessThanOrEqual(120)
    expect(lines[0]).toMatch(/^# \S/)
    expect(lines.filter(line => line.startsWith('## ')).length).toBeGreaterThanOrEqual(6)
    expect(lines).toEqual(expect.arrayContaining(['## Ask or decide', '## Refuse', '## Report']))
    expect(text.slice(text.indexOf('## Report'))).toContain('reply_to_caller')
    expect(text.toLowerCase()).not.toContain('madrox') // the briefing's subject
  })
})

describe('other names', () => {
  test.for([...roleAliases])('%s is %s', async ([alias, role]) => {
    expect(shipped).toContain(role)
    expect(shipped).not.toContain(alias)
    expect(await rolePrompt(alias)).toBe(await rolePrompt(role))
  })

  test('are among them those that users know', () => {
    const known = ['developer', 'tester', 'reviewer', 'documenter', 'researcher', 'technical_lead', 'qa_engineer', 'security', 'docs', 'devops', 'data_scientist']
    expect(known.filter(name => !roleAliases.has(name))).toEqual([])
  })

  test('may be written with capitals, blanks and hyphens', async () => {
    const architect = await rolePrompt('architect')
    expect(await Promise.all(['Architect', 'technical lead', 'Technical-Lead', ' architect '].map(name => rolePrompt(name)))).toEqual([architect, architect, architect, architect])
  })
})

describe("a user's directory", () => {
  test('overrides what is shipped, also under its other names, and adds to it', async () => {
    const { dir } = userDir({ 'architect.md': 'mine\n', 'poet.md': 'rhymes', 'site-reliability.md': 'awake' })
    expect(await rolePrompt('architect', dir)).toBe('mine')
    expect(await rolePrompt('technical_lead', dir)).toBe('mine')
    expect(await rolePrompt('poet', dir)).toBe('rhymes')
    expect(await rolePrompt('site-reliability', dir)).toBe('awake')
    expect(await rolePrompt('general', dir)).toBe(await rolePrompt('general'))
    expect(await listRoles(dir)).toEqual([...shipped, 'poet', 'site-reliability'].toSorted())
  })

  test('may make a role of its own out of an alias', async () => {
    const { dir } = userDir({ 'devops.md': 'pipelines' })
    expect(await rolePrompt('devops', dir)).toBe('pipelines')
  })

  test('is read at every load, so that an edit is effective at the next', async () => {
    const { dir, write } = userDir({ 'poet.md': 'rhymes' })
    expect(await rolePrompt('poet', dir)).toBe('rhymes')
    write('poet.md', 'free verse')
    expect(await rolePrompt('poet', dir)).toBe('free verse')
    write('debugger.md', 'mine')
    expect(await rolePrompt('debugger', dir)).toBe('mine')
    rmSync(join(dir, 'debugger.md'))
    expect(await rolePrompt('debugger', dir)).toBe(await rolePrompt('debugger'))
  })

  test('that is not there, and files in it that are no roles, change nothing', async () => {
    const { dir } = userDir({ 'README.md': 'about', 'notes.txt': 'x' })
    expect(await listRoles(dir)).toEqual(shipped)
    expect(await listRoles(join(dir, 'missing'))).toEqual(shipped)
    expect(await rolePrompt('general', join(dir, 'missing'))).toBe(await rolePrompt('general'))
  })
})

describe('a role nobody knows', () => {
  test.for([['arcitect', 'architect'], ['testor', 'tester'], ['backend_dev', 'backend'], ['poem', 'poet']])('%s is refused with %s as the nearest', async ([asked, nearest]) => {
    const { dir } = userDir({ 'poet.md': 'rhymes' })
    await expect(rolePrompt(asked ?? '', dir)).rejects.toMatchObject({
      code: 'unknown_role',
      message: expect.stringContaining(`"${asked}"`),
      remedy: expect.stringMatching(new RegExp(`^Did you mean "${nearest}"\\? Roles: architect, .*poet`)),
      data: { role: asked, known: [...shipped, 'poet'].toSorted() },
    })
  })

  test.for(['../secret', '..\\secret', './general', 'roles/../../secret', '/etc/passwd', 'secret\0', '..', '.', '', 'constructor', '__proto__', 'general.md', '-'])('%j does not leave the directory', async asked => {
    const { dir } = userDir()
    writeFileSync(join(dir, '..', 'secret.md'), 'secret')
    await expect(rolePrompt(asked, dir)).rejects.toMatchObject({ code: 'unknown_role' })
  })
})
