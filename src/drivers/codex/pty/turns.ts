/**
 * The turns of one interactive codex, told as facts: fed with the entries of its rollout, told when an end may be told. Knows
 * neither the terminal nor the file.
 */

import type { SourcedFact } from '../../facts.ts'
import type { Ending, Entry } from './entries.ts'

export interface Turn {
  readonly id: string
  /** Told as seen or started; an untold turn may still turn out to be the expected prompt's. */
  told: boolean
  promptId?: string
  lastText?: string
  /** Commands it started of which it is not known that they ended. */
  readonly commands: Set<string>
  ending?: Ending
}

export type TurnFact = SourcedFact<'promptSeen' | 'promptUnconfirmed' | 'turnStarted' | 'turnEnded' | 'outputProduced'>
export type Turns = ReturnType<typeof createTurns>

/** `onForeign`: codex took a prompt that Madrox did not type. */
export function createTurns(tell: (fact: TurnFact) => void, onForeign: (text: string) => void = () => {}) {
  let turn: Turn | undefined
  let expected: { readonly promptId: string; readonly fingerprint: string } | undefined
  /** Given up, but perhaps still taken up. */
  const late = new Map<string, string>()

  const takeUp = (current: Turn, text: string): void => {
    const fingerprint = toFingerprint(text)
    if (expected?.fingerprint === fingerprint) {
      current.promptId = expected.promptId
      current.told = true
      expected = undefined
      return tell({ type: 'promptSeen', source: 'transcript', promptId: current.promptId, turnId: current.id })
    }
    const causedByPromptId = late.get(fingerprint)
    if (causedByPromptId === undefined) onForeign(text)
    if (!current.told) begin(current, causedByPromptId === undefined ? 'person' : 'self', causedByPromptId)
  }

  const begin = (current: Turn, origin: 'self' | 'person', causedByPromptId?: string): void => {
    current.told = true
    tell({ type: 'turnStarted', source: 'transcript', turnId: current.id, origin, ...(causedByPromptId !== undefined && { causedByPromptId }) })
  }

  const produce = (entry: Extract<Entry, { type: 'said' | 'call' | 'result' }>): void => {
    // What nobody typed is codex's own doing (a goal it pursues).
    if (turn && !turn.told && !expected) begin(turn, 'self')
    const of = { type: 'outputProduced', source: 'transcript', ...(turn && { turnId: turn.id }) } as const
    switch (entry.type) {
      case 'said':
        if (turn && entry.text !== '') turn.lastText = entry.text
        return tell({ ...of, kind: 'text', content: entry.text })
      case 'call':
        if (entry.tool === 'exec_command') turn?.commands.add(entry.callId)
        return tell({ ...of, kind: 'tool_call', callId: entry.callId, tool: entry.tool, content: entry.content })
      case 'result':
        if (hasExited(entry.text)) turn?.commands.delete(entry.callId)
        return tell({ ...of, kind: 'tool_result', callId: entry.callId, content: withoutHeader(entry.text) })
    }
  }

  const unconfirm = (detail: string): void => {
    if (!expected) return
    late.set(expected.fingerprint, expected.promptId)
    const { promptId } = expected
    expected = undefined
    tell({ type: 'promptUnconfirmed', source: 'transcript', promptId, detail })
  }

  return {
    /** The running turn, or one whose end is not told yet. */
    current: (): Turn | undefined => turn,
    isExpecting: (): boolean => expected !== undefined,
    /** A prompt is typed; codex's word on it is awaited. */
    expect: (promptId: string, typed: string): void => void (expected = { promptId, fingerprint: toFingerprint(typed) }),
    unconfirm,
    take(entry: Entry): void {
      switch (entry.type) {
        case 'begun': return void (turn = { id: entry.turnId, told: false, commands: new Set() })
        case 'prompt': return turn?.id === entry.turnId ? takeUp(turn, entry.text) : undefined
        case 'ended': return void (turn?.id === entry.turnId && (turn.ending ??= entry.ending))
        default: return produce(entry)
      }
    },
    /** Tells the end that is known of the current turn. */
    endCurrent(): void {
      const ended = turn
      if (!ended?.ending) return
      turn = undefined
      const { status, finalText = ended.lastText, error, cause } = ended.ending
      if (!ended.told) return unconfirm(error ?? `The turn was ${status} before codex took the prompt up.`)
      tell({
        type: 'turnEnded', source: 'transcript', turnId: ended.id, status,
        ...(ended.promptId !== undefined && { promptId: ended.promptId }),
        ...(finalText !== undefined && { finalText }),
        ...(error !== undefined && { error }),
        ...(cause && { cause }),
        // Background terminals outlive turns, but codex never begins a turn when one ends: no answer may wait for them.
        background: [],
      })
    },
  }
}

/** Codex trims what is typed and changes nothing else. The start is enough, because only one prompt is ever awaited. */
const toFingerprint = (text: string): string => text.trim().slice(0, 4_096)

/** Codex's own words (0.169.0) before what a command or an MCP tool returned. */
const header = /^(?:Chunk ID: .*\n)?Wall time: .*\n(?:Process .*\n)?(?:Original token count: .*\n)?Output:\n?/
const hasExited = (text: string): boolean => /^Process exited with code /m.test(header.exec(text)?.[0] ?? '')
const withoutHeader = (text: string): string => {
  const said = header.exec(text)?.[0] ?? ''
  const code = /Process exited with code (\d+)/.exec(said)?.[1] ?? '0'
  return `${text.slice(said.length)}${code === '0' ? '' : `[exit code ${code}]`}`
}
