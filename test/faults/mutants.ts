/**
 * The checks, checked: for each promise a small change that breaks it, applied to a copy of the source, built there, and put under
 * the shortest storm that must turn red. A change that no longer fits the source is a failure too.
 */

import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Mutant {
  /** Of the list in `docs/reliability.md`, and what is broken of it. */
  readonly promise: number
  readonly breaks: string
  readonly file: string
  readonly edits: readonly (readonly [find: string, replace: string])[]
  /** What the storm must complain of. */
  readonly shows: RegExp
}

export const mutants: readonly Mutant[] = [
  {
    promise: 1, breaks: 'a message is acknowledged before it is on record', file: 'src/actors/messaging.ts', shows: /^lost: |There is no message/,
    edits: [
      ['  core.store.transaction(() => {\n    core.store.insertMessage(message)', '  void (write => setTimeout(write, 200))(() => {\n    core.store.insertMessage(message)'],
      ["  tellAgent(core, to, { type: 'messageAccepted'", "  void ((...given) => setTimeout(() => tellAgent(...given), 250))(core, to, { type: 'messageAccepted'"],
      ['isAncestor(core, caller, to), at: message.acceptedAt })\n', "isAncestor(core, caller, to), at: message.acceptedAt })\n  if (message) return { messageId: message.id, agentId: to, replies: [], status: 'accepted' }\n"],
    ],
  },
  {
    promise: 2, breaks: 'a repeated call is a new message', file: 'src/actors/messaging.ts', shows: /^duplicated: .* was accepted as |^wrong: .* was never sent/,
    edits: [['const earlier = request.callKey === undefined ?', 'const earlier = request.callKey !== null ?']],
  },
  {
    promise: 3, breaks: 'a prompt that is not confirmed is not typed again', file: 'src/drivers/scripted/pty-agent.ts', shows: /^lost: .* has no outcome/,
    edits: [['if (typed.tries < maxTries) return type(typed)\n', 'if (typed.tries < maxTries) return\n']],
  },
  {
    promise: 4, breaks: 'replies handed out are not recorded as such', file: 'src/store/sqlite.ts', shows: /^duplicated: .* was handed out twice/,
    edits: [['consumeReplies: (ids, at) => void consume(', 'consumeReplies: (ids, at) => ids.length > 1_000 && void consume(']],
  },
  {
    promise: 6, breaks: 'a start does not end what a killed server left', file: 'src/index.ts', shows: /^orphans: .* outlived the start/,
    edits: [['await sweepMarked({ [homeMarker]: home })', "await sweepMarked({ [homeMarker]: 'nowhere' })"]],
  },
  {
    promise: 6, breaks: "agents' processes do not carry the mark of their home", file: 'src/actors/spawning.ts', shows: /^orphans: .* outlived the start/,
    edits: [['marker: { ...options.marker, MADROX_AGENT_ID: row.id }', 'marker: { MADROX_AGENT_ID: row.id }']],
  },
  {
    promise: 8, breaks: 'keys in a message are typed as keys', file: 'src/drivers/scripted/pty-agent.ts', shows: /^wrong: /,
    edits: [['toPaste(sanitiseInput(text))', 'toPaste(text)']],
  },
  {
    promise: 5, breaks: 'a task given again does not say so', file: 'src/machines/mailbox.ts', shows: /^unmarked: /,
    edits: [['const again = deliveries > 0 ?', 'const again = deliveries > 99 ?']],
  },
]

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Build {
  readonly cli: string
  remove(): void
}

/** The source with the change in it, built in a place of its own. */
export function buildMutant({ file, edits }: Pick<Mutant, 'file' | 'edits'>): Build {
  const changed = edits.reduce((source, [find, replace]) => replaceOnce(source, find, replace, file), readFileSync(join(root, file), 'utf8'))
  const dir = mkdtempSync(join(tmpdir(), 'madrox-mutant-'))
  for (const part of ['src', 'prompts', 'package.json', 'tsconfig.json', 'tsconfig.build.json']) cpSync(join(root, part), join(dir, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  writeFileSync(join(dir, file), changed)
  // A change need not pass the type check, only run.
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--noCheck'], { cwd: dir, stdio: 'pipe' })
  return { cli: join(dir, 'dist', 'cli.js'), remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }) }
}

function replaceOnce(source: string, find: string, replace: string, file: string): string {
  if (source.split(find).length !== 2) throw new Error(`The change for ${file} no longer fits: ${JSON.stringify(find)} stands there ${source.split(find).length - 1} times.`)
  return source.replace(find, () => replace)
}
