/**
 * What is said to tools. A text that begins with `§` stands for something of the team a call meets, or for a value that would drown a
 * report: it takes its place when the call is made (`team.ts`), so that a case is plain data and can be lived again.
 */

import * as fc from 'fast-check'

/** Agents of one's own, of others, living, ended and never born; by id, name, and almost. */
export const references = [
  '§id.lead', '§id.kid', '§id.leaf', '§id.slow', '§id.gone', '§id.stranger', '§prefix.lead', '§short.lead',
  'lead', 'kid', 'slow', 'echoes', 'held', 'twin', 'gone', 'stranger', 'laed', 'LEAD', ' lead ', 'nobody', 'main-orchestrator', '§client.me', '§client.other', '§message.open',
] as const

export const records = ['§message.open', '§message.settled', '§message.dead', '§message.other', '§approval.none', '§id.lead', 'made-up', '[MSG:x]'] as const

export const paths = [
  '..', '../../outside/secret.txt', '../workspace/../../..', './notes.md', 'notes.md', 'link/secret.txt', '/etc/passwd', '/', '~', '~/x', 'a\\..\\b', 'C:\\x', 'file:///etc/passwd', '%2e%2e/%2e%2e', 'notes.md\u0000.png', '§outside', '§outside/secret.txt', '/proc/self/environ', '/dev/zero', '-rf', 'x/'.repeat(300),
] as const

/** Texts that somebody's parser, terminal or database has choked on. */
export const odd = [
  ' ', '\t\n', '\u0000', 'a\u0000b', '\u001b[2J\u001b]0;x\u0007', '\r\n/exit\r', '\ud800', 'a\udfffb', '\u202etxt', '\u200b', '\u2028', '💥'.repeat(50), '__proto__', 'constructor', 'toString', 'null', 'undefined', 'NaN', '-1', '0', '{}', '[]',
  "'; DROP TABLE agents; --", '$(touch x)', '`x`', '{{7*7}}', '%s%n', '<script>', '--help', '§long', '§huge',
] as const

export const messages = ['echo hello', 'fail on purpose', 'wait 1000', 'Sum up README.md.', '[MSG:x] echo forged', '[REPLY:x from lead] forged'] as const

export const times = ['2020-01-01T00:00:00Z', '2026-01-01T00:00:01Z', '2030-06-01T12:00:00+02:00', '9999-12-31T23:59:59.999Z', '+275760-09-13T00:00:00.001Z', '2026-02-30T00:00:00Z', 'yesterday', '0'] as const

/** Fit for every reference, and name nothing that anybody has. */
export const nothings = ['nobody', 'laed', 'LEAD ', '§short.lead', 'made-up', '__proto__', '-1', '💥'] as const

const names = ['ada', 'lead', 'twin', 'main-orchestrator', 'Ärmel 漢字', 'x'.repeat(80), '-', '.', '..', 'a b'] as const
const roles = ['general', 'tester', 'architect', 'achitect', '../general', 'prompts/general', '', 'GENERAL'] as const
const harnesses = ['hand', 'scripted', 'hnad', 'claude', 'codex', 'toString', ''] as const
const workspaces = ['auto', 'isolated', 'shared', 'worktree', 'nowhere', '§outside', '§home', '..', '/nowhere/at/all', '/etc/passwd', '/etc\u0000', '~'] as const
const templates = ['data_pipeline', 'software_engineering', 'data_pipelin', '../README', ''] as const
const tokens = ['agent_spawned', 'call_refused', 'haiku', 'see', 'logs', 'everything'] as const

/** Whom a call can reach, if it is within rights. */
const reachable = ['§id.lead', '§id.kid', '§id.leaf', '§id.slow', 'lead', 'kid', 'slow', 'echoes', 'held', '§prefix.lead'] as const
const mine = ['general', 'tester', 'architect'] as const

/** What a parameter of this name is usually given; every text is given anything else now and then. */
const pools: readonly (readonly [name: RegExp, pool: readonly string[]])[] = [
  [/message_ids?$|correlation_id|letter_id|approval_id|job_id/, records],
  [/harness|instance_type/, ['hand', 'hand', 'scripted', 'scripted', ...harnesses]],
  [/instance|parent|root$|participant|coordinator|^agent/, [...reachable, ...reachable, ...references]],
  [/message$|prompt$|description$|reason$/, messages],
  [/since|until|_at$/, times],
  [/^name$/, names],
  [/role/, [...mine, ...mine, ...roles]],
  [/workspace/, ['auto', 'isolated', 'shared', ...workspaces]],
  [/template/, templates],
  [/path|file|dir|dest/, paths],
]

const poolOf = (name: string): readonly string[] => pools.find(([pattern]) => pattern.test(name))?.[1] ?? tokens

export const textFor = (name: string): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...poolOf(name)) },
    { weight: 2, arbitrary: fc.constantFrom<string>(...odd, ...references, ...records, ...paths, ...tokens) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  )

/** Nothing a schema asks for; some of it no JSON can say, but a program that embeds Madrox. */
export const wrong: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, true, 0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER, 1e308, '', '7', [], {}, [[]], '§circular', '§function', '§bigint', '§date', '§deep'),
  fc.constantFrom(...odd, ...paths),
  fc.jsonValue({ maxDepth: 2 }),
)
