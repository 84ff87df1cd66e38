/** `madrox spawn`: an agent, and what it is told first. */

import { callTool, type Data } from './calling.ts'
import { common, isSet, keyed, keyOf, orStdin, serverOf, tell, toCommand, wait } from './command.ts'
import { Misunderstood } from './exit.ts'
import { agentLine, fields } from './output.ts'
import { answerWords, awaitAnswer } from './send.ts'
import { argumentsOf, optionsOf } from './tool-options.ts'

const options = {
  ...common,
  ...keyed,
  ...optionsOf('spawn_agent', ['name', 'harness', 'initial_prompt', 'wait_for_response', 'expects_reply', 'enable_madrox']),
  harness: { type: 'string', description: 'claude, codex, scripted, … (default: claude)', valueHint: 'NAME' },
  wait: { type: 'boolean', description: 'Wait for the answer to the task' },
} as const

export const spawn = toCommand({
  name: 'spawn',
  description: 'Start an agent, with a task if you give one (-: from stdin)',
  words: ['NAME', '[TASK]'],
  options,
  run: async (given, [name = '', task]) => {
    if (isSet(given, 'wait') && task === undefined) throw new Misunderstood('--wait is for the answer to a TASK; give one.')
    const server = await serverOf(given)
    const args = argumentsOf('spawn_agent', given, { harness: 'claude', ...(given['harness'] ? { harness: given['harness'].at(-1) } : {}), name, ...(task === undefined ? {} : { initial_prompt: orStdin(task) }) })
    const spawned = await wait(given, `spawning ${name}`, (signal, onProgress) => callTool(server, 'spawn_agent', args, { signal, onProgress, ...keyOf(given) }), () => ({ message: 'Not waited for any longer; the agent starts all the same.', remedy: 'madrox tree shows it.' }))
    const answer = given['wait'] && typeof spawned['message_id'] === 'string' ? await awaitAnswer(given, server, spawned['message_id'], args['timeout_seconds']) : {}
    return tell(given, { ...spawned, ...answer }, spawnedWords)
  },
})

function spawnedWords(data: Data): string {
  const { workspace, branch, bring_back, inspector_url, warnings, status, message_id, response } = data
  const lines = [agentLine(data), fields({ workspace, branch, bring_back, inspector_url, warnings })]
  return [...lines, ...(message_id === undefined ? [] : [answerWords({ status, message_id, response })])].join('\n')
}
