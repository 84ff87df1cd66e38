/** A server of one test file's own, and the commands that a person types there, each as a process. */
import { afterAll, beforeAll } from 'vitest'
import { runToEnd, type RunningServer, startServe, temporaryHome } from './server.ts'

/** Called at the top of a file: there is a server from its first test to its last. */
export function stageServer(...args: readonly string[]) {
  let server: RunningServer | undefined
  let env: Record<string, string> = {}
  let removeHome = async (): Promise<void> => {}
  beforeAll(async () => {
    const { path, remove } = await temporaryHome()
    removeHome = remove
    server = await startServe(path, args)
    env = { MADROX_HOME: path }
  })
  afterAll(async () => {
    await server?.end('SIGTERM')
    await removeHome()
  })
  const madrox = (...words: string[]) => runToEnd(words, env)
  return {
    /** Of the server in this test. */
    server: (): RunningServer => {
      if (!server) throw new Error('There is a server within tests only.')
      return server
    },
    env: () => env,
    madrox,
    json: async (...words: string[]) => {
      const { code, stdout } = await madrox(...words, '--json')
      return { code, data: JSON.parse(stdout) as Record<string, unknown> } // every command's answer is an object
    },
  }
}
