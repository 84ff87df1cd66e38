/** `madrox diff`: what an agent changed where it works. */

import { styleText } from 'node:util'
import { shellWord } from '../actors/workspaces.ts'
import { callTool, type Data } from './calling.ts'
import { common, isSet, serverOf, tell, toCommand } from './command.ts'
import { bold, dim, harmless, listOf } from './output.ts'

/** As much as one answer holds. */
const mostBytes = 1_000_000

export const diff = toCommand({
  name: 'diff',
  description: 'What an agent changed in git, committed or not: of a worktree, all that its repository has not',
  words: ['AGENT'],
  options: { ...common, stat: { type: 'boolean', description: 'Files and counts alone' } },
  run: async (given, [agent]) => {
    const data = await callTool(await serverOf(given), 'get_instance_diff', { instance_id: agent, ...(isSet(given, 'stat') ? { stat_only: true } : { max_bytes: mostBytes }) })
    return tell(given, data, ({ diff, truncated, ...counts }) => [
      ...(typeof diff === 'string' && diff !== '' ? [coloured(harmless(diff).trimEnd())] : []), ...(truncated === true ? [dim(`… and more: git -C ${shellWord(harmless(counts['workspace']))} diff ${harmless(counts['base'] ?? '')}`)] : []),
      ...(diff === undefined ? listOf(counts['files']).map(fileLine) : []), summary(counts),
    ].join('\n'))
  },
})

const coloured = (text: string): string => text.split('\n').map(line => (/^\+(?!\+\+ )/.test(line) ? styleText('green', line) : /^-(?!-- )/.test(line) ? styleText('red', line) : line.startsWith('@@') ? styleText('cyan', line) : line.startsWith('diff --git ') ? bold(line) : line)).join('\n')

const fileLine = ({ path, insertions, deletions }: Data): string => `${harmless(path)}  ${insertions === null ? dim('binary') : `${styleText('green', `+${harmless(insertions)}`)} ${styleText('red', `-${harmless(deletions)}`)}`}`

function summary({ branch, files_changed, insertions, deletions, untracked, commits_ahead }: Data): string {
  const ahead = typeof commits_ahead === 'number' ? `, ${commits_ahead} commits ahead` : ''
  return dim(`${branch === null ? 'on no branch' : `on ${harmless(branch)}`}: ${harmless(files_changed)} files changed (+${harmless(insertions)} -${harmless(deletions)}), ${harmless(untracked)} untracked${ahead}`)
}
