/** StopFailure hooks in the form Claude Code 2.1.328 posts them: for answers of the API that refuse the model, and for others. */
import { expect, test } from 'vitest'
import { toFailed } from '../../../src/drivers/claude/failures.ts'
import { createTurnTracker, type TurnFact } from '../../../src/drivers/claude/turns.ts'

const failed = (error: string, last_assistant_message: string) => toFailed({ hook_event_name: 'StopFailure', session_id: 's', prompt_id: 'c1', error, last_assistant_message })
const notFound = "There's an issue with the selected model (claude-x). It may not exist or you may not have access to it. Run /model to pick a different model."

test.each([
  ['404', 'model_not_found', notFound],
  ['400 of a gateway', 'unknown', 'API Error: 400 Invalid model name passed in model=claude-x'],
  ['400 on a plan without it', 'invalid_request', 'Claude Opus is not available with the Claude Pro plan. If you have updated your subscription plan recently, run /logout and /login for the plan to take effect.'],
])('a model refused by %s is told as such, in the words of the CLI', (_, error, words) => expect(failed(error, words)).toEqual({ kind: 'failure', source: 'hook', error: words, cause: 'model_rejected' }))

test.each([
  ['400', 'unknown', 'API Error: 400 messages: something is wrong with the model'],
  ['401', 'authentication_failed', 'Please run /login · API Error: 401 no'],
  ['403', 'authentication_failed', 'Please run /login · API Error: 403 no'],
  ['413', 'invalid_request', 'Prompt is too long'],
  ['429', 'rate_limit', 'API Error: 429 slow down'],
  ['529', 'server_error', 'API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.'],
])('a failure by %s is no refusal of the model', (_, error, words) => expect(failed(error, words)).toEqual({ kind: 'failure', source: 'hook', error: words }))

test('the cause goes out with the end of the turn', () => {
  const facts: TurnFact[] = []
  const turns = createTurnTracker(fact => facts.push(fact))
  turns.expect('p1', '[MSG:a] hello')
  turns.promptSubmitted({ session_id: 's', hook_event_name: 'UserPromptSubmit', prompt_id: 'c1', prompt: '[MSG:a] hello' })
  turns.stopped('c1', failed('model_not_found', notFound))
  turns.endCurrent()
  expect(facts.at(-1)).toMatchObject({ type: 'turnEnded', promptId: 'p1', status: 'failed', cause: 'model_rejected', error: notFound })
})
