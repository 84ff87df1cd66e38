/** What of the server's environment a child sees: an allow-list, because a server's secrets are not its agents'. */

const common = ['PATH', 'HOME', 'USER', 'SHELL', 'LANG', 'TERM', 'TZ', 'TMPDIR']
const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy']
const authorities = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS']
const always = new Set([...common, ...proxies, ...authorities])

export interface ChildEnvironmentOptions {
  /** Prefixes (`ANTHROPIC_`) and whole names (`IS_SANDBOX`) that belong to the harness. */
  readonly families: readonly string[]
  /** Names added by configuration. */
  readonly names?: readonly string[]
}

/** The allowed part of `env`, without undefined values (node-pty turns those into the text "undefined"). */
export function childEnvironment(env: Readonly<Record<string, string | undefined>>, options: ChildEnvironmentOptions): Record<string, string> {
  const named = new Set(options.names)
  const allowed = (name: string): boolean =>
    always.has(name) || name.startsWith('LC_') || named.has(name) ||
    options.families.some(family => (family.endsWith('_') ? name.startsWith(family) : name === family))
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && allowed(entry[0])))
}
