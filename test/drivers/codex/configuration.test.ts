/** What the harness name `codex` means is configuration: a flag before a variable before the default. */
import { expect, test } from 'vitest'
import { loadConfig } from '../../../src/config.ts'

test.each([
  ['app-server', {}, {}],
  ['pty', {}, { MADROX_CODEX_DRIVER: 'pty' }],
  ['app-server', { codexDriver: 'app-server' }, { MADROX_CODEX_DRIVER: 'pty' }],
])('%s, by flags %j and environment %j', (driver, flags, env) => {
  expect(loadConfig({ home: '/h', ...flags }, env).codexDriver).toBe(driver)
})

test('any other word is refused, and says where it came from', () => {
  expect(() => loadConfig({ home: '/h' }, { MADROX_CODEX_DRIVER: 'tmux' })).toThrow(expect.objectContaining({ code: 'invalid_input', message: expect.stringContaining('MADROX_CODEX_DRIVER "tmux"') }))
})
