/**
 * A stand-in for the actor system and its tools. The transports are tested apart from them: what matters here is which calls
 * reach the system, when, and in which order, and tools that wait, hand out replies or fail exactly when a test says so.
 * The real system behind the same server is tested elsewhere.
 */

import { z } from 'zod'
import type { ConnectRequest, MadroxSystem } from '../../src/actors/system.ts'
import { MadroxError } from '../../src/errors.ts'
import { asAgentId, asClientId, asOwnerId, asReplyId, localOwner, type ReplyId } from '../../src/ids.ts'
import { defineTool, type Tool, type ToolContext, type ToolTable } from '../../src/tools/tool.ts'

export type Happening =
  | { readonly name: 'connected'; readonly request: ConnectRequest; readonly id: string }
  | { readonly name: 'located'; readonly id: string; readonly root: string }
  | { readonly name: 'disconnected'; readonly id: string }
  | { readonly name: 'toolsListed'; readonly id: string }
  | { readonly name: 'consumed'; readonly ids: readonly string[] }
  | { readonly name: 'released'; readonly ids: readonly string[] }
  | { readonly name: 'called'; readonly tool: string; readonly context: ToolContext }
  | { readonly name: 'aborted'; readonly tool: string }

export interface Journal {
  readonly entries: readonly Happening[]
  add(happening: Happening): void
  /** The first entry of this name, past or to come. */
  first<Name extends Happening['name']>(name: Name, matching?: (happening: Extract<Happening, { name: Name }>) => boolean): Promise<Extract<Happening, { name: Name }>>
  named<Name extends Happening['name']>(name: Name): Extract<Happening, { name: Name }>[]
}

export function createJournal(): Journal {
  const entries: Happening[] = []
  const watchers = new Set<() => void>()
  // Narrowing by a generic name is beyond the checker; the filter is the proof.
  const named = <Name extends Happening['name']>(name: Name) => entries.filter(entry => entry.name === name) as Extract<Happening, { name: Name }>[]
  return {
    entries,
    named,
    add(happening) {
      entries.push(happening)
      for (const watcher of watchers) watcher()
    },
    first: (name, matching = () => true) =>
      new Promise(resolve => {
        const look = (): void => {
          const found = named(name).find(matching)
          if (!found) return
          watchers.delete(look)
          resolve(found)
        }
        watchers.add(look)
        look()
      }),
  }
}

/** Tokens: `agent:<id>:<toolset>` and `owner:<name>`; without one, the local owner, on loopback. */
export function createStandInSystem(journal: Journal): MadroxSystem {
  let clients = 0
  const refuse = (): never => {
    throw new MadroxError('internal', 'The stand-in has no agents.')
  }
  const agents = new Map<string, 'leaf' | 'supervisor'>()
  return {
    authenticate(token, connection) {
      if (token === undefined && connection === 'loopback') return { kind: 'owner', ownerId: localOwner }
      const [kind, name = '', toolset] = token?.split(':') ?? []
      if (kind === 'owner') return { kind: 'owner', ownerId: asOwnerId(name) }
      if (kind !== 'agent') throw new MadroxError('unauthenticated', 'This credential was issued by nobody here.', { remedy: 'Use the token of this server.' })
      agents.set(name, toolset === 'supervisor' ? 'supervisor' : 'leaf')
      return { kind: 'agent', agentId: asAgentId(name) }
    },
    connectClient(request) {
      const id = asClientId(`client-${++clients}`)
      journal.add({ name: 'connected', request, id })
      return id
    },
    locateClient: (id, root) => journal.add({ name: 'located', id, root }),
    disconnectClient: id => journal.add({ name: 'disconnected', id }),
    toolsListed: id => journal.add({ name: 'toolsListed', id }),
    toolsetOf: caller => (caller.kind === 'agent' ? (agents.get(caller.agentId) ?? 'leaf') : 'client'),
    consumeReplies: ids => journal.add({ name: 'consumed', ids }),
    releaseReplies: ids => journal.add({ name: 'released', ids }),
    pendingReplies: () => 0,
    recordRefusal: () => {},
    recordRefusedLogin: () => {},
    auditLog: refuse,
    instanceLog: refuse,
    communicationLog: refuse,
    terminalLog: refuse,
    loggedAgents: refuse,
    metrics: refuse,
    summary: refuse,
    recordedSummary: refuse,
    countsByHarness: () => new Map(),
    listFiles: refuse,
    readFile: refuse,
    copyFile: refuse,
    changes: refuse,
    diff: refuse,
    cleanWorkspaces: refuse,
    spawn: refuse,
    resolveParent: refuse,
    waitUntilReady: refuse,
    spawnFailure: refuse,
    roles: () => Promise.resolve([]),
    templates: () => Promise.resolve({ templates: [], broken: [] }),
    planTeam: refuse,
    send: refuse,
    waitForAny: refuse,
    reply: refuse,
    collectReplies: refuse,
    coordinate: refuse,
    jobStatus: refuse,
    cancelJob: refuse,
    deadLetters: refuse,
    resendDeadLetter: refuse,
    policy: () => ({ scope: { kind: 'owner', id: localOwner, name: localOwner }, effective: {}, own: {} }),
    setPolicy: refuse,
    onPolicyChanged: () => {},
    approvals: () => [],
    onApprovals: () => () => {},
    answerApproval: refuse,
    personAt: () => () => {},
    interrupt: refuse,
    terminate: refuse,
    resolve: refuse,
    status: refuse,
    list: () => [],
    children: refuse,
    peers: refuse,
    output: refuse,
    screen: refuse,
    attach: refuse,
    onAgentEnded: () => {},
    health: () => ({ status: 'ok' }),
    endpointAnnounced: refuse,
    inspect: () => ({ past: [], complete: true, stop() {} }),
    inspectorUrl: () => undefined,
    dashboardUrl: () => undefined,
    suspend: refuse, resume: refuse, persisted: () => ({ agents: [], total: 0 }), terminateAll: refuse, interruptAll: refuse, mainInstance: refuse,
    async close() {},
  }
}

export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

export function createGate(): Gate {
  let open = (): void => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

const annotations = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false }
const common = { annotations, topic: 'see', searchHint: 'test', title: 'Test' } as const

/** @param gate what `wait` and `take_replies` wait for before they answer */
export function createStandInTools(journal: Journal, gate: Gate): ToolTable {
  const called = (tool: string, context: ToolContext): void => journal.add({ name: 'called', tool, context })
  const opened = async (tool: string, { signal }: ToolContext): Promise<void> => {
    const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([gate.opened, aborted])
    if (signal.aborted) journal.add({ name: 'aborted', tool })
  }
  const tools: Tool[] = [
    defineTool({
      ...common,
      name: 'echo',
      aliases: ['parrot'],
      description: 'Says it again.',
      input: z.object({ text: z.string().min(1), times: z.int().default(1) }),
      output: z.object({ text: z.string() }),
      listedFor: ['leaf', 'supervisor', 'client'],
      handler: ({ text }, context) => (called('echo', context), { data: { text } }),
    }),
    defineTool({
      ...common,
      name: 'reply_to_caller',
      description: 'Replies.',
      input: z.object({}),
      listedFor: ['leaf', 'supervisor', 'client'],
      handler: () => ({ data: { done: true } }),
    }),
    defineTool({ ...common, name: 'tree', description: 'Draws.', input: z.object({}), listedFor: ['supervisor', 'client'], handler: () => ({ text: '└── ada' }) }),
    defineTool({
      ...common,
      name: 'fail',
      description: 'Fails.',
      input: z.object({}),
      output: z.object({}),
      listedFor: ['client'],
      handler: () => {
        throw new MadroxError('agent_busy', 'Agent "ada" is busy.', { remedy: 'Interrupt it.' })
      },
    }),
    defineTool({
      ...common,
      name: 'wait',
      description: 'Waits.',
      input: z.object({}),
      listedFor: ['client'],
      async handler(_, context) {
        called('wait', context)
        await opened('wait', context)
        return { data: { waited: true } }
      },
    }),
    defineTool({
      ...common,
      name: 'take_replies',
      description: 'Hands out.',
      input: z.object({ bytes: z.int().default(0) }),
      listedFor: ['client'],
      async handler({ bytes }, context) {
        called('take_replies', context)
        await opened('take_replies', context)
        const replies: ReplyId[] = [asReplyId('reply-1'), asReplyId('reply-2')]
        return { text: `replies ${'x'.repeat(bytes)}`, replies }
      },
    }),
  ]
  return new Map(tools.flatMap(tool => [tool.name, ...(tool.aliases ?? [])].map(name => [name, tool])))
}
