/** A person at the real Claude Code by the real `madrox attach`, in a real terminal, while others send to it. */
import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createPerson } from '../cli/person.ts'
import { openRig } from './rig.ts'

test('sees its screen, takes control, types a prompt that settles nothing, releases it to who waits, and leaves it running', async () => {
  const { call, home, anthropic } = await openRig()
  const spawned = await call('spawn_claude', { name: 'ada' })
  await call('send_to_instance', { instance_id: 'ada', message: 'do: say before you came' })
  const eve = createPerson(['attach', 'ada', '--home', home], { columns: 96, rows: 28 })
  try {
    await eve.sees('before you came')
    const sizeOf = async (): Promise<string> => {
      const { pid } = await call('get_instance_status', { instance_id: spawned.instance_id })
      return execFileSync('stty', ['-F', readlinkSync(`/proc/${String(pid)}/fd/0`), 'size'], { encoding: 'utf8' }).trim()
    }
    const own = await sizeOf()
    await eve.takesControl()
    expect(await sizeOf()).toBe('28 96')
    const sent = await call('send_to_instance', { instance_id: 'ada', message: 'do: reply to the sender', wait_for_response: false })
    eve.types('do: say typed by hand')
    await eve.sees('do: say typed by hand')
    eve.presses('\r')
    await eve.sees('● typed by hand')
    expect(await call('get_instance_status', { instance_id: 'ada' })).toMatchObject({ mailbox: 1, held_by_person: { why: 'control' } })
    eve.types('half a thought')
    await eve.sees('half a thought')
    eve.presses('\x1c', 'r')
    await eve.titled('unsent text')
    expect(await sizeOf()).toBe(own)
    await eve.takesControl()
    await eve.sees('half a thought')
    eve.presses('\x1c', 'x')
    expect(await call('wait_for_any', { message_ids: [sent.message_id] })).toMatchObject({ status: 'answered', response: 'to the sender' })
    expect(anthropic.requests.find(({ view }) => view.message?.id === sent.message_id)?.view.message?.body).toBe('do: reply to the sender')
    eve.presses('\x1c', 'd')
    expect(await eve.leaves()).toEqual({ code: 0, line: 'Detached from ada; it runs on.' })
    expect(eve.terminalIsAsBefore()).toEqual([])
    expect(await call('send_to_instance', { instance_id: 'ada', message: 'do: reply still here' })).toMatchObject({ response: 'still here' })
  } finally {
    await eve.end()
  }
})
