/** The verdict on a journal: every accepted message exactly one outcome, and the right one. Pure, so that it can be shown to fail. */

import type { Entry, Victim } from './journal.ts'

export interface Verdict {
  readonly sent: number
  readonly answered: number
  /** Given up after three deliveries that were each cut off: an outcome, and only after that many kills. */
  readonly poisoned: number
  /** Ended by the CLI's own word that its model API was gone, while that was so. */
  readonly failedByApi: number
  readonly kills: Readonly<Record<Victim, number>>
  /** Calls of the client that a kill cut. */
  readonly cut: number
  /** Handed out again after a kill had come between the answer and the record that it left. */
  readonly heardAgain: number
  readonly lost: readonly string[]
  readonly duplicated: readonly string[]
  /** Whatever else is not as promised. */
  readonly wrong: readonly string[]
}

type EntryOf<Type extends Entry['type']> = Extract<Entry, { type: Type }>
type Placed<Type extends Entry['type']> = EntryOf<Type> & { readonly place: number }

/** A message is delivered so often; cut off each time, it is given up. */
const poisonAfter = 3

export function judge(entries: readonly Entry[]): Verdict {
  const of = <Type extends Entry['type']>(type: Type): Placed<Type>[] =>
    entries.flatMap((entry, place) => (entry.type === type ? [{ ...(entry as EntryOf<Type>), place }] : [])) // its type was just compared
  const sent = [...groupBy(of('tried'), each => each.key).values()].flatMap(([first]) => (first ? [first] : []))
  const ids = groupBy(of('accepted'), each => each.key)
  const heard = groupBy(of('heard'), each => each.messageId)
  const killed = of('killed')
  const idOf = (key: string): string | undefined => ids.get(key)?.[0]?.messageId
  const all = sent.map(tried => ({ tried, id: idOf(tried.key), heard: heard.get(idOf(tried.key) ?? '') ?? [] }))
  const known = new Set(all.map(each => each.id))
  const cutsOf = ({ tried, heard: [first] }: (typeof all)[number]): number =>
    killed.filter(kill => kill.place > tried.place && kill.place < (first?.place ?? Infinity) && (kill.agent === undefined || kill.agent === tried.to)).length
  const risen = of('risen')
  const outages = killed.flatMap(kill => (kill.what === 'api' ? [{ from: kill.place, until: risen.find(each => each.place > kill.place)?.place ?? Infinity }] : []))
  const diedApi = ({ tried, heard: [first] }: (typeof all)[number]): boolean =>
    first?.status === 'failed' && outages.some(({ from, until }) => from < first.place && until > tried.place)
  const isPoison = (each: (typeof all)[number]): boolean => each.heard[0]?.status === 'failed' && each.heard[0].response.startsWith('poison')
  // One kill, at the wrong moment, excuses one repetition; a second time is a habit.
  const again = [...heard.values()].flatMap(([first, ...later]) =>
    later.filter(each => each.by === 'inbox').map((each, nth) => ({ each, excused: nth === 0 && killed.some(kill => kill.what === 'server' && kill.place > (first?.place ?? 0) && kill.place < each.place) })))
  const inboxCuts = of('cut').filter(each => each.call === 'inbox')

  return {
    sent: sent.length,
    answered: all.filter(({ tried, heard: [first] }) => first?.status === 'answered' && first.response === tried.expected).length,
    poisoned: all.filter(isPoison).length,
    failedByApi: all.filter(each => !isPoison(each) && diedApi(each)).length,
    kills: { server: 0, cli: 0, 'app-server': 0, api: 0, ...Object.fromEntries([...groupBy(killed, each => each.what)].map(([what, list]) => [what, list.length])) },
    cut: of('cut').length,
    heardAgain: again.filter(({ excused }) => excused).length,
    lost: [
      ...all.filter(each => each.id === undefined).map(({ tried }) => `${tried.key} to ${tried.to} was never accepted`),
      ...all.filter(each => each.id !== undefined && each.heard.length === 0).map(({ tried, id }) => `${id} (${tried.key} to ${tried.to}) has no outcome`),
      ...all
        .filter(({ tried, heard: list }) => tried.way === 'inbox' && list[0]?.by === 'asked' && !inboxCuts.some(cut => cut.place > tried.place))
        .map(({ id }) => `${id} never came to the inbox, and no collection was cut that could have held it`),
    ],
    duplicated: [
      ...[...ids].filter(([, list]) => new Set(list.map(each => each.messageId)).size > 1).map(([key, list]) => `${key} was accepted as ${[...new Set(list.map(each => each.messageId))].join(' and ')}`),
      ...[...heard.values()].filter(list => new Set(list.map(each => `${each.status} ${each.response}`)).size > 1).map(([first, ...later]) => `${first?.messageId} was ${first?.status} "${first?.response}", then ${later.map(each => `${each.status} "${each.response}"`).join(', ')}`),
      ...again.filter(({ excused }) => !excused).map(({ each }) => `${each.messageId} was handed out twice, and nothing was killed in between`),
      ...of('followUp').map(each => `${each.messageId} was answered again: "${each.response}"`),
    ],
    wrong: [
      ...all.flatMap(each => wrongOutcome(each.tried, each.heard[0], isPoison(each) ? cutsOf(each) >= poisonAfter : diedApi(each))),
      ...[...heard.keys()].filter(id => !known.has(id)).map(id => `${id} has an outcome and was never sent`),
    ],
  }
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}

function wrongOutcome({ key, to, expected }: EntryOf<'tried'>, outcome: EntryOf<'heard'> | undefined, isExcused: boolean): string[] {
  if (!outcome || isExcused) return []
  if (outcome.status === 'answered' && outcome.response === expected) return []
  return [`${outcome.messageId} (${key} to ${to}, "${expected}") ended ${outcome.status}: "${outcome.response}"`]
}
