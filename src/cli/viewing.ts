/**
 * An agent's terminal in this one. Owns the terminal it runs in while it shows: its raw mode, its alternate screen,
 * its title, and that all of it is as before on every way out. Says nothing on the agent's screen; what there is to say is in the
 * title, and in one line behind the end.
 */

import { StringDecoder } from 'node:string_decoder'
import { MadroxError, toWireError } from '../errors.ts'
import { connectViewer, type ViewerConnection } from '../transports/attach-client.ts'
import type { TerminalWord } from '../transports/attach-wire.ts'
import { createAttachKeys, type Prefix } from './keys.ts'

export interface AttachRun {
  readonly url: string
  readonly token?: string
  readonly reference: string
  readonly readOnly: boolean
  readonly prefix: Prefix
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
}

type Control = Extract<TerminalWord, { type: 'control' }>

/** Alternate screen and saved title; behind it: modes, colours, cursor, title and screen as they were. */
const enter = '\x1b[22;0t\x1b[?1049h'
const leave = `\x1b[?2026l${[1, 9, 1000, 1002, 1003, 1004, 1006, 2004].map(mode => `\x1b[?${mode}l`).join('')}\x1b[?7h\x1b[0m\x1b[?25h\x1b[?1049l\x1b[23;0t`

/** How long the answer to a last release is waited for. Milliseconds. */
const lastWordMs = 1_000

/** Shows the terminal until it is detached from or ends; resolves with the one line there is to say of that. */
export async function view(run: AttachRun): Promise<string> {
  const { stdin, stdout } = run
  if (!stdin.isTTY || !stdout.isTTY) throw new MadroxError('invalid_input', 'madrox attach needs a terminal, for what it shows and what you type.', { remedy: 'To read a screen from a program, use get_terminal_screen.' })
  const screen = takeTerminal(run)
  try {
    return await show(run, screen)
  } finally {
    screen.restore()
  }
}

interface TakenTerminal {
  write(data: string): void
  setTitle(text: string): void
  restore(): void
}

/** The first picture takes the terminal: an attach that is refused leaves no trace. */
function takeTerminal({ stdin, stdout }: Pick<AttachRun, 'stdin' | 'stdout'>): TakenTerminal {
  let isTaken = false
  let title = ''
  const take = (): void => {
    if (isTaken) return
    isTaken = true
    stdout.write(`${enter}${title}`)
  }
  const restore = (): void => {
    process.off('exit', restore)
    if (isTaken) stdout.write(leave)
    isTaken = false
    if (stdin.isTTY) stdin.setRawMode(false)
    stdin.pause()
  }
  stdin.setRawMode(true)
  process.on('exit', restore) // whatever ends us, the terminal is somebody's
  return {
    write(data) {
      take()
      stdout.write(data)
    },
    setTitle(text) {
      title = `\x1b]2;${text.replace(/[\x00-\x1f\x7f-\x9f]/g, '')}\x07`
      if (isTaken) stdout.write(title)
    },
    restore,
  }
}

async function show(run: AttachRun, screen: TakenTerminal): Promise<string> {
  const { stdin, stdout, prefix, readOnly } = run
  let name = run.reference
  let control: Control = { type: 'control', by: 'nobody' }
  let closed: Extract<TerminalWord, { type: 'closed' }> | undefined
  let failure: unknown
  let onControl = (): void => {}
  const hear = (word: TerminalWord): void => {
    switch (word.type) {
      case 'attached':
        name = word.name
        return screen.setTitle(toTitle(name, control, run))
      case 'output': return screen.write(word.data)
      case 'control':
        control = word
        onControl()
        return screen.setTitle(toTitle(name, control, run))
      case 'refused': return screen.setTitle(`${name}: ${word.text}`)
      case 'closed':
        closed = word
    }
  }
  const size = (): { columns: number; rows: number } => ({ columns: stdout.columns, rows: stdout.rows })
  const connection = await connectViewer({ ...run, ...size(), hear })
  const answered = (): Promise<void> => new Promise(resolve => {
    onControl = resolve
    setTimeout(resolve, lastWordMs).unref()
  })
  let leaving: Promise<string> | undefined
  const detach = (): void => {
    leaving ??= (async () => {
      if (control.by === 'you') {
        const answer = answered()
        connection.say({ type: 'releaseControl', clear: false })
        await answer
      }
      connection.close()
      return toLastLine(name, control, prefix)
    })()
    leaving.catch((error: unknown) => (failure = error))
  }
  const decoder = new StringDecoder('utf8')
  const keys = createAttachKeys(prefix)
  const onData = (data: Buffer): void => {
    for (const key of keys(decoder.write(data))) {
      if (key.type === 'detach') detach()
      else if (key.type === 'through') pass(connection, control, key.data)
      else if (!readOnly) connection.say(key.type === 'takeControl' ? { type: 'takeControl' } : { type: 'releaseControl', clear: key.type === 'clearAndRelease' })
    }
  }
  const onResize = (): void => connection.say({ type: 'resize', ...size() })
  const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const
  stdin.on('data', onData)
  stdin.on('end', detach)
  stdout.on('resize', onResize)
  for (const signal of signals) process.on(signal, detach)
  await connection.ended
  stdin.off('data', onData)
  stdin.off('end', detach)
  stdout.off('resize', onResize)
  for (const signal of signals) process.off(signal, detach)
  if (failure !== undefined) throw new MadroxError('internal', `Detaching failed: ${toWireError(failure).message}`)
  if (leaving) return leaving
  if (closed?.error) throw new MadroxError(closed.error.code, closed.detail, closed.error.remedy === undefined ? {} : { remedy: closed.error.remedy })
  if (closed) return `${name} is not shown any more. ${closed.detail}`
  throw new MadroxError('unavailable', 'The connection to the server was lost.', { remedy: 'See whether it runs; the agents of one that was killed come back with the next.' })
}

/** Without control a key is nobody's; it is not kept for later. */
function pass(connection: ViewerConnection, control: Control, data: string): void {
  if (control.by === 'you') connection.say({ type: 'type', data })
}

function toTitle(name: string, control: Control, { prefix, readOnly }: Pick<AttachRun, 'prefix' | 'readOnly'>): string {
  const key = prefix.name
  const detach = `${key} d detaches`
  if (control.by === 'you') return `${name}: you have control · ${key} r releases it · ${detach}`
  const held = control.by === 'another' ? ' · another person has control' : control.holds === 'unsent_text' ? ` · messages wait for unsent text: ${key} c, then submit it, or ${key} x` : ''
  return `${name}: watching${held}${readOnly ? '' : ` · ${key} c takes control`} · ${detach}`
}

function toLastLine(name: string, { holds }: Control, prefix: Prefix): string {
  const left = holds === 'unsent_text' ? ` Its input box may hold text you did not submit: messages to it wait until that is submitted, or cleared (attach, ${prefix.name} c, ${prefix.name} x).` : ''
  return `Detached from ${name}; it runs on.${left}`
}
