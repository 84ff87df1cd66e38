/** The configuration as a running server has it. */

import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectMcp } from '../../src/transports/mcp/client.ts'
import { runToEnd, startServe } from './server.ts'

function home(configuration: string): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'madrox-configured-')))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  writeFileSync(join(path, 'config.toml'), configuration)
  return path
}

test('WORKSPACE_DIR, LOG_DIR and MADROX_MODEL_<HARNESS> hold for what is spawned, from the file as from the environment', async () => {
  const dir = home('workspace_dir = "work"\nlog_dir = "told"\nmax_instances = 2\n[models]\nscripted = "of-the-file"\n')
  const server = await startServe(dir, [], { MADROX_MODEL_SCRIPTED_PTY: 'of-the-environment' })
  onTestFinished(async () => void (await server.end('SIGTERM')))
  const client = await connectMcp({ url: `${server.url}/mcp`, name: 'test' })
  onTestFinished(() => client.close())
  const spawn = async (harness: string, more: object = {}) => (await client.callTool('spawn_agent', { harness, name: harness, workspace: 'isolated', ...more })).data
  expect(await spawn('scripted')).toMatchObject({ model: 'of-the-file', workspace: expect.stringMatching(`^${join(dir, 'work')}/`) })
  await expect.poll(() => existsSync(join(dir, 'told', 'instances')), { timeout: 20_000 }).toBe(true)
  expect(await spawn('scripted-pty')).toMatchObject({ model: 'of-the-environment' })
  expect((await client.callTool('spawn_agent', { harness: 'scripted', name: 'third' })).text).toMatch(/^limit_reached: .*the limit is 2\./)
  await client.callTool('terminate_instance', { instance_id: 'scripted' })
  expect(await spawn('scripted', { model: 'asked-for' })).toMatchObject({ model: 'asked-for' })
})

test.each([
  ['a key that is none', 'max_instance = 2', 'There is no setting "max_instance"'],
  ['a model for no harness', '[models]\nclaud = "opus"', 'A model is set for "claud", which is no harness. Did you mean "claude"?'],
])('%s in the file keeps the server from starting', async (_what, configuration, said) => {
  expect(await runToEnd(['serve', '--port', '0', '--home', home(configuration)])).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(said) })
})
