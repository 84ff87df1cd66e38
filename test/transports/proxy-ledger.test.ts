import { describe, expect, test } from 'vitest'
import { createProxyLedger } from '../../src/transports/mcp/proxy-ledger.ts'
import type { JSONRPCMessage, RequestId } from '../../src/transports/mcp/wire.ts'

const request = (id: RequestId, method = 'ping'): JSONRPCMessage => ({ jsonrpc: '2.0', id, method })
const answer = (id: RequestId): JSONRPCMessage => ({ jsonrpc: '2.0', id, result: {} })
const idOf = (message: JSONRPCMessage | undefined): RequestId => (message && 'id' in message && message.id !== undefined ? message.id : 'none')

describe('what a proxy remembers', () => {
  test('a request of the server is answered under its own number', () => {
    const ledger = createProxyLedger()
    const shown = idOf(ledger.toClient(request(0, 'roots/list')))
    expect(ledger.toServer(answer(shown))).toEqual(answer(0))
    expect(ledger.toServer(answer(shown))).toBeUndefined()
  })

  test('a request of a session that is gone is not answered to its successor, which numbers from 0 again', () => {
    const ledger = createProxyLedger()
    const old = idOf(ledger.toClient(request(0, 'roots/list')))
    ledger.renew()
    const fresh = idOf(ledger.toClient(request(0, 'roots/list')))
    expect(fresh).not.toBe(old)
    expect(ledger.toServer(answer(old))).toBeUndefined()
    expect(ledger.toServer(answer(fresh))).toEqual(answer(0))
  })

  test('a cancellation by the server names the request as the client knows it', () => {
    const ledger = createProxyLedger()
    const shown = idOf(ledger.toClient(request(3, 'elicitation/create')))
    expect(ledger.toClient({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 3 } })).toMatchObject({ params: { requestId: shown } })
  })

  test('the number 1 and the text "1" are two requests', () => {
    const ledger = createProxyLedger()
    expect(idOf(ledger.toClient(request(1)))).not.toBe(idOf(ledger.toClient(request('1'))))
  })

  test('requests of the client are open until they are answered, or cancelled', () => {
    const ledger = createProxyLedger()
    for (const id of [1, 2, 3]) ledger.toServer(request(id))
    expect(ledger.toClient(answer(2))).toEqual(answer(2))
    ledger.toServer({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
    expect(ledger.open().map(open => open.id)).toEqual([3])
    expect(ledger.toClient(answer(1))).toBeUndefined()
  })

  test('a call gets an identity, unless it has one', () => {
    const ledger = createProxyLedger()
    const sent = (meta?: Record<string, unknown>) => ledger.toServer({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x', ...(meta ? { _meta: meta } : {}) } })
    expect(sent()).toMatchObject({ params: { name: 'x', _meta: { 'madrox/key': expect.stringMatching(/./) } } })
    expect(sent({ progressToken: 5 })).toMatchObject({ params: { _meta: { progressToken: 5, 'madrox/key': expect.stringMatching(/./) } } })
    expect(sent({ callId: 'c' })).toEqual({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x', _meta: { callId: 'c' } } })
  })
})
