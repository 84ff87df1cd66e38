/**
 * What the sandbox of a killed Claude Code leaves in its working directory. On Linux it binds /dev/null over files that could
 * carry code out of it (shell and git configuration, editors' and MCP's), and where there is none it makes an empty one to bind
 * over, taken away again when the command ends. A CLI killed meanwhile leaves them, and `git add -A` would take them along.
 * Measured with 2.1.328 and bubblewrap.
 */

import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const names = ['.bash_profile', '.bashrc', '.gitconfig', '.gitmodules', '.idea', '.mcp.json', '.profile', '.ripgreprc', '.vscode', '.zprofile', '.zshrc']

/** Takes away what is empty and read-only for everyone, as nobody else makes it; anything with a word in it stays. */
export function removeMountPoints(dir: string): void {
  const settings = join(dir, '.claude')
  const held = entriesOf(settings)
  const paths = [...names.map(name => join(dir, name)), ...held.map(name => join(settings, name))]
  for (const path of paths) {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found?.isFile() && found.size === 0 && (found.mode & 0o777) === 0o444) rmSync(path, { force: true })
  }
  if (held.length > 0 && entriesOf(settings).length === 0) rmdirSync(settings)
}

function entriesOf(dir: string): string[] {
  // Not through a link: what lies behind it is not ours.
  return lstatSync(dir, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(dir) : []
}
