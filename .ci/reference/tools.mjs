/** The page about tools, from the one table of them. */
import { z } from 'zod'
import { createToolTable } from '../../dist/tools/table.js'
import { topics } from '../../dist/tools/tool.js'

const table = createToolTable()
const tools = [...table].filter(([name, tool]) => name === tool.name).map(([, tool]) => tool)

const code = text => `\`${text}\``
const cell = text => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const schemaOf = (schema, io) => z.toJSONSchema(schema, { io, unrepresentable: 'any' })

function typeOf(schema) {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map(value => JSON.stringify(value)).join(' \\| ')
  const inner = schema.anyOf ?? schema.oneOf
  if (inner) return [...new Set(inner.map(typeOf))].join(' \\| ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`
  if (schema.type === 'object') return 'object'
  return Array.isArray(schema.type) ? schema.type.join(' \\| ') : (schema.type ?? 'any')
}

/** zod's bounds of a safe integer say nothing. */
function boundsOf({ minimum, exclusiveMinimum, maximum, minLength, maxLength, minItems, maxItems, pattern, format }) {
  const safe = value => value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER
  const said = []
  if (safe(minimum)) said.push(`at least ${minimum}`)
  if (safe(exclusiveMinimum)) said.push(`above ${exclusiveMinimum}`)
  if (safe(maximum)) said.push(`at most ${maximum}`)
  if (minLength > 1) said.push(`at least ${minLength} characters`)
  if (minLength === 1) said.push('not empty')
  if (maxLength !== undefined) said.push(`at most ${maxLength} characters`)
  if (minItems !== undefined) said.push(`at least ${minItems}`)
  if (maxItems !== undefined) said.push(`at most ${maxItems}`)
  if (format === 'date-time') said.push('ISO 8601 with a zone')
  else if (pattern) said.push(`pattern ${code(pattern)}`)
  return said.join(', ')
}

function parameters(tool) {
  const { properties = {}, required = [] } = schemaOf(tool.input, 'input')
  const rows = Object.entries(properties).map(([name, schema]) => {
    const otherwise = required.includes(name) ? '**needed**' : schema.default === undefined ? '' : code(JSON.stringify(schema.default))
    return `| ${[code(name), typeOf(schema), otherwise, [schema.description, boundsOf(schema)].filter(Boolean).join('; ')].map((text, index) => (index === 1 ? text : cell(text))).join(' | ')} |`
  })
  return rows.length === 0 ? ['It takes no parameters.'] : ['| parameter | type | default | |', '|---|---|---|---|', ...rows]
}

function fields({ properties = {}, required = [] }) {
  const rows = Object.entries(properties).map(([name, schema]) => `| ${code(name)}${required.includes(name) ? '' : '?'} | ${typeOf(schema)} | ${cell([schema.description, boundsOf(schema)].filter(Boolean).join('; '))} |`)
  return ['| answer | type | |', '|---|---|---|', ...rows]
}

/** `?`: it may be missing. */
function result(tool) {
  if (!tool.output) return ['Answers with text.']
  const schema = schemaOf(tool.output, 'output')
  return (schema.anyOf ?? [schema]).flatMap((each, index) => [...(index > 0 ? ['', 'or', ''] : []), ...fields(each)])
}

function annotationsOf({ annotations, listedFor }) {
  const says = [annotations.readOnlyHint ? 'reads only' : annotations.destructiveHint ? 'ends or removes something' : 'acts']
  if (!annotations.readOnlyHint && annotations.idempotentHint) says.push('repeating it changes nothing more')
  if (annotations.openWorldHint) says.push('starts or drives programs that reach outside')
  return `${says.join('; ')}. Listed for: ${listedFor.join(', ') || 'nobody'}.`.replace(/^./, letter => letter.toUpperCase())
}

const section = tool => [
  `### ${tool.name}`, '',
  ...(tool.aliases?.length ? [`Also called ${tool.aliases.map(code).join(', ')}.`, ''] : []),
  tool.description, '',
  ...parameters(tool), '',
  ...result(tool), '',
  annotationsOf(tool),
].join('\n')

const headings = { spawn: 'Spawning', messages: 'Messages', jobs: 'Jobs', interrupt: 'Interrupting and ending', see: 'Seeing', files: 'Files', logs: 'Logs', metrics: 'Metrics and summaries', control: 'Control' }

export const toolsPage = () => `<!-- Written by npm run docs from src/tools. -->
# Tools

The same table answers MCP, REST (\`POST /tools/execute\`) and \`madrox call TOOL\`. A parameter that is not known is refused. An *instance
reference* is an id, the unique beginning of one (6 characters or more), or a name that one living agent bears. Tools that are not listed
for a caller can be called all the same, within its rights.

A refusal has a \`code\` (see [errors](errors.md)), a message, a \`remedy\` and often \`data\`; nothing was changed then. Any tool may refuse with
\`invalid_input\`, \`unauthenticated\` and \`shutting_down\`; one that names an agent with \`not_found\`, \`ambiguous_reference\` and \`not_allowed\`; one that
writes with \`unavailable\`. To a client's data \`pending_replies\` is added while answers wait for it. Of an
answer, what bears a \`?\` may be missing; agents are listed only what is always there.

${topics.filter(topic => tools.some(tool => tool.topic === topic)).map(topic => `## ${headings[topic] ?? topic}\n\n${tools.filter(tool => tool.topic === topic).map(section).join('\n\n')}`).join('\n\n')}
`
