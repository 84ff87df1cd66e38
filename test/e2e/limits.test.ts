/** A limit reached under `at_limit: interrupt`, by every way of running the real CLIs: the turn is cut, the agent is held, and a raised limit lets it go on. */
import { describe, expect, test } from 'vitest'
import { codexDrivers } from './codex.ts'
import { byClaudeDriver, byCodexDriver, claudeDrivers, openRig, type Data, type Rig, type RigOptions } from './rig.ts'

const claude = 'claude-sonnet-4-5-20250929'
const usage = () => ({ input_tokens: 400, output_tokens: 100, cache_read_input_tokens: 50_000, cache_creation_input_tokens: 0 })
const later = { wait_for_response: false }
/** Calls that go on record, and then one that never ends: only an interrupt ends that turn. */
const endless = 'do:\nbash echo one\nbash echo two\nbash echo three\ngate never\nsay never said'

const ways: readonly (readonly [string, string, RigOptions, Data])[] = [
  ...claudeDrivers.map(driver => [`claude, ${driver}`, 'spawn_claude', { ...byClaudeDriver(driver), anthropic: { usage } }, { model: claude }] as const),
  ...codexDrivers.map(driver => [`codex, ${driver}`, 'spawn_codex', byCodexDriver(driver), { sandbox_mode: 'danger-full-access' }] as const),
]

const status = (rig: Rig, name: string): Promise<Data> => rig.call('get_instance_status', { instance_id: name })

describe.each(ways)('%s', (_, spawn, options, more) => {
  test('a turn is cut at the limit of tokens, held over a kill of the server, and goes on when the limit is raised', async () => {
    const rig = await openRig(options)
    await rig.call('set_policy', { at_limit: 'interrupt' })
    await rig.call(spawn, { name: 'ada', max_total_tokens: 1_000, ...more })
    const cut = await rig.call('send_to_instance', { instance_id: 'ada', message: endless, ...later })
    expect(await rig.call('wait_for_any', { message_ids: [cut.message_id] })).toMatchObject({
      status: 'cancelled', response: expect.stringMatching(/^ada was interrupted while it worked on this: limit reached: max_total_tokens 1 000 \([\d ]+ used by it and its agents\)\.$/),
    })
    const held = await status(rig, 'ada')
    expect(held).toMatchObject({ state: 'interrupted', detail: 'interrupted.live', health: 'held at a limit', limits: { reached: [{ limit: 'max_total_tokens', of: 'ada' }] } })
    expect(await rig.refusal('send_to_instance', { instance_id: 'ada', message: 'do: say on' })).toContain('limit_reached')

    await rig.restart('SIGKILL')
    expect(await status(rig, 'ada')).toMatchObject({ state: 'interrupted', detail: 'interrupted.suspended', session_id: held['session_id'] })
    expect(await rig.refusal('send_to_instance', { instance_id: 'ada', message: 'do: say on' })).toContain('limit_reached')
    expect(await rig.call('resume_instance', { instance_id: 'ada', max_total_tokens: 1_000_000 })).toMatchObject({ was: 'interrupted.suspended', state: 'idle' })
    expect(await rig.call('send_to_instance', { instance_id: 'ada', message: 'do: say on' })).toMatchObject({ status: 'answered', response: 'on' })
    expect(await status(rig, 'ada')).toMatchObject({ session_id: held['session_id'] })
  })
})
