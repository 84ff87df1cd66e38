/** Files of lines that somebody else writes: read as they grow. */

import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { codeOf } from '../errors.ts'

export interface LineReader {
  /** The complete lines written since the last call. A file that is not there yet has none. */
  read(): string[]
}

/** Reads a growing file by line, from byte `offset` on. */
export function createLineReader(path: string, offset = 0): LineReader {
  let position = offset
  let rest: Buffer = Buffer.alloc(0)
  return {
    read() {
      const chunk = readFrom(path, position)
      if (chunk.length === 0) return []
      position += chunk.length
      const bytes = Buffer.concat([rest, chunk])
      const end = bytes.lastIndexOf(10) + 1
      rest = bytes.subarray(end)
      return bytes.subarray(0, end).toString('utf8').split('\n').filter(line => line !== '')
    },
  }
}

function readFrom(path: string, position: number): Buffer {
  try {
    const size = statSync(path).size
    if (size <= position) return Buffer.alloc(0)
    const file = openSync(path, 'r')
    try {
      const chunk = Buffer.alloc(size - position)
      return chunk.subarray(0, readSync(file, chunk, 0, chunk.length, position))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}
