/**
 * The default script: what a scripted agent does with plain text. Lines, or parts between `;`, each a command; braces keep a
 * part together (`ask ada {wait 5; echo hi}`), and `verbatim` takes all that follows it to the last byte. A text that does not
 * begin with a command is a task, and gets a report.
 */

import { wordsOf } from '../../errors.ts'
import type { Action } from './script.ts'

/** What each command means. Strict about its arguments, because prose may begin with the same word. */
const commands: readonly { readonly form: RegExp; readonly toActions: (groups: readonly string[]) => readonly Action[] }[] = [
  { form: /^(?:echo|reply) ([\s\S]+)$/, toActions: ([text = '']) => [{ reply: text }] },
  { form: /^say ([\s\S]+)$/, toActions: ([text = '']) => [{ say: text }] },
  { form: /^spawn (\S+)(?: (claude|codex|scripted|scripted-pty))?$/, toActions: ([name = '', harness = 'scripted']) => [{ spawn: { name, harness } }, { say: `spawned ${name}` }] },
  { form: /^ask (\S+) ([\s\S]+)$/, toActions: ([name = '', text = '']) => [{ ask: { name, text: unbraced(text), wait: true, spawn: {} } }, { say: '{{last}}' }] },
  {
    form: /^delegate (\S+) ([\s\S]+)$/,
    toActions: ([name = '', text = '']) => [{ ask: { name, text: unbraced(text), wait: false, spawn: {} } }, { say: `delegated to ${name}` }],
  },
  { form: /^send (\S+) ([\s\S]+)$/, toActions: ([to = '', text = '']) => [{ send: { to, text: unbraced(text), wait: false } }, { say: `sent to ${to}` }] },
  { form: /^wait (\d{1,9})$/, toActions: ([ms]) => [{ wait: Number(ms) }, { say: `waited ${ms} ms` }] },
  { form: /^work (\d{1,9})(?: (\d{1,4}))?$/, toActions: ([ms, count = '1']) => [{ work: { ms: Number(ms), count: Math.max(1, Number(count)) } }, { say: `worked ${ms} ms` }] },
  { form: /^background (\d{1,9}) ([\s\S]+)$/, toActions: ([ms, text = '']) => [{ background: { ms: Number(ms), text } }] },
  { form: /^approval (\S+)(?: ([\s\S]+))?$/, toActions: ([tool = '', detail = '']) => [{ approval: { tool, detail } }, { say: `${tool}: {{last}}` }] },
  { form: /^call (\S+)(?: (\{[\s\S]*\}))?$/, toActions: ([name = '', json = '{}']) => toToolCall(name, json) },
  { form: /^recall$/, toActions: () => [{ recall: true }] },
  { form: /^fail(?: ([\s\S]+))?$/, toActions: ([text = 'failed as told']) => [{ fail: text }] },
  { form: /^crash(?: ([\s\S]+))?$/, toActions: ([text = 'crashed as told']) => [{ crash: text }] },
  { form: /^crash-once(?: ([\s\S]+))?$/, toActions: ([text = 'crashed as told, once']) => [{ crashOnce: text }] },
  { form: /^hang$/, toActions: () => [{ hang: true }] },
]

/** The steps of one command; undefined when the line is none. */
export function toCommand(line: string): readonly Action[] | undefined {
  for (const { form, toActions } of commands) {
    const match = form.exec(line.trim())
    if (match) return toActions(match.slice(1)) // groups that took no part are undefined, and take their defaults above
  }
  return undefined
}

/** The steps of a task in the default script's language. */
export function toDefaultActions(text: string, agentName: string): readonly Action[] {
  const verbatim = /^verbatim ([\s\S]*)$/.exec(text)
  if (verbatim) return [{ reply: verbatim[1] ?? '' }]
  const lines = splitCommands(text)
  if (toCommand(lines[0] ?? '') === undefined) return [{ say: toReport(text, agentName) }]
  return lines.flatMap(line => toCommand(line) ?? [{ say: toReport(line, agentName) }])
}

/** Deterministic, and short however long the task is. */
export function toReport(task: string, agentName: string): string {
  const oneLine = task.trim().replace(/\s+/g, ' ')
  const shown = oneLine.length > 120 ? `${oneLine.slice(0, 120)}…` : oneLine
  return `Report of ${agentName}: task of ${task.length} characters taken and done: "${shown}"`
}

function splitCommands(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let part = ''
  for (const char of text) {
    if (char === '{') depth += 1
    if (char === '}') depth = Math.max(0, depth - 1)
    if (depth === 0 && (char === ';' || char === '\n')) {
      parts.push(part)
      part = ''
    } else part += char
  }
  return [...parts, part].map(each => each.trim()).filter(each => each !== '')
}

/** `{{…}}` is a template's, not a group of commands. */
const unbraced = (text: string): string => /^\{(?!\{)([\s\S]*)\}$/.exec(text.trim())?.[1]?.trim() ?? text

function toToolCall(name: string, json: string): readonly Action[] {
  try {
    const parsed: unknown = JSON.parse(json)
    // `{…}` that parses is an object.
    return [{ callTool: { name, arguments: parsed as Record<string, unknown> } }, { say: '{{last}}' }]
  } catch (error) {
    return [{ fail: `"call ${name}" needs JSON: ${wordsOf(error)}` }]
  }
}
