/**
 * `npm run handlers [TOOL…]`: takes each tool's handler away in turn, and demands that a test which names the tool fails. A test is
 * about the first tool that its title names; in it, that tool answers with nothing. A tool that no test names fails the run.
 * The sources are changed on their way into the tests alone, where `defineTool` stands.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createViteServer, startVitest } from 'vitest/node'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Without its handler: data that lacks everything, or an empty text. */
const withoutHandlers = {
  name: 'without-handlers',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('/src/tools/tool.ts')) return undefined
    const parts = code.split('export const defineTool =')
    if (parts.length !== 2) throw new Error('src/tools/tool.ts declares defineTool otherwise than this script knows.')
    return `${parts.join('const declareTool =')}
export const defineTool = (given) => {
  const tool = declareTool(given)
  return { ...tool, handler: (input, context) => globalThis.disabledTool === tool.name ? (tool.output ? { data: {} } : { text: '' }) : tool.handler(input, context) }
}`
  },
}

/** The table as the sources declare it. */
async function toolNames() {
  const server = await createViteServer({ root, configFile: false, logLevel: 'error', server: { middlewareMode: true, watch: null }, appType: 'custom' })
  try {
    const { createToolTable } = await server.ssrLoadModule('/src/tools/table.ts')
    return [...new Set([...createToolTable().values()].map(tool => tool.name))]
  } finally {
    await server.close()
  }
}

const elsewhere = /^(?:e2e|browser|cli|parity|sim|soak|faults|fakes|properties|guide)\//

/** The files whose tests run the sources in their own process, with the tools that a line of theirs begins a test about. */
function filesByTools(names) {
  const line = new RegExp(`^\\s*(?:test|describe)\\b.*?\\b(${names.join('|')})\\b`, 'gm')
  return readdirSync(`${root}/test`, { recursive: true })
    .filter(file => file.endsWith('.test.ts') && !elsewhere.test(file))
    .map(file => ({ file: `test/${file}`, tools: new Set([...readFileSync(`${root}/test/${file}`, 'utf8').matchAll(line)].map(match => match[1])) }))
    .filter(({ tools }) => tools.size > 0)
}

/** Few files that name all: each time the one that names most of those that are left. */
function fewest(known, names) {
  const chosen = []
  for (let left = new Set(names); left.size > 0; ) {
    const newly = ({ tools }) => [...tools].filter(tool => left.has(tool)).length
    const [best] = known.toSorted((a, b) => newly(b) - newly(a))
    if (!best || newly(best) === 0) break
    chosen.push(best.file)
    left = new Set([...left].filter(tool => !best.tools.has(tool)))
  }
  return chosen
}

const all = await toolNames()
const wanted = process.argv.slice(2)
const names = wanted.length > 0 ? all.filter(name => wanted.includes(name)) : all
const seen = new Map(names.map(name => [name, { failed: [], passed: [] }]))

/** Runs what these files have to say of these tools, each without its handler. */
async function tryThem(files, tools) {
  const options = {
    root, config: false, watch: false, reporters: [{}], include: files, setupFiles: ['test/handlers/disable.ts'],
    testNamePattern: new RegExp(`\\b(?:${tools.join('|')})\\b`), pool: 'forks', testTimeout: 4_000, hookTimeout: 20_000,
    dangerouslyIgnoreUnhandledErrors: true, // what a test began before it failed may fail after it
  }
  const vitest = await startVitest('test', [], options, { configFile: false, plugins: [withoutHandlers] })
  for (const module of vitest.state.getTestModules()) {
    for (const problem of module.errors()) console.log(`${module.moduleId}: ${problem.message}`)
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      const of = seen.get(test.meta().disabled)
      if (of && (state === 'failed' || state === 'passed')) of[state].push(`${module.relativeModuleId} > ${test.fullName}`)
    }
  }
  await vitest.close()
}

const known = filesByTools(names)
await tryThem(fewest(known, names), names)
// A title may name two: where that kept one from its turn, any other test of it will do.
const unseen = names.filter(name => seen.get(name).failed.length === 0)
const others = known.filter(({ tools }) => unseen.some(name => tools.has(name))).map(({ file }) => file)
if (others.length > 0) await tryThem(others, unseen)

let missed = 0
for (const [name, { failed, passed }] of seen) {
  if (failed.length > 0) console.log(`seen      ${name}: ${failed[0]}`)
  else {
    missed++
    console.log(passed.length > 0 ? `NOT SEEN  ${name}: passes without its handler: ${passed.join('; ')}` : `NO TEST   ${name}: no title names it first`)
  }
}
console.log(missed === 0 ? `Every one of ${names.length} handlers is missed by a test.` : `${missed} of ${names.length} handlers are missed by no test.`)
process.exit(missed === 0 ? 0 : 1)
