/** What a source file imports and what it touches, read from its syntax tree. */

import { dirname, posix } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'

export interface Import {
  /** As written. */
  readonly from: string
  /** A path under the root for relative imports; `node:fs` or a package's name otherwise. */
  readonly target: string
  readonly kind: 'file' | 'node' | 'package'
  /** Gone after compilation. */
  readonly typeOnly: boolean
}

export interface Source {
  readonly path: string
  readonly lines: number
  readonly imports: readonly Import[]
  /** `console.log`, `process.stdout`, …: what writes to the program's own output. */
  readonly outputs: readonly string[]
  /** What of it cannot be judged: an import whose target is computed, a syntax error. */
  readonly unreadable: readonly string[]
}

const packageOf = (from: string): string => from.split('/').slice(0, from.startsWith('@') ? 2 : 1).join('/')
const nodeModules = new Set(['fs', 'path', 'os', 'net', 'http', 'https', 'crypto', 'child_process', 'stream', 'util', 'url', 'events', 'process', 'timers', 'worker_threads'])

function toImport(path: string, from: string, typeOnly: boolean): Import {
  if (from.startsWith('.')) return { from, target: posix.join(dirname(path), from), kind: 'file', typeOnly }
  const name = packageOf(from.replace(/^node:/, ''))
  if (from.startsWith('node:') || nodeModules.has(name)) return { from, target: `node:${name}`, kind: 'node', typeOnly }
  return { from, target: packageOf(from), kind: 'package', typeOnly }
}

interface Specifier {
  readonly importKind?: string
  readonly exportKind?: string
}

/** `import { type A }` too leaves nothing behind, once the compiler has elided what is only types. */
const allTypes = (specifiers: readonly Specifier[]): boolean => specifiers.length > 0 && specifiers.every(each => (each.importKind ?? each.exportKind) === 'type')

/** Reads one file. `path` is relative to the root, with forward slashes. */
export function readSource(path: string, text: string): Source {
  const imports: Import[] = []
  const outputs = new Set<string>()
  const { program, errors } = parseSync(path, text)
  const unreadable = errors.map(error => error.message)
  const add = (from: string, typeOnly: boolean): void => void imports.push(toImport(path, from, typeOnly))
  new Visitor({
    ImportDeclaration: node => {
      const taken = node.specifiers.find(each => each.type === 'ImportSpecifier' && each.imported.type === 'Identifier' && each.imported.name === 'stdout')
      if (taken && packageOf(node.source.value.replace(/^node:/, '')) === 'process') outputs.add('stdout of node:process')
      add(node.source.value, node.importKind === 'type' || allTypes(node.specifiers as readonly Specifier[])) // default and namespace specifiers have no kind: a value
    },
    ExportNamedDeclaration: node => node.source && add(node.source.value, node.exportKind === 'type' || allTypes(node.specifiers)),
    ExportAllDeclaration: node => add(node.source.value, node.exportKind === 'type'),
    TSImportType: node => add(node.source.value, true),
    ImportExpression: node => {
      if (node.source.type === 'Literal' && typeof node.source.value === 'string') add(node.source.value, false)
      else unreadable.push('an import() whose target is computed')
    },
    MemberExpression: node => {
      if (node.object.type !== 'Identifier') return
      const property = node.property.type === 'Identifier' && !node.computed ? node.property.name : node.property.type === 'Literal' ? String(node.property.value) : '?'
      if (node.object.name === 'console' || (node.object.name === 'process' && property === 'stdout')) outputs.add(`${node.object.name}.${property}`)
    },
    VariableDeclarator: node => {
      if (node.id.type === 'ObjectPattern' && node.init?.type === 'Identifier' && ['process', 'console'].includes(node.init.name)) outputs.add(`{…} = ${node.init.name}`)
    },
  }).visit(program)
  return { path, lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0), imports, outputs: [...outputs], unreadable }
}
