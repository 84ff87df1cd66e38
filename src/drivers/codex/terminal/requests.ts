/**
 * What an interactive codex that shows an agent's thread may ask of the app-server, whose connection is Madrox's and reaches every
 * thread and the user's own configuration. A list of what is let through, measured on codex-cli 0.169.0: what it asks at its
 * start, and what a person does in the thread. Everything else is refused, in words: most it shows, at some it ends. Pure.
 */

import { z } from 'zod'

/** The thread that is shown. */
export interface Shown {
  readonly threadId: string
  readonly cwd: string
}

export type Treatment =
  /** Madrox's own word: the app-server's would tell of other threads, of the user's login or of their secrets. */
  | { readonly kind: 'answer'; readonly result: object }
  | { readonly kind: 'pass'; readonly params: object }
  /** Deeds, which are of a person who has control alone: what was typed, and the end of what runs. */
  | { readonly kind: 'start' | 'steer'; readonly params: object; readonly text: string }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'endCommands'; readonly params: object }
  | { readonly kind: 'refuse'; readonly message: string }

type Params = Readonly<Record<string, unknown>>

const own: Readonly<Record<string, (shown: Shown) => object>> = {
  'account/read': () => ({ account: null, requiresOpenaiAuth: false }),
  // It is to ask nobody whether the folder is trusted: the thread was opened long ago, and it runs nothing there itself.
  'config/read': ({ cwd }) => ({ config: { projects: { [cwd]: { trust_level: 'trusted' } } }, origins: {}, layers: [] }),
  'hooks/list': () => ({ data: [] }),
  'skills/list': () => ({ data: [] }),
  'plugin/installed': () => ({ marketplaces: [], marketplaceLoadErrors: [] }),
  'thread/list': () => ({ data: [], readStates: {}, nextCursor: null, backwardsCursor: null }),
  'thread/loaded/list': ({ threadId }) => ({ data: [threadId], nextCursor: null }),
  // It says goodbye; Madrox goes on listening.
  'thread/unsubscribe': () => ({ status: 'unsubscribed' }),
}

const ofNoThread: ReadonlySet<string> = new Set(['model/list', 'configRequirements/read', 'collaborationMode/list'])
const ofTheThread: ReadonlySet<string> = new Set(['thread/read', 'thread/turns/list', 'thread/items/list', 'thread/goal/get', 'thread/backgroundTerminals/list'])

const inputSchema = z.object({ input: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })), clientUserMessageId: z.string().nullish() })
const steerSchema = inputSchema.extend({ expectedTurnId: z.string() })

export function treat(method: string, params: Params, shown: Shown): Treatment {
  const answer = own[method]
  if (answer) return { kind: 'answer', result: answer(shown) }
  if (ofNoThread.has(method)) return { kind: 'pass', params }
  if (params['threadId'] !== shown.threadId) return refuse(method)
  if (ofTheThread.has(method)) return { kind: 'pass', params }
  switch (method) {
    // Without its wishes for model, sandbox and configuration: the thread has its own.
    case 'thread/resume': return { kind: 'pass', params: pick(params, ['threadId', 'excludeTurns', 'initialTurnsPage']) }
    case 'turn/start': return act('start', inputSchema, params, shown)
    case 'turn/steer': return act('steer', steerSchema, params, shown)
    case 'turn/interrupt': return { kind: 'interrupt' }
    case 'thread/backgroundTerminals/clean': return { kind: 'endCommands', params: pick(params, ['threadId']) }
    default: return refuse(method)
  }
}

export const isDeed = ({ kind }: Treatment): boolean => kind !== 'answer' && kind !== 'pass' && kind !== 'refuse'

/** What was typed, and nothing of the settings it sends along: they would hold for the turns behind as well. */
function act(kind: 'start' | 'steer', schema: typeof inputSchema | typeof steerSchema, params: Params, { threadId }: Shown): Treatment {
  const parsed = schema.safeParse(params)
  if (!parsed.success) return { kind: 'refuse', message: `Codex asked for a turn in a form that Madrox does not know: ${z.prettifyError(parsed.error)}` }
  const text = parsed.data.input.map(each => each.text ?? '').join('\n')
  return { kind, params: { ...parsed.data, threadId }, text }
}

const refuse = (method: string): Treatment => ({ kind: 'refuse', message: `Not from here: this terminal shows one agent's thread, and Madrox lets nothing through that changes settings or concerns other threads (${method}).` })

const pick = (params: Params, names: readonly string[]): Params => Object.fromEntries(Object.entries(params).filter(([name]) => names.includes(name)))
