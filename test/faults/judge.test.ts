import { expect, test } from 'vitest'
import type { Entry, Victim, Way } from './journal.ts'
import { judge } from './judge.ts'

const tried = (key: string, way: Way = 'any'): Entry => ({ type: 'tried', key, to: 'ada', expected: `answer ${key}`, way })
const accepted = (key: string, messageId = `m-${key}`): Entry => ({ type: 'accepted', key, messageId })
const heard = (key: string, by: Way = 'any', response = `answer ${key}`, status = 'answered'): Entry => ({ type: 'heard', messageId: `m-${key}`, status, response, by })
const killed = (what: Victim = 'server', agent?: string): Entry => ({ type: 'killed', what, ...(agent === undefined ? {} : { agent }) })
const cut = (call: 'send' | 'any' | 'inbox'): Entry => ({ type: 'cut', call })
const poison = heard('a', 'any', 'poison: delivered 3 times', 'failed')

const faultless: readonly Entry[] = [tried('a'), cut('send'), killed(), tried('a'), accepted('a'), accepted('a'), tried('b', 'inbox'), accepted('b'), heard('b', 'inbox'), heard('a'), killed(), heard('b', 'inbox')]

test('a journal as it should be has no complaint, and what a kill excuses is counted', () => {
  expect(judge(faultless)).toEqual({ sent: 2, answered: 2, poisoned: 0, failedByApi: 0, kills: { server: 2, cli: 0, 'app-server': 0, api: 0 }, cut: 1, heardAgain: 1, lost: [], duplicated: [], wrong: [] })
})

test.each<[what: string, verdict: 'lost' | 'duplicated' | 'wrong', journal: readonly Entry[]]>([
  ['a message that was never accepted', 'lost', [tried('a')]],
  ['a message without an outcome', 'lost', [tried('a'), accepted('a')]],
  ['an outcome that never came to the inbox it was for', 'lost', [tried('a', 'inbox'), accepted('a'), killed(), heard('a', 'asked')]],
  ['one key under two ids', 'duplicated', [tried('a'), accepted('a'), accepted('a', 'm-other'), heard('a')]],
  ['two outcomes that differ', 'duplicated', [tried('a'), accepted('a'), heard('a'), killed(), heard('a', 'inbox', 'another')]],
  ['an outcome handed out twice with no kill in between', 'duplicated', [tried('a'), accepted('a'), killed(), heard('a'), heard('a', 'inbox')]],
  ['an outcome handed out after every kill', 'duplicated', [tried('a'), accepted('a'), heard('a', 'inbox'), killed(), heard('a', 'inbox'), killed(), heard('a', 'inbox')]],
  ['a second answer', 'duplicated', [tried('a'), accepted('a'), heard('a'), { type: 'followUp', messageId: 'm-a', response: 'answer a' }]],
  ["another message's answer", 'wrong', [tried('a'), accepted('a'), heard('a', 'any', 'answer b')]],
  ['a message given up after two kills', 'wrong', [tried('a'), accepted('a'), killed(), killed(), poison]],
  ["a message given up after kills that were others'", 'wrong', [tried('a'), accepted('a'), killed(), killed(), killed('cli', 'bob'), poison]],
  ['a message that failed while the model API was up', 'wrong', [tried('a'), killed('api'), tried('b'), heard('b', 'any', 'answer b'), accepted('b'), accepted('a'), heard('a'), { type: 'risen' }, tried('c'), accepted('c'), heard('c', 'any', 'no connection', 'failed')]],
  ['an outcome of a message nobody sent', 'wrong', [heard('a')]],
])('it complains of %s', (_, kind, journal) => {
  expect(judge(journal)[kind]).toHaveLength(1)
})

test('a message is rightly given up after three kills that each may have cut it, and late inbox mail is excused by a cut collection', () => {
  expect(judge([tried('a'), accepted('a'), killed(), killed('cli', 'ada'), killed(), poison])).toMatchObject({ poisoned: 1, wrong: [] })
  expect(judge([tried('a'), accepted('a'), killed('api'), heard('a', 'any', 'no connection', 'failed')])).toMatchObject({ failedByApi: 1, wrong: [] })
  expect(judge([tried('a', 'inbox'), accepted('a'), cut('inbox'), killed(), heard('a', 'asked')])).toMatchObject({ answered: 1, lost: [] })
})
