/** What tests know of processes by the pids that the processes themselves wrote down. */
import { existsSync, readdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'

export { isAlive } from '../contracts/processes.ts'

/** The number that a process writes into that file, once it is there. */
export async function readPid(directory: string, name: string): Promise<number> {
  const path = join(directory, name)
  const read = (): number => (existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0)
  const events = watch(directory)
  try {
    return read() || (await new Promise<number>(found => events.on('change', () => read() && found(read()))))
  } finally {
    events.close()
  }
}

/** Of the terminals that show threads of an app-server, those whose environment holds that entry. */
export function terminalsOf(entry: string): number[] {
  return readdirSync('/proc').map(Number).filter(pid => {
    if (!pid) return false
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
      return variables.includes(entry) && variables.some(each => each.startsWith('MADROX_CODEX_TERMINAL='))
    } catch {
      return false // gone meanwhile, or not ours to look at
    }
  })
}

/** An MCP server over stdio that has no tools and does not end when it is asked to: a program for `node -e`, and the file it notes its pid in. */
export const stubbornServer = `
  require('node:fs').writeFileSync(process.argv[1], String(process.pid))
  process.on('SIGTERM', () => {})
  setInterval(() => {}, 1e6)
  require('node:readline').createInterface({ input: process.stdin }).on('line', line => {
    const { id, method, params } = JSON.parse(line)
    const result = method === 'initialize' ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'stubborn', version: '1' } } : { tools: [] }
    if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
`
