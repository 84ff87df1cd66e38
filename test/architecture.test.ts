/** The rooms of the design and who may import whom, held. The table is the rule; change it with a reason. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { findBreaches, type Rules } from './architecture/rules.ts'
import { readSource, type Source } from './architecture/source.ts'

const composition = ['src/index.ts', 'src/cli.ts', 'src/cli/', 'src/demo.ts', 'src/demo/']

const rules: Rules = {
  rooms: [
    { name: 'vocabulary', holds: ['src/errors.ts', 'src/ids.ts', 'src/jobs.ts', 'src/limits.ts', 'src/clock.ts', 'src/log.ts', 'src/mcp-presets.ts', 'src/messages.ts', 'src/config.ts', 'src/config-file.ts', 'src/nearest.ts', 'src/prices.ts', 'src/price-table.ts', 'src/redaction.ts', 'src/audit.ts', 'src/restarts.ts', 'src/team-brief.ts', 'src/version.ts'], imports: [] },
    // commands and facts are plain data: a machine speaks of them without knowing who carries them out
    { name: 'machines', holds: ['src/machines/'], imports: ['vocabulary'], types: ['driver port'], pure: true },
    { name: 'driver port', holds: ['src/drivers/driver.ts'], imports: ['vocabulary'] },
    { name: 'driver parts', holds: ['src/drivers/', 'src/drivers/pty/', 'src/drivers/console/'], imports: ['driver port', 'vocabulary'] },
    // one CLI's driver knows nothing of another's
    { name: 'claude', holds: ['src/drivers/claude/'], imports: ['driver parts', 'driver port', 'vocabulary'] },
    { name: 'codex', holds: ['src/drivers/codex/'], imports: ['driver parts', 'driver port', 'vocabulary'] },
    { name: 'scripted', holds: ['src/drivers/scripted/'], imports: ['driver parts', 'driver port', 'vocabulary'] },
    { name: 'store port', holds: ['src/store/store.ts', 'src/store/policy-store.ts', 'src/store/measuring.ts', 'src/store/job-store.ts'], imports: ['vocabulary'] },
    { name: 'stores', holds: ['src/store/'], imports: ['store port', 'vocabulary'] },
    { name: 'logs port', holds: ['src/logs/logs.ts'], imports: ['vocabulary'] },
    { name: 'logs', holds: ['src/logs/'], imports: ['logs port', 'vocabulary'] },
    { name: 'summaries port', holds: ['src/monitoring/summaries.ts'], imports: ['vocabulary'] },
    // agents are watched from outside, as by the inspector, and what leaves the machine leaves here
    { name: 'monitoring', holds: ['src/monitoring/'], imports: ['facade', 'summaries port', 'vocabulary'] },
    { name: 'tracing port', holds: ['src/telemetry/spans.ts'], imports: ['vocabulary'] },
    { name: 'telemetry', holds: ['src/telemetry/'], imports: ['tracing port', 'vocabulary'] },
    { name: 'facade', holds: ['src/actors/system.ts'], imports: ['actors', 'machines', 'driver port', 'store port', 'logs port', 'summaries port', 'tracing port', 'vocabulary'] },
    { name: 'actors', holds: ['src/actors/'], imports: ['facade', 'machines', 'driver port', 'store port', 'logs port', 'summaries port', 'tracing port', 'vocabulary'] },
    { name: 'tools', holds: ['src/tools/'], imports: ['facade', 'vocabulary'] },
    { name: 'transports', holds: ['src/transports/'], imports: ['tools', 'inspector', 'facade', 'vocabulary'] },
    { name: 'inspector', holds: ['src/inspector/'], imports: ['facade', 'vocabulary'] },
    { name: 'composition', holds: composition, imports: ['*'] },
  ],
  packages: {
    '@modelcontextprotocol/sdk': ['src/transports/mcp/', 'src/demo.ts', 'src/demo/'], // the demo is an MCP client from outside
    xstate: ['src/machines/', 'src/actors/'],
    libsql: ['src/store/'],
    'node-pty': ['src/drivers/'],
    'smol-toml': ['src/drivers/codex/', 'src/config-file.ts', 'src/cli/setup/'],
    '@xterm/headless': ['src/drivers/'],
    h3: ['src/transports/'],
    listhen: ['src/transports/'],
    crossws: ['src/transports/', 'src/drivers/codex/terminal/'], // a codex that shows a thread speaks WebSocket, and is spoken to where it is started
    'prom-client': ['src/transports/'],
    openai: ['src/monitoring/'], // nothing else sends anything to a model
    '@opentelemetry/api': ['src/telemetry/'],
    '@opentelemetry/exporter-trace-otlp-http': ['src/telemetry/'],
    '@opentelemetry/resources': ['src/telemetry/'],
    '@opentelemetry/sdk-trace-node': ['src/telemetry/'],
    citty: composition,
    'yocto-spinner': composition,
    '@bomb.sh/tab': composition,
    consola: ['src/log.ts', ...composition],
    yaml: ['src/actors/'],
    zod: ['src/'],
    'fastest-levenshtein': ['src/nearest.ts'], // "did you mean"
  },
  mayPrint: [...composition, 'src/drivers/scripted/program.ts', 'src/drivers/codex/pty/hook-program.ts'], // programs of their own, run by a driver and by a CLI
  maxLines: 400,
  circlesByType: [],
}

const root = fileURLToPath(new URL('..', import.meta.url))
const readTree = (folder: string): readonly Source[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .map(path => readSource(`${folder}/${path}`, readFileSync(join(root, folder, path), 'utf8')))

test('every file of src keeps to its room', () => {
  expect(findBreaches(readTree('src'), rules)).toEqual([])
})

test('what the benchmark measures against imports nothing of src', () => {
  const sources = readTree('test/bench').filter(({ path }) => !path.endsWith('/madrox.ts') && !path.endsWith('.bench.ts'))
  const targets = sources.flatMap(source => source.imports.map(each => each.target))
  expect(targets.filter(target => !target.startsWith('node:') && !target.startsWith('test/bench/'))).toEqual(['node-pty'])
})

describe('the checker finds', () => {
  /** The breaches of a tree given as path → text. */
  const breaches = (files: Readonly<Record<string, string>>): readonly string[] =>
    findBreaches(Object.entries(files).map(([path, text]) => readSource(path, text)), rules)

  test('nothing in a tree that keeps the rules', () => {
    expect(breaches({
      'src/ids.ts': "import { z } from 'zod'\nexport const a = z",
      'src/machines/agent.ts': "import { setup } from 'xstate'\nimport type { F } from '../drivers/driver.ts'\nimport { a } from '../ids.ts'",
      'src/drivers/driver.ts': "export type F = import('../ids.ts').A",
      'src/store/sqlite.ts': "import fs from 'node:fs'\nimport Database from 'libsql'",
      'src/cli.ts': "import './store/sqlite.ts'\nconsole.log(process.stdout)",
    })).toEqual([])
  })

  const port = { 'src/drivers/driver.ts': '', 'src/store/sqlite.ts': '', 'src/store/store.ts': '', 'src/ids.ts': '', 'src/cli.ts': '', 'src/actors/root.ts': '', 'src/tools/tool.ts': '', 'src/drivers/codex/a.ts': '', 'src/transports/b.ts': '' }
  test.each([
    ['a value from a room of types', 'src/machines/a.ts', "import { f } from '../drivers/driver.ts'", 'types of driver port alone'],
    ['a type from a room out of bounds', 'src/machines/a.ts', "import type { S } from '../store/store.ts'", 'machines may not import store port'],
    ['an inline type', 'src/ids.ts', "import { type S } from './store/store.ts'", 'vocabulary may not import store port'],
    ['an import() type', 'src/ids.ts', "type S = import('./store/store.ts').S", 'vocabulary may not import store port'],
    ['a re-export', 'src/tools/a.ts', "export { s } from '../store/store.ts'", 'tools may not import store port'],
    ['a re-export of everything', 'src/tools/a.ts', "export * from '../actors/root.ts'", 'tools may not import actors'],
    ['a dynamic import', 'src/actors/a.ts', "await import('../store/sqlite.ts')", 'actors may not import stores'],
    ['a side-effect import', 'src/actors/a.ts', "import '../tools/tool.ts'", 'actors may not import tools'],
    ['a transport that goes past the tools', 'src/transports/a.ts', "import '../actors/root.ts'", 'transports may not import actors'],
    ['an inspector that goes past the facade', 'src/inspector/a.ts', "import '../actors/root.ts'", 'inspector may not import actors'],
    ['an inspector that knows its transport', 'src/inspector/a.ts', "import '../transports/b.ts'", 'inspector may not import transports'],
    ['a driver that knows another', 'src/drivers/claude/a.ts', "import '../codex/a.ts'", 'claude may not import codex'],
    ['anybody who imports the CLI', 'src/transports/a.ts', "import '../cli.ts'", 'transports may not import composition'],
    ['the MCP library outside its room', 'src/transports/a.ts', "import { S } from '@modelcontextprotocol/sdk/server/mcp.js'", 'only src/transports/mcp/'],
    ['the type of an MCP library outside its room', 'src/tools/a.ts', "import type { S } from '@modelcontextprotocol/sdk/types.js'", 'only src/transports/mcp/'],
    ['a package nobody entered', 'src/actors/a.ts', "import x from 'left-pad'", 'a package the table does not know'],
    ['node in a machine', 'src/machines/a.ts', "import { join } from 'node:path'", 'machines is pure'],
    ['node in a machine without its prefix', 'src/machines/a.ts', "import { readFile } from 'fs/promises'", 'machines is pure'],
    ['a file that does not exist', 'src/actors/a.ts', "import './nowhere.ts'", 'no such file'],
    ['a computed import', 'src/actors/a.ts', 'await import(name)', 'cannot be read'],
    ['a file in no room', 'src/utils.ts', '', 'is in no room'],
    ['a console call', 'src/actors/a.ts', "console.log('x')", 'uses console.log'],
    ['stdout', 'src/log.ts', 'const out = process.stdout', 'uses process.stdout'],
    ['stdout by another spelling', 'src/log.ts', "process['stdout']", 'uses process.stdout'],
    ['stdout imported', 'src/log.ts', "import { stdout as out } from 'node:process'", 'uses stdout of node:process'],
    ['stdout taken apart', 'src/log.ts', 'const { stdout } = process', 'uses {…} = process'],
    ['a long file', 'src/actors/a.ts', '\n'.repeat(401), 'has 401 lines'],
    ['a syntax error', 'src/actors/a.ts', 'const = 1', 'cannot be read'],
  ])('%s', (_what, path, text, breach) => {
    expect(breaches({ ...port, [path]: text })).toEqual([expect.stringContaining(breach)])
  })

  test('a circle, named in full, of types too', () => {
    const tree = { 'src/actors/a.ts': "import './b.ts'", 'src/actors/b.ts': "import type { C } from './c.ts'", 'src/actors/c.ts': "export * from './a.ts'" }
    expect(breaches(tree)).toEqual(['a circle: src/actors/a.ts -> src/actors/b.ts -> src/actors/c.ts -> src/actors/a.ts'])
  })

  test('a circle no more where a type-only edge of it is excused, and still where the edge carries values', () => {
    const excused = (text: string): readonly string[] => findBreaches(
      [readSource('src/actors/a.ts', "import './b.ts'"), readSource('src/actors/b.ts', text)],
      { ...rules, circlesByType: ['src/actors/b.ts -> src/actors/a.ts'] },
    )
    expect(excused("import type { A } from './a.ts'")).toEqual([])
    expect(excused("import { a } from './a.ts'")).toHaveLength(1)
  })
})
