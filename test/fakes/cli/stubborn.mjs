/**
 * A process that does not want to end: `node stubborn.mjs PID_FILE [setsid] [child]`. It ignores HUP, INT and TERM and notes its
 * own pid; `setsid` starts a copy in a session of its own, `child` one in the same. Says `up` when all of them have noted theirs.
 */
import { spawn } from 'node:child_process'
import { appendFileSync, readFileSync, watch } from 'node:fs'

const [pidFile, ...family] = process.argv.slice(2)
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => {})
setInterval(() => {}, 1 << 30)
appendFileSync(pidFile, `${process.pid}\n`)
for (const kind of family) spawn(process.execPath, [process.argv[1], pidFile], { detached: kind === 'setsid', stdio: 'ignore' }).unref()

const areAllUp = () => readFileSync(pidFile, 'utf8').trim().split('\n').length > family.length
const watcher = watch(pidFile, () => {
  if (areAllUp()) sayUp()
})
let isUp = false
function sayUp() {
  if (isUp) return
  isUp = true
  watcher.close()
  process.stdout.write('up\n')
}
if (areAllUp()) sayUp()
