import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { defaultHome, fileKeyOf, loadConfig, misspelt, optionOf, resolveConfig, type Setting, settingList } from '../src/config.ts'

function home(files: Readonly<Record<string, string>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'madrox-config-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

const originOf = (place: string, ...given: Parameters<typeof resolveConfig>) => resolveConfig(...given).origins.get(place)

test('an option goes before the environment, that before the file, that before the default; each value says which it was', () => {
  const dir = home({ 'config.toml': 'port = 1\nmax_instances = 3\nhost = "file"\n' })
  const { config, origins } = resolveConfig({ home: dir, port: '3' }, { ORCHESTRATOR_PORT: '2', ORCHESTRATOR_HOST: 'environment' })
  expect(config).toMatchObject({ port: 3, host: 'environment', maxInstances: 3, retentionDays: 30 })
  expect(Object.fromEntries(['home', 'port', 'host', 'maxInstances', 'retentionDays'].map(name => [name, origins.get(name)]))).toEqual({
    home: { kind: 'option', name: '--home' },
    port: { kind: 'option', name: '--port' },
    host: { kind: 'environment', name: 'ORCHESTRATOR_HOST' },
    maxInstances: { kind: 'file', name: `max_instances in ${join(dir, 'config.toml')}` },
    retentionDays: { kind: 'default', name: 'default' },
  })
})

test('where nobody says anything, what users know holds: loopback, port 8001, and the limits', () => {
  const config = loadConfig({ home: home() }, {})
  expect(config).not.toHaveProperty('maxTokensPerInstance')
  expect(config).toMatchObject({
    host: '127.0.0.1', port: 8001, maxInstances: 10, maxDepth: 8, maxTotalCost: 100, idleMinutes: 60, retentionDays: 30, claudeBin: 'claude', codexBin: 'codex', monitoring: 'off',
  })
})

test('the home is in the data directory of the platform', () => {
  expect([defaultHome({ XDG_DATA_HOME: '/data' }, 'linux'), defaultHome({}, 'linux'), defaultHome({ XDG_DATA_HOME: '/data' }, 'darwin')]).toEqual(['/data/madrox', join(homedir(), '.local/share/madrox'), join(homedir(), 'Library/Application Support/madrox')])
})

test('every setting has a variable, and an option or a reason for none, under names of its own; the file may say all but where it is', () => {
  const unique = (names: readonly unknown[]): boolean => new Set(names).size === names.length
  expect([unique(settingList.map(([, { variable }]) => variable)), unique(settingList.map(([name]) => optionOf(name) ?? name)), unique(settingList.map(([name]) => fileKeyOf(name)))]).toEqual([true, true, true])
  expect(settingList.filter(([name]) => optionOf(name) === undefined).map(([name]) => name)).toEqual(settingList.filter(([, setting]) => setting.secret).map(([name]) => name))
  expect(settingList.filter(([, setting]: readonly [string, Setting]) => setting.file === false).map(([name]) => name)).toEqual(['home'])
})

test('JSON says the same as TOML; both at once are refused', () => {
  expect(loadConfig({ home: home({ 'config.json': '{"port": 4, "child_env": ["A", "B"]}' }) }, {})).toMatchObject({ port: 4, childEnv: ['A', 'B'] })
  expect(() => loadConfig({ home: home({ 'config.json': '{}', 'config.toml': '' }) }, {})).toThrow(expect.objectContaining({ code: 'invalid_input', message: expect.stringContaining('two configuration files') }))
})

test('a key the file may not have is refused, naming the nearest', () => {
  const saying = (message: string, remedy: string) => expect.objectContaining({ code: 'invalid_input', message: expect.stringContaining(message), remedy: expect.stringContaining(remedy) })
  expect(() => loadConfig({ home: home({ 'config.toml': 'max_instance = 3' }) }, {})).toThrow(saying('"max_instance"', 'Did you mean "max_instances"?'))
  expect(() => loadConfig({ home: home({ 'config.toml': 'home = "/elsewhere"' }) }, {})).toThrow(saying('"home"', 'Settings: host, '))
})

test.each([
  ['config.toml', 'port = ', /config\.toml is no TOML: \w+/],
  ['config.json', '{"port": ', /config\.json is no JSON: /],
  ['config.json', '[1]', /holds no settings/],
  ['config.toml', 'port = "eighty"', /does not fit: port in .*config\.toml "eighty": /],
  ['config.toml', 'models = 7', /does not fit: models in .*config\.toml 7: /],
  ['config.toml', '[models]\nclaude = 7', /does not fit: models\.claude in .*config\.toml 7: /],
  ['config.toml', '[models]\nClaude = "x"', /does not fit: models\.Claude in .*config\.toml "x": /],
  ['config.toml', 'claude_driver = "tmux"', /does not fit: claude_driver in .*config\.toml "tmux": /],
  ['config.toml', 'child_env = ["A B"]', /does not fit: child_env in .*config\.toml \["A B"\]: not the name of a variable/],
])('%s with %j is refused, saying where', (name, text, said) => {
  expect(() => loadConfig({ home: home({ [name]: text }) }, {})).toThrow(expect.objectContaining({ code: 'invalid_input', message: expect.stringMatching(said) }))
})

test('a secret of the file is taken and, where it does not fit, not repeated', () => {
  expect(loadConfig({ home: home({ 'config.toml': 'token = "sixteen characters"' }) }, {}).token).toBe('sixteen characters')
  expect(() => loadConfig({ home: home({ 'config.toml': 'token = "short"' }) }, {})).toThrow(expect.objectContaining({ message: expect.not.stringContaining('short') }))
})

test('models of harnesses come from all sources, each for itself', () => {
  const dir = home({ 'config.toml': '[models]\nclaude = "file"\ncodex = "file"\nscripted = "file"\n' })
  const given = [{ home: dir, models: ['claude=option', 'claude=later'] }, { MADROX_MODEL_CODEX: 'environment', MADROX_MODEL_SCRIPTED_PTY: 'environment', MADROX_MODEL_: 'nobody' }] as const
  expect(loadConfig(...given).models).toEqual({ claude: 'later', codex: 'environment', scripted: 'file', 'scripted-pty': 'environment' })
  expect([originOf('models.claude', ...given), originOf('models.codex', ...given)]).toEqual([{ kind: 'option', name: '--model' }, { kind: 'environment', name: 'MADROX_MODEL_CODEX' }])
  expect(() => loadConfig({ home: dir, models: ['claude'] }, {})).toThrow(expect.objectContaining({ message: expect.stringContaining('--model "claude": ') }))
})

test('directories are absolute: of the file from where it is, else from where the program stands', () => {
  const dir = home({ 'config.toml': 'workspace_dir = "work"' })
  expect(loadConfig({ home: dir }, { LOG_DIR: 'here' })).toMatchObject({ workspaceDir: join(dir, 'work'), logDir: join(process.cwd(), 'here') })
  expect(loadConfig({ home: home() }, {})).toEqual(expect.objectContaining({ workspaceDir: expect.stringMatching(/\/workspaces$/), logDir: expect.stringMatching(/\/logs$/) }))
})

test('a variable may hold several names, and an empty one says nothing', () => {
  expect(loadConfig({ home: home() }, { MADROX_CHILD_ENV: 'A, B,', MAX_INSTANCES: '', LOG_LEVEL: 'DEBUG' })).toMatchObject({ childEnv: ['A', 'B'], maxInstances: 10, logLevel: 'debug' })
})

test('a switch is on or off, and in a file also true or false', () => {
  const monitoringOf = (toml: string): string => loadConfig({ home: home({ 'config.toml': toml }) }, {}).monitoring
  expect([monitoringOf('monitoring = true'), monitoringOf('monitoring = "on"'), monitoringOf('monitoring = false'), monitoringOf('')]).toEqual(['on', 'on', 'off', 'off'])
  expect(loadConfig({ home: home({}) }, { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true', MADROX_OTEL: 'off' })).toMatchObject({ otelContent: 'on', otel: 'off' })
  expect(() => monitoringOf('monitoring = 1')).toThrow(expect.objectContaining({ code: 'invalid_input' }))
})

test('a variable that nobody reads is told with the one that was meant, where there is one', () => {
  const env = { MADROX_IDLE_MINUTE: '5', MADROX_MAX_TOTALCOST: '1', MADROX_IDLE_MINUTES: '5', MADROX_MODEL_CODEX: 'm', MADROX_AGENT_ID: 'a', MADROX_HOOK_TOKEN: 't', IDLE_MINUTES: '1' }
  expect(misspelt(env)).toEqual([{ name: 'MADROX_IDLE_MINUTE', meant: 'MADROX_IDLE_MINUTES' }, { name: 'MADROX_MAX_TOTALCOST', meant: 'MADROX_MAX_TOTAL_COST' }])
})
