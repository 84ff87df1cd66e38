/** The two byte protocols of the terminal form, whatever pieces they arrive in. */
import { expect, test } from 'vitest'
import { createKeyReader } from '../../../src/drivers/scripted/keys.ts'
import { createFactReader, toOsc } from '../../../src/drivers/scripted/osc.ts'

/** The text cut at every width from one character up. */
const cuts = (text: string): string[][] => Array.from({ length: text.length }, (_, width) => text.match(new RegExp(`[\\s\\S]{1,${width + 1}}`, 'g')) ?? [])

test('facts are read whole from output cut anywhere, and nothing else is', () => {
  const sent = [{ type: 'a', text: 'bell \x07 esc \x1b c1 \x9c end 🎉\n' }, { type: 'b' }]
  const output = `noise \x1b]0;title\x07${toOsc('key', sent[0] ?? {})}\x1b[31mred${toOsc('other', { type: 'forged' })}${toOsc('key', sent[1] ?? {})}tail`
  for (const pieces of cuts(output)) {
    const heard: unknown[] = []
    const read = createFactReader('key', event => heard.push(event))
    pieces.forEach(piece => read(piece))
    expect(heard).toEqual(sent)
  }
})

test('a fact is printable ASCII between its start and its end', () => {
  expect(toOsc('key', { text: '\x07\x1b\x9c漢🎉' }).slice(1, -1)).toMatch(/^[ -~]+$/)
})

test('pastes and keys are told apart however they are cut', () => {
  const typed = '\x15abc\x7f\x1b[200~pasted\ny\x03\r\x1b[20\x1b[201~\ry\x03\x1b[200~second\x1b[201~\r'
  for (const pieces of cuts(typed)) {
    const heard: string[] = []
    const read = createKeyReader({
      submit: line => heard.push(`submit ${line}`),
      interrupt: () => heard.push('interrupt'),
      key: char => char === 'y' && heard.push('yes') > 0,
    })
    pieces.forEach(piece => read(piece))
    expect(heard).toEqual(['submit abpasted\ny\x03\r\x1b[20', 'yes', 'interrupt', 'submit second'])
  }
})
