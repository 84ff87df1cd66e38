/** Files of agents: what lies in their workspaces, read and copied. Of several agents, each result stands on its own. */

import { z } from 'zod'
import type { FileEntry, FileListing, FileRead } from '../actors/system.ts'
import { MadroxError, toWireError } from '../errors.ts'
import { agentNamed, answer, resultsOf, time } from './outputs.ts'
import { instanceId, readOnly, reference } from './schemas.ts'
import { defineTool, type ToolContext } from './tool.ts'

/** Bytes that one answer holds at most, whatever is asked for: clients cut longer ones, or refuse them. */
const mostBytes = 1_000_000

const path = z.string().min(1).max(4_096).refine(text => !text.includes('\0'), 'holds a NUL')
const iso = (at: number): string => new Date(at).toISOString()

const listQuery = {
  path: path.default('.').describe('A directory, from the workspace'),
  recursive: z.boolean().default(false).describe('Also what lies below; .git is not looked into'),
  limit: z.number().int().positive().max(5_000).default(200),
}

const toEntry = ({ path, type, size, changedAt, target }: FileEntry): Record<string, unknown> =>
  ({ path, type, ...(size === undefined ? {} : { size }), ...(changedAt === undefined ? {} : { changed_at: iso(changedAt) }), ...(target === undefined ? {} : { target }) })

const toListing = ({ agentId, name, workspace, entries, more, unreadable }: FileListing): Record<string, unknown> & { instance_id: string } =>
  ({ instance_id: agentId, name, workspace, files: entries.map(toEntry), more, ...(unreadable.length > 0 ? { unreadable } : {}) })

const listingFields = {
  ...agentNamed, workspace: z.string().describe('Absolute path'),
  files: z.array(z.looseObject({ path: z.string().describe('From the workspace'), type: z.enum(['file', 'directory', 'link', 'other', 'unknown']), size: z.number().optional().describe('Bytes, of a file'), changed_at: time.optional(), target: z.string().optional().describe('Of a link') })),
  more: z.boolean().describe('There is more than limit'), unreadable: z.array(z.string()).optional().describe('Directories that could not be read'),
}

export const listInstanceFiles = defineTool({
  name: 'list_instance_files',
  title: 'Files of an agent',
  description: "What lies in an agent's workspace, ended agents too: paths, types, sizes, times; links are shown and not followed. more: there is more than limit. What it changed in a git workspace: get_instance_diff.",
  input: z.strictObject({ instance_id: instanceId, ...listQuery }),
  output: answer(listingFields),
  annotations: readOnly,
  topic: 'files',
  listedFor: ['client'],
  searchHint: 'files directory workspace list artifacts output',
  handler: async ({ instance_id, ...query }, { system, caller, signal }) => ({ data: toListing(await system.listFiles(caller, instance_id, { ...query, signal })) }),
})

export const listMultipleInstanceFiles = defineTool({
  name: 'list_multiple_instance_files',
  title: 'Files of several agents',
  description: 'list_instance_files for several agents at once; each result on its own.',
  input: z.strictObject({ instance_ids: z.array(reference).min(1).max(100), ...listQuery }),
  output: answer({ results: resultsOf(listingFields) }),
  annotations: readOnly,
  topic: 'files',
  listedFor: ['client'],
  searchHint: 'files directories workspaces list several agents',
  handler: async ({ instance_ids, ...query }, { system, caller, signal }) => {
    const results: Record<string, unknown>[] = []
    // One after another: each may look through thousands of names.
    for (const id of instance_ids) results.push(await orRefusal({ instance_id: id }, async () => toListing(await system.listFiles(caller, id, { ...query, signal }))))
    return { data: { results } }
  },
})

const wanted = {
  path: path.describe('From the workspace'),
  offset: z.number().int().min(0).default(0).describe('Byte to begin at; next_offset of an earlier answer'),
  max_bytes: z.number().int().positive().max(mostBytes).default(50_000),
  copy_to: path.optional().describe('Copy the whole file there instead, from your workspace or root: a new file, or a directory that is there'),
}
const wantedFile = z.strictObject({ instance_id: instanceId, ...wanted })

const toRead = ({ agentId, name, path, size, changedAt, offset, bytes, text, nextOffset }: FileRead): Record<string, unknown> => ({
  instance_id: agentId, name, path, size, changed_at: iso(changedAt), offset, bytes: bytes.length,
  ...(text === undefined ? { encoding: 'base64', content: Buffer.from(bytes).toString('base64') } : { encoding: 'utf-8', content: text }), ...(nextOffset === undefined ? {} : { next_offset: nextOffset }),
})

/** Read as far as the room goes; what is copied takes none. */
async function retrieve({ instance_id, path, offset, max_bytes, copy_to }: z.output<typeof wantedFile>, room: number, { system, caller, signal }: ToolContext): Promise<{ readonly data: Record<string, unknown>; readonly used: number }> {
  if (copy_to !== undefined) {
    if (offset > 0) throw new MadroxError('invalid_input', 'copy_to copies the whole file, and an offset was given.', { remedy: 'Leave one of them out.' })
    const { agentId, name, path: from, copiedTo, size } = await system.copyFile(caller, instance_id, { path, to: copy_to, signal })
    return { data: { instance_id: agentId, name, path: from, size, copied_to: copiedTo }, used: 0 }
  }
  const read = await system.readFile(caller, instance_id, { path, offset, maxBytes: Math.min(max_bytes, room) })
  return { data: toRead(read), used: read.bytes.length }
}

const retrievedFields = {
  ...agentNamed, path: z.string(), size: z.number().describe('Bytes, of the whole file'), changed_at: time.optional(), offset: z.number().optional(), bytes: z.number().optional().describe('How many of them are here'),
  encoding: z.enum(['utf-8', 'base64']).optional().describe('Of content'), content: z.string().optional(), next_offset: z.number().optional().describe('Where to read on; none: that was the end'), copied_to: z.string().optional().describe('Absolute path, with copy_to'),
}

/** Copying makes a new file; reading alone would not. */
const reading = { ...readOnly, readOnlyHint: false, idempotentHint: false } as const

export const retrieveInstanceFile = defineTool({
  name: 'retrieve_instance_file',
  title: 'Read or copy a file of an agent',
  description: "A file of an agent's workspace, ended agents too, byte by byte: as text where it is UTF-8, else base64; a long one in parts, by next_offset. With copy_to it is copied to where you may write, never over another file. Contents are not redacted.",
  input: wantedFile,
  output: answer(retrievedFields),
  annotations: reading,
  topic: 'files',
  listedFor: ['client'],
  searchHint: 'read file content download copy artifact workspace',
  handler: async (input, context) => ({ data: (await retrieve(input, mostBytes, context)).data }),
})

export const retrieveMultipleInstanceFiles = defineTool({
  name: 'retrieve_multiple_instance_files',
  title: 'Read or copy files of several agents',
  description: `retrieve_instance_file for several files at once, each result on its own; together at most ${mostBytes} bytes: read on by next_offset.`,
  input: z.strictObject({ files: z.array(wantedFile).min(1).max(100) }),
  output: answer({ results: resultsOf(retrievedFields) }),
  annotations: reading,
  topic: 'files',
  listedFor: ['client'],
  searchHint: 'read files content download copy several artifacts',
  handler: async ({ files }, context) => {
    const results: Record<string, unknown>[] = []
    let room = mostBytes
    for (const file of files) {
      results.push(await orRefusal({ instance_id: file.instance_id, path: file.path }, async () => {
        const { data, used } = await retrieve(file, room, context)
        room -= used
        return data
      }))
    }
    return { data: { results } }
  },
})

async function orRefusal(asked: Record<string, unknown>, act: () => Promise<Record<string, unknown>>): Promise<Record<string, unknown>> {
  try {
    return await act()
  } catch (error) {
    return { ...asked, error: toWireError(error) }
  }
}
