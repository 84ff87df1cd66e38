/** What confines a Codex agent: the sandbox of the CLI, the rights a child is given, and the end of everything it started. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isAlive, readPid } from './processes.ts'
import { codexDrivers } from './codex.ts'
import { byCodexDriver, openRig, type Data, type Rig } from './rig.ts'

const run = (rig: Rig, to: string, message: string): Promise<Data> => rig.call('send_to_instance', { instance_id: to, message })
/** What the model was shown of the tools it called in its latest turn. */
const shown = (rig: Rig): readonly string[] => rig.openai.requests.at(-1)?.view.lastToolOutputs.map(({ output }) => output) ?? []

test('each sandbox mode allows what it says', async () => {
  const rig = await openRig()
  const outside = rig.dir('outside') // in the system's temporary directory, which Codex by itself would count as part of every workspace
  const attempt = (name: string): string => `do:\nbash touch ${outside}/${name}; touch inside; ls\nsay tried`
  const modes = [
    ['free', { sandbox_mode: 'danger-full-access' }],
    ['unisolated', { bypass_isolation: true }],
    ['normal', {}],
    ['reader', { sandbox_mode: 'read-only' }],
    ['held', { bypass_isolation: true, sandbox_mode: 'read-only' }],
  ] as const
  const could: Record<string, unknown> = {}
  for (const [name, confinement] of modes) {
    const { workspace } = await rig.call('spawn_codex', { name, ...confinement })
    expect(await run(rig, name, attempt(name))).toMatchObject({ response: 'tried' })
    could[name] = { outside: existsSync(join(outside, name)), inside: existsSync(join(String(workspace), 'inside')) }
  }
  const [everywhere, workspaceOnly, nowhere] = [{ outside: true, inside: true }, { outside: false, inside: true }, { outside: false, inside: false }]
  expect(could).toEqual({ free: everywhere, unisolated: everywhere, normal: workspaceOnly, reader: nowhere, held: nowhere })
})

test('a child is never freer than its supervisor, whatever words ask for it', async () => {
  const rig = await openRig()
  await rig.call('spawn_codex', { name: 'normal' })
  await rig.call('spawn_codex', { name: 'reader', sandbox_mode: 'read-only' })
  await rig.call('spawn_codex', { name: 'held', bypass_isolation: true, sandbox_mode: 'read-only' })
  const spawning = (tool: string, more: object): string => `call mcp__madrox__${tool} ${JSON.stringify({ name: 'kid', ...more })}`
  const more = [
    spawning('spawn_codex', { sandbox_mode: 'danger-full-access' }),
    spawning('spawn_codex', { bypass_isolation: true }),
    spawning('spawn_claude', { permission_mode: 'bypassPermissions' }),
    spawning('spawn_claude', { mcp_servers: { mine: { command: 'cat' } } }),
    spawning('spawn_claude', { inherit_mcp: true }),
    spawning('spawn_claude', { workspace: '/' }),
  ]
  await run(rig, 'normal', ['do:', ...more, 'say tried'].join('\n'))
  expect(shown(rig).map(text => /(\w+): /.exec(text.slice(text.indexOf('exceeds')))?.[1])).toEqual(more.map(() => 'exceeds_parent'))
  expect(shown(rig)[0]).toMatch(/exceeds_parent: sandbox_mode would give "kid" more than its supervisor "normal" has: .*\. Ask for at most what the supervisor has\./)

  for (const name of ['reader', 'held']) {
    await run(rig, name, ['do:', spawning('spawn_codex', { sandbox_mode: 'workspace-write' }), spawning('spawn_claude', { permission_mode: 'acceptEdits' }), spawning('spawn_codex', { bypass_isolation: true }), 'say tried'].join('\n'))
    expect(shown(rig).map(text => text.includes('exceeds_parent')), name).toEqual([true, true, true])
  }
  expect((await rig.text('get_instance_tree')).split('\n')).toHaveLength(3)

  // Who asks for nothing in particular gets what its supervisor has.
  await run(rig, 'reader', `do:\n${spawning('spawn_codex', {})}\nsay spawned`)
  expect(shown(rig)[0]).toContain('"instance_type":"codex"')
  const { workspace } = await rig.call('get_instance_status', { instance_id: 'kid' })
  await run(rig, 'kid', 'do:\nbash touch inside\nsay tried')
  expect(existsSync(join((workspace as { path: string }).path, 'inside'))).toBe(false)
})

const nest = (name: string): string =>
  [`(trap '' HUP TERM; echo $BASHPID > ${name}.hup; exec sleep 600) &`, `setsid sh -c 'echo $$ > ${name}.setsid; exec sleep 600' &`, `nohup sh -c 'trap "" HUP TERM INT; echo $$ > ${name}.nohup; while :; do sleep 1; done' &`, `echo $$ > ${name}.shell; exec sleep 600`].join(' ')
const pidsOf = (dir: string, name: string): Promise<number[]> => Promise.all(['hup', 'setsid', 'nohup', 'shell'].map(kind => readPid(dir, `${name}.${kind}`)))

test.each(codexDrivers)('%s: an end leaves nothing of what the agent had started, graceful or forced, and its neighbours untouched', async driver => {
  const rig = await openRig(byCodexDriver(driver))
  const dirs: Record<string, string> = {}
  const pids: Record<string, number[]> = {}
  for (const [name, verb] of [['ada', 'bash'], ['bob', 'bg'], ['cyd', 'bg']] as const) {
    const spawned = await rig.call('spawn_codex', { name, sandbox_mode: 'danger-full-access' })
    dirs[name] = String(spawned.workspace)
    await rig.call('send_to_instance', { instance_id: name, message: `do:\n${verb} ${nest(name)}\nsay begun`, wait_for_response: verb === 'bg' })
    pids[name] = await pidsOf(dirs[name], name)
    expect(pids[name].filter(isAlive)).toEqual(pids[name])
  }
  const survivors = (name: string): number[] => (pids[name] ?? []).filter(isAlive)
  expect(await rig.call('terminate_instance', { instance_id: 'ada' })).toMatchObject({ already_ended: false, terminated: [{ name: 'ada' }] })
  expect(survivors('ada')).toEqual([])
  expect(survivors('bob')).toEqual(pids['bob'])
  expect(await rig.call('terminate_instance', { instance_id: 'bob', force: true })).toMatchObject({ terminated: [{ name: 'bob' }] })
  expect(survivors('bob')).toEqual([])
  expect(survivors('cyd')).toEqual(pids['cyd'])
  expect(await run(rig, 'cyd', 'do:\nsay still here')).toMatchObject({ response: 'still here' })
  const { pid } = await rig.call('get_instance_status', { instance_id: 'cyd' })
  await rig.stop()
  expect(survivors('cyd')).toEqual([])
  expect(isAlive(Number(pid))).toBe(false)
})

test('ended while it starts, an agent is gone as well, and the others of its process come up', async () => {
  const rig = await openRig()
  const tasks = { ada: 'do:\nsay hello', bob: 'do:\nhang', cyd: 'do:\nsay hello', dan: 'do:\nhang' }
  const spawned = await Promise.all(Object.entries(tasks).map(([name, task]) => rig.call('spawn_codex', { name, wait_for_ready: false, initial_prompt: task })))
  expect(await rig.call('terminate_multiple_instances', { instance_ids: ['bob', 'dan'] })).toMatchObject({ results: [{ already_ended: false }, { already_ended: false }] })
  const outcomes = await Promise.all(spawned.map(each => rig.call('wait_for_any', { message_ids: [each.message_id] })))
  expect(outcomes.map(each => each.status)).toEqual(['answered', 'agent_gone', 'answered', 'agent_gone'])
  const tree = await rig.text('get_instance_tree')
  expect(Object.keys(tasks).filter(name => tree.includes(`${name} (`))).toEqual(['ada', 'cyd'])
})

test('what a command is told of its surroundings names the agent and none of the secrets of the server', async () => {
  const rig = await openRig({ env: { DATABASE_PASSWORD: 'hunter2' } })
  const ada = await rig.call('spawn_codex', { name: 'ada' })
  await run(rig, 'ada', 'do:\nbash env > seen\nsay seen')
  const seen = readFileSync(join(String(ada.workspace), 'seen'), 'utf8')
  expect(seen).toContain(`MADROX_AGENT_ID=${ada.instance_id}`)
  expect(seen).not.toContain('hunter2')
})
