/** A real browser with nothing of anybody's in it, closed when the test ends. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

// As root Chromium has no sandbox; the rest keeps it from speaking to anyone but the server under test.
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export interface Seen {
  readonly page: Page
  /** What went wrong in it: errors of its script, and what its policy stopped. */
  readonly faults: string[]
  /** Every address it asked for. */
  readonly asked: string[]
}

export async function openBrowser(): Promise<Seen> {
  const profile = mkdtempSync(join(tmpdir(), 'madrox-browser-'))
  const context = await chromium.launchPersistentContext(profile, { executablePath: '/usr/bin/chromium', headless: true, args: flags, viewport: { width: 1280, height: 900 } })
  onTestFinished(async () => {
    await context.close()
    rmSync(profile, { recursive: true, force: true })
  })
  const page = context.pages()[0] ?? (await context.newPage())
  const faults: string[] = []
  const asked: string[] = []
  page.on('pageerror', error => faults.push(error.message))
  page.on('console', message => message.type() === 'error' && faults.push(message.text()))
  page.on('request', request => asked.push(request.url()))
  return { page, faults, asked }
}
