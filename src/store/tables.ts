/** Tables in memory whose changes can be undone: what the memory store needs of a database. */

import { MadroxError } from '../errors.ts'

/** Keeps how to undo each change of the running transaction. */
export interface Journal {
  transaction<T>(work: () => T): T
  /** Refuses when closed; otherwise remembers `undo`, if a transaction runs. */
  change(undo: () => void): void
  refuseClosed(): void
  close(): void
}

export function createJournal(): Journal {
  const undos: (() => void)[] = []
  let depth = 0
  let open = true
  const refuseClosed = (): void => {
    if (!open) throw new MadroxError('unavailable', 'The store is closed.')
  }
  return {
    refuseClosed,
    change: undo => {
      refuseClosed()
      if (depth > 0) undos.push(undo)
    },
    transaction: work => {
      refuseClosed()
      const start = undos.length
      depth += 1
      try {
        const result = work()
        refuseClosed()
        return result
      } catch (error) {
        for (const undo of undos.splice(start).toReversed()) undo()
        throw error
      } finally {
        depth -= 1
        if (depth === 0) undos.length = 0
      }
    },
    close: () => {
      open = false
    },
  }
}

/** Rows by id, in order of insertion. */
export interface Table<Row> {
  get(id: string): Row | undefined
  list(matches?: (row: Row) => boolean): readonly Row[]
  insert(id: string, row: Row): void
  /** Inserts, or replaces in place. */
  put(id: string, row: Row): void
  update(id: string, change: (row: Row) => Row): void
  /** Forgets those; returns how many. */
  remove(matches: (row: Row) => boolean): number
}

/** A row as the plain data a database would give back: undefined keys gone, nothing shared with who put it in. */
const toPlain = <Row>(row: Row): Row => JSON.parse(JSON.stringify(row)) as Row // rows are plain data by their types

export function createTable<Row>(journal: Journal, noun: string): Table<Row> {
  const rows = new Map<string, Row>()
  const set = (id: string, row: Row): void => {
    const before = rows.get(id)
    journal.change(() => void (before === undefined ? rows.delete(id) : rows.set(id, before)))
    rows.set(id, toPlain(row))
  }
  return {
    get: id => {
      journal.refuseClosed()
      return rows.get(id)
    },
    list: (matches = () => true) => {
      journal.refuseClosed()
      return [...rows.values()].filter(matches)
    },
    put: set,
    insert: (id, row) => {
      if (rows.has(id)) throw new MadroxError('internal', `The store has a ${noun} ${id} already.`, { data: { id } })
      set(id, row)
    },
    update: (id, change) => {
      const row = rows.get(id)
      if (row === undefined) throw new MadroxError('internal', `The store has no ${noun} ${id} to update.`, { data: { id } })
      set(id, change(row))
    },
    remove: matches => {
      const before = [...rows]
      const gone = before.filter(([, row]) => matches(row))
      journal.change(() => {
        rows.clear() // back in their order, which a row put in again would not have
        for (const [id, row] of before) rows.set(id, row)
      })
      for (const [id] of gone) rows.delete(id)
      return gone.length
    },
  }
}
