/** How a client is to reach Madrox, and what setup found of it. */

/** A program the client starts, or an address. */
export type Entry = { readonly command: string; readonly args: readonly string[] } | { readonly url: string }

/** The name under which Madrox is registered, and which briefings and instructions take for granted. */
export const entryName = 'madrox'

export interface Plan {
  readonly client: 'claude' | 'codex'
  /** `absent`: to be registered. `there`: as it should be. `other`: an entry of that name that is not this one, and stays. `no_cli`: nothing to register with. */
  readonly status: 'absent' | 'there' | 'other' | 'no_cli'
  /** What would be done, as a person would do it; or what is in the way, and how it is taken out of it. */
  readonly how: string
  /** @throws MadroxError where it cannot be done */
  readonly register: () => Promise<void>
}

export const sameEntry = (entry: Entry, found: Readonly<Record<string, unknown>>): boolean =>
  'url' in entry ? found['url'] === entry.url : found['command'] === entry.command && JSON.stringify(found['args'] ?? []) === JSON.stringify(entry.args)

/** What is known of an entry in somebody's file; of none, nothing. */
export const asEntry = (value: unknown): Readonly<Record<string, unknown>> | undefined => (typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined)

export const describeFound = (found: Readonly<Record<string, unknown>>): string =>
  typeof found['url'] === 'string' ? found['url'] : [found['command'], ...(Array.isArray(found['args']) ? found['args'] : [])].map(String).join(' ')
