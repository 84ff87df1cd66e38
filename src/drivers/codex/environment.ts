/** The environment of a codex process, whichever way it is spoken to. */

import type { DriverConfig } from '../driver.ts'
import { childEnvironment } from '../environment.ts'

/** Variables in which a codex that runs Madrox names itself; its children would take them for their own. */
const inherited = ['CODEX_THREAD_ID', 'CODEX_SESSION_ID', 'CODEX_TOOL_CALL_ID', 'CODEX_CI', 'CODEX_VERSION', 'CODEX_SANDBOX', 'CODEX_SANDBOX_NETWORK_DISABLED', 'CODEX_PERMISSION_PROFILE']

/** `temporary`: exists. Codex puts its sandbox helpers beside CODEX_HOME, and not at all where that lies in the temporary directory. */
export function toEnvironment({ env, childEnv }: Pick<DriverConfig, 'env' | 'childEnv'>, temporary: string, marker: Readonly<Record<string, string>>): Record<string, string> {
  const passed = childEnvironment(env, { families: ['OPENAI_', 'CODEX_'], names: childEnv })
  for (const name of inherited) delete passed[name]
  return { ...passed, TMPDIR: temporary, ...marker }
}
