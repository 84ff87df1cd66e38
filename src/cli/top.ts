/** `madrox top`: the agents as they work, drawn anew when something happens to one; on anything but a terminal, as they are now. */

import { type Data, followPath, readPath, type Server, untilInterrupted } from './calling.ts'
import { common, isSet, serverOf, tell, toCommand } from './command.ts'
import { exitCodes } from './exit.ts'
import { bold, dim, listOf, print, toUsd } from './output.ts'
import { statusTable } from './tree.ts'

export const top = toCommand({
  name: 'top',
  description: 'A live view of all agents: states, current tool, tokens, cost; q ends it',
  options: common,
  run: async given => {
    const server = await serverOf(given)
    if (isSet(given, 'json') || !process.stdout.isTTY) return tell(given, await readPath(server, '/instances'), inWords)
    await untilInterrupted(signal => watch(server, signal), () => ({ message: '' })).catch((error: unknown) => {
      if (!(error instanceof Error && 'exitCode' in error && error.exitCode === exitCodes.interrupted)) throw error // Ctrl-C is how one leaves
    })
    return exitCodes.done
  },
})

/** An agent at work is told of many times a second; nobody reads so fast. Milliseconds. */
const redrawMs = 300

async function watch(server: Server, interrupted: AbortSignal): Promise<void> {
  const left = new AbortController()
  const signal = AbortSignal.any([interrupted, left.signal])
  const leave = onKey(['q', '\u0003'], () => left.abort())
  process.stdout.write('\u001b[?1049h\u001b[?25l')
  try {
    await draw(server, signal)
    for await (const _ of eachOf(followPath(server, '/inspector/events', signal))) await draw(server, signal)
  } catch (error) {
    if (!left.signal.aborted) throw error
  } finally {
    process.stdout.write('\u001b[?25h\u001b[?1049l')
    leave()
  }
}

/** What comes while one is drawn, and shortly after, is drawn once. */
async function* eachOf(events: AsyncIterable<unknown>): AsyncGenerator<void> {
  let wake = (): void => {}
  let state: 'quiet' | 'news' | 'over' = 'quiet'
  let failure: unknown
  const reading = (async () => {
    for await (const _ of events) {
      state = 'news'
      wake()
    }
  })().catch((error: unknown) => (failure = error)).finally(() => {
    state = 'over'
    wake()
  })
  // It ends by what happens elsewhere: the loop reads it anew each time.
  const now = (): typeof state => state
  while (now() !== 'over') {
    if (now() === 'quiet') await new Promise<void>(resolve => (wake = resolve))
    if (now() !== 'news') continue
    state = 'quiet'
    yield
    await new Promise(resolve => setTimeout(resolve, redrawMs))
  }
  await reading
  if (failure !== undefined) throw failure instanceof Error ? failure : new Error('the feed failed')
}

async function draw(server: Server, signal: AbortSignal): Promise<void> {
  const data = await readPath(server, '/instances', signal)
  const lines = inWords(data).split('\n').slice(0, Math.max(1, process.stdout.rows - 1))
  process.stdout.write('\u001b[H\u001b[J')
  print(process.stdout, lines.join('\n'))
}

function inWords({ instances }: Data): string {
  const agents = listOf(instances)
  const busy = agents.filter(({ state }) => state === 'busy').length
  const costs = agents.map(({ total_cost: cost }) => cost)
  const known = costs.filter((cost): cost is number => typeof cost === 'number')
  const sum = `${toUsd(known.reduce((a, b) => a + b, 0))}${known.length < costs.length ? ' and what is unknown' : ''}`
  return [`${bold('madrox')} ${dim(`${agents.length} ${agents.length === 1 ? 'agent' : 'agents'}, ${busy} busy, ${sum}${process.stdin.isTTY && process.stdout.isTTY ? ' · q ends this' : ''}`)}`, '', statusTable(agents) || 'There are no agents.'].join('\n')
}

/** Until what is returned is called, keys come one by one. */
function onKey(keys: readonly string[], act: () => void): () => void {
  const { stdin } = process
  if (!stdin.isTTY) return () => {}
  const listen = (key: Buffer): void => {
    if (keys.includes(key.toString())) act()
  }
  stdin.setRawMode(true).resume().on('data', listen)
  return () => void stdin.off('data', listen).pause().setRawMode(false)
}
