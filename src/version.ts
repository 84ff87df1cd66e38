/** The version Madrox tells whoever it speaks to: the package's own, so that it cannot drift. */

import { readFileSync } from 'node:fs'

/** Both `src` and `dist` lie beside package.json. */
const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

export const version: string =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string' ? manifest.version : '0.0.0'
