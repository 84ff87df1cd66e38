/** The page about refusals: every code, what it means, its HTTP status; and what commands exit with. */
import { readFileSync } from 'node:fs'
import { exitCodes } from '../../dist/cli/exit.js'
import { errorCodes } from '../../dist/errors.js'
import { statusOf } from '../../dist/transports/rest/status.js'

/** What the source says beside each code. */
const source = readFileSync(new URL('../../src/errors.ts', import.meta.url), 'utf8')
const meanings = new Map([...source.matchAll(/^ {2}'(\w+)',(?: \/\/ (.*))?$/gm)].map(([, name, meaning = '']) => [name, meaning]))
const plain = {
  unknown_tool: 'no tool of that name', unknown_role: 'no role of that name, nor an alias', agent_ended: 'the agent it names, or its supervisor, has ended', agent_busy: 'not while the agent works',
  no_open_message: 'nothing that could be answered', limit_reached: 'a limit that was set: agents, depth, tokens, cost', mailbox_full: 'too many messages wait for the agent', workspace_failed: 'the place to work in cannot be had', shutting_down: 'Madrox is ending',
}
const exits = {
  done: 'done', refused: 'refused, or it failed', misunderstood: 'the command line was not understood', noServer: 'no server answers',
  pending: 'the wait ended first; what was waited for is open', interrupted: 'ended by Ctrl-C; the work goes on',
}

export const errorsPage = () => `<!-- Written by npm run docs from src/errors.ts. -->
# Errors

A refusal is the same on every way in: \`code\`, \`message\` (what failed and why), \`remedy\` (what to do) and, for programs, \`data\`. MCP gives it
as the text of a result with \`isError\`, REST as \`{"error": …}\` with a status, commands on stderr (with \`--json\` also on stdout).
A message that failed, or a wait that ended, is a result and no error.

| code | HTTP | |
|---|---|---|
${errorCodes.map(code => `| \`${code}\` | ${statusOf(code)} | ${(meanings.get(code) || plain[code] || '').replaceAll('|', '\\|')} |`).join('\n')}

Commands exit with

| | |
|---|---|
${Object.entries(exitCodes).map(([name, code]) => `| ${code} | ${exits[name]} |`).join('\n')}
`
