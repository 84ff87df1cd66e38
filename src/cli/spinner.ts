/** A sign of life on stderr while something takes long; it leaves one plain line. */

import { hasColours, print } from './output.ts'

export interface Spinner {
  readonly say: (message: string) => void
  stop(how: 'done' | 'ended'): void
}

/** What ends sooner needs no sign of life. Milliseconds. */
const patienceMs = 400

export function startSpinner(label: string, wanted: boolean): Spinner {
  const startedAt = Date.now()
  if (!wanted || !process.stderr.isTTY) return { say() {}, stop() {} }
  let message = ''
  let shown: { text: string; stop(): unknown } | undefined
  let stopped = false
  const text = (): string => (message ? `${label}: ${message}` : label)
  const timer = setTimeout(() => {
    void import('yocto-spinner').then(({ default: yoctoSpinner }) => {
      if (!stopped) shown = yoctoSpinner({ text: text(), stream: process.stderr, handleSignals: false, ...(hasColours(process.stderr) ? {} : { spinner: { frames: ['-', '\\', '|', '/'], interval: 100 } }) }).start()
    })
  }, patienceMs)
  return {
    say: said => {
      message = said
      if (shown) shown.text = text()
    },
    stop: how => {
      stopped = true
      clearTimeout(timer)
      if (!shown) return
      shown.stop()
      print(process.stderr, `${label}: ${how} after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
    },
  }
}
