/** Secrets taken out of text: known ones and those that show by their shape, in time in proportion to the text, and nothing else. */
import { assert, integer, property, string } from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MadroxError, toWireError } from '../src/errors.ts'
import { type Log, withoutSecrets } from '../src/log.ts'
import { knowSecrets, looksSecret, redact, redactData, redacted, redactScreen, secretsIn } from '../src/redaction.ts'

const know = (...values: readonly string[]): void => onTestFinished(knowSecrets(values))

describe('what is known', () => {
  test('never appears, wherever and in whatever it was planted', () => {
    const secret = string({ minLength: 6, maxLength: 80, unit: 'grapheme' }).filter(text => text.trim().length >= 6 && !/redacted|\[r|d\]/.test(text))
    assert(property(secret, string(), string(), integer({ min: 0, max: 3 }), (planted, before, after, depth) => {
      const forget = knowSecrets([planted])
      try {
        const text = `${before}${planted}${after}`
        const nested = Array.from({ length: depth }).reduce<unknown>(inner => [{ inner }], { text, json: JSON.stringify({ planted }), url: `?k=${encodeURIComponent(planted.replace(/\p{Cs}/gu, '?'))}`, error: new Error(text) })
        const shown = redactData(nested)
        const leaves = (value: unknown): string[] => (typeof value === 'string' ? [value] : value instanceof Error ? [value.message, value.stack ?? ''] : typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [])
        const trimmed = planted.trim()
        for (const leaf of [redact(text), redactScreen(text), ...leaves(shown)]) expect(leaf).not.toContain(trimmed)
      } finally {
        forget()
      }
    }), { numRuns: 500 })
  })

  test('is known until it is forgotten by all who knew it', () => {
    const one = knowSecrets(['correct-horse'])
    const two = knowSecrets(['correct-horse'])
    one()
    one()
    expect(redact('a correct-horse b')).toBe(`a ${redacted} b`)
    two()
    expect(redact('a correct-horse b')).toBe('a correct-horse b')
  })

  test('goes whole where one secret begins with another', () => {
    know('abcdef', 'abcdef-longer')
    expect(redact('abcdef-longer abcdef')).toBe(`${redacted} ${redacted}`)
  })

  test('also line by line, and where a terminal broke its line', () => {
    know('first-line-of-a-secret\nsecond-line-of-a-secret', 'one-that-a-terminal-breaks')
    expect(redact('1: second-line-of-a-secret')).toBe(`1: ${redacted}`)
    expect(redactScreen('│ key one-that-a-ter │\n│ minal-breaks and │\nmore')).toBe(`│ key ${redacted} and │\nmore`)
    expect(redactScreen('nothing │\n│ here')).toBe('nothing │\n│ here')
  })

  test.each(['true', 'abc', ''])('%j is too short to be taken out of everything', value => {
    know(value)
    expect(redact(`it is ${value} here`)).toBe(`it is ${value} here`)
  })
})

describe('a secret by its shape', () => {
  const body = 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7'
  test.each([
    ['an Anthropic key', `sk-ant-api03-${body}`], ['an OpenAI key', `sk-proj-${body}`], ['a GitHub token', `ghp_${body}`], ['a fine-grained one', `github_pat_11ABC_${body}`],
    ['an AWS key id', 'AKIAIOSFODNN7EXAMPLE'], ['a Slack bot', `xoxb-123-${body}`], ['a Slack user', `xoxp-123-${body}`], ['a Slack app', `xoxa-123-${body}`], ['a Google key', `AIza${body}${body}`],
    ['a JWT', `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${body}`], ['one of our own', `mdx_${body}_${body}`], ['an npm token', `npm_${body}${body}`],
  ])('%s, in prose, quoted, within JSON and as a variable', (_what, secret) => {
    for (const text of [`it is ${secret}, see`, `'${secret}'`, JSON.stringify({ text: `a\n${secret}\nb` }), `X=${secret}`, secret]) {
      expect(redact(text)).not.toContain(secret)
      expect(redact(text)).toContain(redacted)
    }
  })

  test.each([
    [`Authorization: Bearer ${body}`, `Authorization: Bearer ${redacted}`],
    [`"authorization":"Basic ${body}=="`, `"authorization":"Basic ${redacted}"`],
    [`curl -H 'Bearer ${body}'`, `curl -H 'Bearer ${redacted}'`],
    ['postgres://ada:p@ss:word@db.example/x', `postgres://${redacted}@db.example/x`],
    ['redis://:hunter2@h and http://u:p@i', `redis://${redacted}@h and http://${redacted}@i`],
    [`https://${body}@host/repo.git`, `https://${redacted}@host/repo.git`],
    ['DB_PASSWORD=hunter22 X=1', `DB_PASSWORD=${redacted} X=1`],
    [`a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n${body}\n-----END RSA PRIVATE KEY-----`, `a ${redacted}`],
    [`"-----BEGIN PRIVATE KEY-----\\n${body}\\n-----END PRIVATE KEY-----\\n"`, `"${redacted}"`],
  ])('%s', (text, expected) => {
    expect(redact(text)).toBe(expected)
  })

  test.each([
    'risk-based-authentication-for-everyone', 'Send "Authorization: Bearer <token>".', 'see http://127.0.0.1:8001/mcp and ada@example.com', '{"url":"http://127.0.0.1:8001","mail":"a@b"}',
    'git@github.com:owner/repo.git', 'max_total_tokens 100 000 (100 000 used by it and its agents)', 'Bearer authentication', 'abcdefghijkmnpqrstuvwxyz234567', '0192f0c1-7a7b-7c3d-8e9f-0123456789ab', 'eyJ is how it begins',
    '[MSG:abcdefghijkmnpqr] do sk-something', 'sk-', '',
  ])('nothing of %j', text => {
    expect(redact(text)).toBe(text)
  })
})

test.each([
  'eyJ', 'eyJa-', '.eyJaaaaaaaa.', 'sk-', 'sk-ant-', ' sk-a', '://', '://a:', '://a:b', '@', 'a:a@', 'Bearer ', 'bearer  ', 'authorization: ', 'Authorization', '-----BEGIN ', '-----BEGIN PRIVATE KEY-----', '-----BEGIN A PRIVATE KEY', 'ghp_', 'xoxb-', 'AKIA', 'mdx_', 'KEY=', '_KEY', '\\n', ' ', '\n', '│', 'known-secre', 'known-secret',
])('a megabyte of %j takes no time', piece => {
  know('known-secret', 'known-secret-and-more')
  const hostile = piece.repeat(Math.ceil(1_000_000 / piece.length))
  const began = performance.now()
  redact(hostile)
  redactScreen(hostile)
  // Linear work takes some ten milliseconds; what goes with the square of the length, minutes.
  expect(performance.now() - began).toBeLessThan(5_000)
})

describe('names', () => {
  test.each(['ANTHROPIC_API_KEY', 'GITHUB_PERSONAL_ACCESS_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'DB_PASSWORD', 'SECRET_KEY_BASE', 'x-api-key', 'Authorization', 'MADROX_SERVER_TOKEN', 'OPENROUTER_API_KEY', 'apiKey', 'NPM_TOKEN', 'APIKEY'])('%s is one of a secret', name => {
    expect(looksSecret(name)).toBe(true)
  })
  test.each(['PATH', 'PWD', 'SSH_AUTH_SOCK', 'KEYBOARD', 'AWS_ACCESS_KEY_ID', 'SSL_KEY_FILE', 'CLAUDE_CODE_MAX_OUTPUT_TOKENS', 'TOKEN_LIMIT', 'MONKEY', 'LANG'])('%s is not', name => {
    expect(looksSecret(name)).toBe(false)
  })

  test('and addresses give away the secrets among variables and headers', () => {
    expect(new Set(secretsIn({ API_KEY: 'k-1', HOME: '/root', DATABASE_URL: 'postgres://ada:pw-2@h/x', authorization: 'Bearer t-3', NONE_TOKEN: undefined }))).toEqual(new Set(['k-1', 'pw-2', 'Bearer t-3', 't-3']))
  })
})

describe('errors and log lines', () => {
  test('say no secret: message, remedy, data, cause and stack', () => {
    know('hunter2-hunter2')
    const error = new MadroxError('spawn_failed', 'It said hunter2-hunter2.', { remedy: 'Not hunter2-hunter2.', data: { words: ['hunter2-hunter2'] }, cause: new Error('hunter2-hunter2') })
    expect(toWireError(error)).toEqual({ code: 'spawn_failed', message: `It said ${redacted}.`, remedy: `Not ${redacted}.`, data: { words: [redacted] } })
    expect(toWireError(new Error('hunter2-hunter2')).message).toBe(`Madrox failed unexpectedly: ${redacted}`)
    const lines: unknown[] = []
    const write = (...line: readonly unknown[]): void => void lines.push(line)
    const log: Log = withoutSecrets({ debug: write, info: write, warn: write, error: write })
    const cyclic: Record<string, unknown> = { error, map: new Map([['k', 'hunter2-hunter2']]) }
    cyclic['self'] = cyclic
    log.error('with hunter2-hunter2', cyclic)
    log.info('alone')
    const [[message, data], alone] = lines as [[string, { error: MadroxError & { cause: Error } }], unknown[]] // as written above
    expect(message).toBe(`with ${redacted}`)
    expect([data.error.code, data.error.message, data.error.cause.message]).toEqual(['spawn_failed', `It said ${redacted}.`, redacted])
    expect(JSON.stringify([data, data.error.stack, data.error.cause.stack])).not.toContain('hunter2')
    expect(alone).toEqual(['alone'])
  })
})
