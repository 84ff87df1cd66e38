/** What a session offers beside tools, wired to its SDK server: resources, prompts, and the completion of what they take. Who asks is known anew at each request. */

import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  CompleteRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { MadroxSystem } from '../../actors/system.ts'
import type { Clock } from '../../clock.ts'
import { wordsOf } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { Caller } from '../../messages.ts'
import type { ToolTable } from '../../tools/tool.ts'
import { complete, toCompletion } from './completion.ts'
import type { McpExtension } from './extension.ts'
import { getPrompt, offeredPrompts, toPrompt } from './prompts.ts'
import { listResources, listResourceTemplates, readResource, watchedBy } from './resources.ts'
import { createSubscriptions } from './subscriptions.ts'

export interface Offering {
  readonly system: MadroxSystem
  readonly tools: ToolTable
  readonly extension: McpExtension | undefined
  readonly clock: Clock
  readonly log: Log
}

/** Ended with its session. */
export interface OfferedResources {
  stop(): void
}

export function offer(server: Server, offering: Offering, callerNow: () => Caller): OfferedResources {
  offerPrompts(server, offering, callerNow)
  return offerResources(server, offering, callerNow)
}

function offerResources(server: Server, { system, tools, extension, clock, log }: Offering, callerNow: () => Caller): OfferedResources {
  const further = extension?.resources
  // Rejected when the session is gone: nobody is left to be told.
  const tell = (telling: Promise<void>): void => void telling.catch((error: unknown) => log.debug('a change was told to nobody', { reason: wordsOf(error) }))
  const subscriptions = createSubscriptions({
    system, clock,
    updated: uri => tell(server.sendResourceUpdated({ uri })),
    listChanged: () => tell(server.sendResourceListChanged()),
  })
  server.setRequestHandler(ListResourcesRequestSchema, ({ params }) => {
    const caller = callerNow()
    const page = listResources(system, caller, params?.cursor)
    subscriptions.listed(caller)
    return page.nextCursor === undefined && further ? { ...page, resources: [...page.resources, ...further.list] } : page
  })
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [...listResourceTemplates(), ...(further?.templates ?? [])] }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }, { signal }) =>
    further?.read(uri) ?? readResource(tools, uri, { system, caller: callerNow(), signal, progress: () => {}, now: () => clock.now() }))
  server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
    const caller = callerNow()
    subscriptions.add(caller, uri, further?.read(uri) ? undefined : watchedBy(system, caller, uri))
    return {}
  })
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    subscriptions.remove(uri)
    return {}
  })
  return subscriptions
}

function offerPrompts(server: Server, { system, tools, extension, clock }: Offering, callerNow: () => Caller): void {
  const further = extension?.prompts
  server.setRequestHandler(ListPromptsRequestSchema, async () => ({ prompts: [...(await offeredPrompts(system)).map(toPrompt), ...(further?.list ?? [])] }))
  server.setRequestHandler(GetPromptRequestSchema, ({ params: { name, arguments: args = {} } }, { signal }) =>
    further?.get(name, args) ?? getPrompt(name, args, { system, tools, caller: callerNow(), signal, progress: () => {}, now: () => clock.now() }))
  server.setRequestHandler(CompleteRequestSchema, ({ params }) => {
    const { ref, argument } = params
    if (further && ref.type === 'ref/prompt' && further.list.some(({ name }) => name === ref.name)) return toCompletion(further.complete(argument.value), argument.value)
    return complete(system, callerNow(), params)
  })
}
