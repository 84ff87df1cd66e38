/**
 * People at an agent's terminal: who may look, who may type, and which fact is for whom. What is on a screen passes here from the
 * driver to its viewer, past the agent's actor: pictures are no news to a machine.
 */

import type { DriverFact, PersonHold, TerminalUse } from '../drivers/driver.ts'
import { MadroxError } from '../errors.ts'
import type { AgentId } from '../ids.ts'
import type { Caller } from '../messages.ts'
import { hands } from '../machines/effects.ts'
import { agentContext, type Core, detailOf, ledgerActor, rowOf } from './core.ts'
import { isWithin, resolveLiving } from './directory.ts'
import type { Attaching, TerminalEvent } from './terminals.ts'

interface Entry {
  readonly agentId: AgentId
  readonly caller: Caller
  readonly hear: (event: TerminalEvent) => void
}

/** Whom facts about terminals are for. */
export interface Viewers {
  readonly tell: (fact: DriverFact) => void
  add(viewerId: string, entry: Entry): void
  remove(viewerId: string): void
  has(viewerId: string): boolean
  /** Viewers that look for that agent, and what they look at. */
  ofCaller(agentId: AgentId): readonly { readonly viewerId: string; readonly watched: AgentId }[]
  /** What a viewer of the agent is to know of its control now. */
  controlOf(agentId: AgentId, viewerId: string, holds: PersonHold | undefined): TerminalEvent
}

export function createViewers(): Viewers {
  const viewers = new Map<string, Entry>()
  const controllers = new Map<string, string | undefined>()
  const controlOf: Viewers['controlOf'] = (agentId, viewerId, holds) => {
    const controller = controllers.get(agentId)
    return { type: 'control', by: controller === undefined ? 'nobody' : controller === viewerId ? 'you' : 'another', ...(holds === undefined ? {} : { holds }) }
  }
  const close = (viewerId: string, detail: string): void => {
    const viewer = viewers.get(viewerId)
    viewers.delete(viewerId)
    viewer?.hear({ type: 'closed', detail })
  }
  const all = (agentId: string): [string, Entry][] => [...viewers].filter(([, viewer]) => viewer.agentId === agentId)
  return {
    tell(fact) {
      switch (fact.type) {
        case 'terminalOutput': return viewers.get(fact.viewerId)?.hear({ type: 'output', data: fact.data })
        case 'terminalClosed': return close(fact.viewerId, fact.detail)
        case 'controlChanged': {
          controllers.set(fact.agentId, fact.viewerId)
          for (const [viewerId, { agentId, hear }] of all(fact.agentId)) hear(controlOf(agentId, viewerId, fact.holds))
          return
        }
        case 'exited':
        case 'startFailed': {
          controllers.delete(fact.agentId)
          for (const [viewerId] of all(fact.agentId)) close(viewerId, 'Its process has ended.')
          return
        }
        default:
      }
    },
    add: (viewerId, entry) => void viewers.set(viewerId, entry),
    remove: viewerId => void viewers.delete(viewerId),
    has: viewerId => viewers.has(viewerId),
    ofCaller: agentId => [...viewers].flatMap(([viewerId, { caller, agentId: watched }]) => (caller.kind === 'agent' && caller.agentId === agentId ? [{ viewerId, watched }] : [])),
    controlOf,
  }
}

/** A driver that has painted nothing by then does not; one may have to start a program to look through. Milliseconds. */
const paintMs = 20_000

export function createAttaching(core: Core, viewers: Viewers): Attaching {
  const send = (agentId: AgentId, viewerId: string, use: TerminalUse): void =>
    void core.root.system.get(hands.drivers)?.send({ type: 'dispatch', harness: rowOf(core, agentId).harness, command: { type: 'useTerminal', agentId, viewerId, use } })
  // With an agent goes its right to look.
  ledgerActor(core).on('agentEnded', ({ agentId }) => {
    for (const { viewerId, watched } of viewers.ofCaller(agentId)) {
      send(watched, viewerId, { action: 'detach' })
      viewers.tell({ type: 'terminalClosed', agentId: watched, viewerId, detail: 'The agent that looked has ended.', source: 'self', at: core.clock.now() })
    }
  })
  return {
    async attach(caller, reference, viewer) {
      const { id, actor } = resolveLiving(core, caller, reference, 'see')
      const { name } = rowOf(core, id)
      if (detailOf(actor.getSnapshot()).includes('suspended')) throw new MadroxError('unavailable', `"${name}" is suspended: it has no process to look at.`, { remedy: 'Send it a message, or resume it; then attach again.' })
      const viewerId = core.ids.prompt()
      let { columns, rows } = viewer
      const use = (use: TerminalUse): void => {
        if (viewers.has(viewerId)) send(id, viewerId, use)
      }
      await painted(core, viewers, viewerId, { agentId: id, caller, hear: viewer.hear }, () => use({ action: 'attach', columns, rows })).catch((error: unknown) => {
        send(id, viewerId, { action: 'detach' }) // what was started for it is for nobody
        throw error
      })
      if (viewers.has(viewerId)) viewer.hear(viewers.controlOf(id, viewerId, agentContext(core, id)?.person?.holds))
      return {
        agentId: id,
        name,
        repaint: () => use({ action: 'attach', columns, rows }),
        resize: (...size) => {
          ;[columns, rows] = size
          use({ action: 'resize', columns, rows })
        },
        takeControl: () => {
          if (!isWithin(core, caller, rowOf(core, id), 'rule')) throw new MadroxError('not_allowed', `You may look at "${name}", not type into its terminal.`, { remedy: 'Ask its supervisor.' })
          use({ action: 'takeControl', answers: caller.kind !== 'agent' }) // no agent answers for a person
        },
        releaseControl: clear => use({ action: 'releaseControl', clear }),
        type: data => use({ action: 'type', data }),
        detach: () => {
          use({ action: 'detach' })
          viewers.remove(viewerId)
        },
      }
    },
  }
}

/** Asks for the terminal, and resolves with its first picture. */
function painted(core: Core, viewers: Viewers, viewerId: string, { hear, ...entry }: Entry, ask: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (detail: string): void => {
      viewers.remove(viewerId)
      core.clock.clearTimeout(timer)
      reject(new MadroxError('unavailable', `The terminal of "${rowOf(core, entry.agentId).name}" cannot be shown. ${detail}`, { remedy: 'Look at get_terminal_screen and get_instance_status.' }))
    }
    let isPainted = false
    const timer = core.clock.setTimeout(() => refuse('Its process does not answer.'), paintMs)
    viewers.add(viewerId, {
      ...entry,
      hear: event => {
        if (isPainted) return hear(event)
        if (event.type === 'closed') return refuse(event.detail)
        if (event.type === 'control') return // told when it has been painted
        isPainted = true
        core.clock.clearTimeout(timer)
        hear(event)
        resolve()
      },
    })
    ask()
  })
}
