/** What happens at each limit that holds here, in a line each. Sees the configuration alone: policy, and what a spawn asks for, say more. */

import type { Config } from '../../config.ts'
import { type Check, ok } from './check.ts'

export function checkLimits({ maxInstances, maxChildren, maxDepth, maxTotalCost, maxTokensPerInstance, maxMinutesPerInstance, atLimit, idleMinutes, stuckMinutes }: Config): readonly Check[] {
  const own = [...(maxTokensPerInstance === undefined ? [] : [`${maxTokensPerInstance} tokens`]), ...(maxMinutesPerInstance === undefined ? [] : [`${maxMinutesPerInstance} minutes`])]
  const spent = atLimit === 'end' ? 'ends it and all below it' : 'interrupts it and all below it, and holds them until the limit is raised (resume_instance)'
  return [
    ok('at a limit', `of tokens, cost or time, the agent's${own.length > 0 ? ` or this server's ${own.join(' and ')}` : ''}: ${spent}; its supervisor is told. Policy (at_limit) may say otherwise`),
    ok('no more', `than ${maxInstances} processes, ${maxChildren} children of an agent, ${maxDepth} levels, $${maxTotalCost} of living teams: a spawn beyond is refused (limit_reached), beyond the cost a message too`),
    ok('when still', `${idleMinutes > 0 ? `idle for ${idleMinutes} min: suspended until it is needed` : 'idle: never suspended'}; ${stuckMinutes > 0 ? `busy and unheard for ${stuckMinutes} min: told to its supervisor as stuck, once` : 'busy and unheard: never told as stuck'}`),
  ]
}
