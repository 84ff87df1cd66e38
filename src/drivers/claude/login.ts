/**
 * Whose login an agent works with. Claude Code takes a key from ANTHROPIC_API_KEY only after it has asked at the terminal, once a
 * key, and keeps the answer in the user's configuration. Nobody would answer an agent's dialog, and the configuration is not ours:
 * so the answer is read there, and where there is none, a key that is the only login is handed over by `apiKeyHelper`, about which
 * nothing is asked (2.1.328; neither `env` nor `customApiKeyResponses` in `--settings` avoids the dialog).
 */

import { execFile } from 'node:child_process'
import type { Log } from '../../log.ts'
import { readKeyAnswer, type ConfigDir } from './config-dir.ts'

type Environment = Readonly<Record<string, string>>

export interface Login {
  /** Without ANTHROPIC_API_KEY wherever Claude Code would ask about it, or was told not to use it. */
  readonly env: Environment
  /** To be handed over by `apiKeyHelper`. */
  readonly apiKey?: string
  /** Resolves false when the CLI says that nobody is logged in. */
  readonly isLoggedIn: Promise<boolean>
  /** What to say when it does. */
  readonly refusal: string
}

/** `claude auth status` says no more than no, and the login screen behind it speaks to a person at the terminal. */
const nobody = 'Claude Code is not logged in. Run "claude" once as this user and log in, or set ANTHROPIC_API_KEY for the server.'
const rejected = 'Claude Code is not logged in, and its user once told it not to use the ANTHROPIC_API_KEY the server has. Run "claude" as this user, and log in or turn on "Use custom API key" in /config.'
const unused = 'ANTHROPIC_API_KEY is set but not used: Claude Code has another login, and its user never approved the key. To use it, run "claude" as this user and approve it, or log out.'

export function createLogins(env: Environment, configDir: ConfigDir, log: Log): (file: string) => Promise<Login> {
  const { ANTHROPIC_API_KEY: key, ...keyless } = env
  const asIs = createLoginCheck(env)
  const withoutKey = createLoginCheck(keyless)
  const isNotNo = async (answer: Promise<Answer>): Promise<boolean> => (await answer) !== 'no'
  let isSaid = false
  return async file => {
    const answer = key ? readKeyAnswer(configDir, key) : 'approved'
    if (!key || answer === 'approved') return { env, isLoggedIn: isNotNo(asIs(file)), refusal: nobody }
    if (answer === 'rejected') return { env: keyless, isLoggedIn: isNotNo(withoutKey(file)), refusal: rejected }
    // As in Claude Code itself: a key nobody approved does not take the place of a subscription.
    const hasAnother = (await withoutKey(file)) === 'yes'
    if (hasAnother && !isSaid) log.warn(unused)
    isSaid ||= hasAnother
    return { env: keyless, isLoggedIn: Promise.resolve(true), refusal: nobody, ...(hasAnother ? {} : { apiKey: key }) }
  }
}

type Answer = 'yes' | 'no' | 'unclear'

/** Asks the CLI (160 ms); a no is asked again at the next start. */
function createLoginCheck(env: Environment): (file: string) => Promise<Answer> {
  let known: Promise<Answer> | undefined
  const ask = (file: string): Promise<Answer> => new Promise(resolve => {
    execFile(file, ['auth', 'status'], { env, timeout: 20_000 }, (_error, stdout) => {
      const [, word] = /"loggedIn"\s*:\s*(true|false)/.exec(stdout) ?? []
      resolve(word === undefined ? 'unclear' : word === 'true' ? 'yes' : 'no')
    })
  })
  return file => {
    known ??= ask(file).then(answer => {
      if (answer === 'no') known = undefined
      return answer
    })
    return known
  }
}
