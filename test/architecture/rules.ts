/** The checks behind the architecture test, apart from the table of rooms so that they can be shown to fail. */

import type { Import, Source } from './source.ts'

export interface Room {
  readonly name: string
  /** Files (`src/ids.ts`) and folders (`src/store/`). The longest match of all rooms wins. */
  readonly holds: readonly string[]
  /** Rooms it may import beside itself; `*` is every room. */
  readonly imports: readonly string[]
  /** Rooms of which it may import types alone. */
  readonly types?: readonly string[]
  /** True: `node:*` is out of bounds. */
  readonly pure?: boolean
}

export interface Rules {
  readonly rooms: readonly Room[]
  /** Packages, and the files and folders that alone may import them. */
  readonly packages: Readonly<Record<string, readonly string[]>>
  /** Where writing to the program's own output is the job. */
  readonly mayPrint: readonly string[]
  readonly maxLines: number
  /** Type-only edges that may close a circle, each `from -> to`. */
  readonly circlesByType: readonly string[]
}

const holds = (place: string, path: string): boolean => (place.endsWith('/') ? path.startsWith(place) : path === place)
const isIn = (places: readonly string[], path: string): boolean => places.some(place => holds(place, path))

export function roomOf(rooms: readonly Room[], path: string): Room | undefined {
  const candidates = rooms.flatMap(room => room.holds.filter(place => holds(place, path)).map(place => ({ room, place })))
  return candidates.toSorted((a, b) => b.place.length - a.place.length)[0]?.room
}

/** Every breach of the rules, in words. */
export function findBreaches(sources: readonly Source[], rules: Rules): readonly string[] {
  return [...sources.flatMap(source => [...breachesOf(source, sources, rules)]), ...circles(sources, rules).map(circle => `a circle: ${circle.join(' -> ')}`)]
}

function* breachesOf(source: Source, sources: readonly Source[], rules: Rules): Generator<string> {
  const room = roomOf(rules.rooms, source.path)
  if (!room) yield `${source.path} is in no room`
  for (const what of source.unreadable) yield `${source.path} cannot be read: ${what}`
  for (const each of source.imports) {
    const why = room && breachOfImport(each, room, sources, rules, source.path)
    if (why) yield `${source.path} imports ${each.from}: ${why}`
  }
  if (!isIn(rules.mayPrint, source.path)) for (const output of source.outputs) yield `${source.path} uses ${output}`
  if (source.lines > rules.maxLines) yield `${source.path} has ${source.lines} lines`
}

function breachOfImport(each: Import, room: Room, sources: readonly Source[], rules: Rules, path: string): string | undefined {
  if (each.kind === 'node') return room.pure ? `${room.name} is pure` : undefined
  if (each.kind === 'package') {
    const places = rules.packages[each.target]
    if (!places) return 'a package the table does not know'
    return isIn(places, path) ? undefined : `only ${places.join(', ')} may`
  }
  if (!sources.some(source => source.path === each.target)) return 'no such file'
  const target = roomOf(rules.rooms, each.target)
  if (!target || target === room || room.imports.includes('*') || room.imports.includes(target.name)) return undefined
  if (!room.types?.includes(target.name)) return `${room.name} may not import ${target.name}`
  return each.typeOnly ? undefined : `${room.name} may import types of ${target.name} alone`
}

/** Circles of imports, each once, by depth-first search. */
function circles(sources: readonly Source[], rules: Rules): readonly (readonly string[])[] {
  const byPath = new Map(sources.map(source => [source.path, source]))
  const state = new Map<string, 'open' | 'done'>()
  const found: string[][] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') return void found.push([...trail.slice(trail.indexOf(path)), path])
    state.set(path, 'open')
    for (const each of byPath.get(path)?.imports ?? []) {
      const excused = each.typeOnly && rules.circlesByType.includes(`${path} -> ${each.target}`)
      if (each.kind === 'file' && !excused) visit(each.target, [...trail, path])
    }
    state.set(path, 'done')
  }
  for (const { path } of sources) visit(path, [])
  return found
}
