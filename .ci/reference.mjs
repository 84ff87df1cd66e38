/**
 * Writes docs/reference from what the built program says of itself; `--check` only tells which of its files are not current.
 * Run after a build: `npm run docs`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { configurationPage } from './reference/configuration.mjs'
import { errorsPage } from './reference/errors.mjs'
import { toolsPage } from './reference/tools.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = { 'docs/reference/configuration.md': configurationPage, 'docs/reference/errors.md': errorsPage, 'docs/reference/tools.md': toolsPage }

const stale = Object.entries(pages).filter(([path, page]) => {
  const file = join(root, path)
  return !existsSync(file) || readFileSync(file, 'utf8') !== page()
})
if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is not current: npm run docs`)
  process.exitCode = stale.length ? 1 : 0
} else {
  for (const [path, page] of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), page())
    console.log(`wrote ${path}`)
  }
}
