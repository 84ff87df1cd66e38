/** As much of a PostgreSQL server as a client needs to be connected (protocol 3.0): it lets everybody in, and every query has no rows. */
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

export interface FakePostgres {
  readonly url: string
  /** What was asked by simple queries. */
  readonly queries: readonly string[]
  close(): Promise<void>
}

const message = (type: string, body: Buffer = Buffer.alloc(0)): Buffer => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), length, body])
}
const ready = message('Z', Buffer.from('I'))
const complete = message('C', Buffer.from('SELECT 0\0'))
/** By the type of what the client says: parse, bind, describe, execute, sync, query. */
const answers: Readonly<Record<string, Buffer>> = { P: message('1'), B: message('2'), D: message('n'), E: complete, S: ready, Q: Buffer.concat([complete, ready]) }
const sslRequest = 80_877_103

export async function startFakePostgres(): Promise<FakePostgres> {
  const queries: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    let heard = Buffer.alloc(0)
    let isIn = false
    socket.on('error', () => socket.destroy()) // a client that was ended is gone
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk])
      // What opens a connection has no type.
      for (let head = isIn ? 1 : 0; heard.length >= head + 4 && heard.length >= head + heard.readInt32BE(head); head = isIn ? 1 : 0) {
        const type = heard.toString('latin1', 0, head)
        const body = heard.subarray(head + 4, head + heard.readInt32BE(head))
        heard = heard.subarray(head + heard.readInt32BE(head))
        if (type === 'Q') queries.push(body.toString('utf8', 0, body.length - 1))
        if (isIn) socket.write(answers[type] ?? '')
        else if (body.readInt32BE(0) === sslRequest) socket.write('N')
        else {
          isIn = true
          socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ready]))
        }
      }
    })
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo // a server listening on TCP always has one; the string form is for pipes
  return {
    url: `postgres://anybody:nothing@127.0.0.1:${port}/any`,
    queries,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise(closed => server.close(() => closed()))
    },
  }
}
