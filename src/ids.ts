/**
 * Identities. Ids are random, unique without a counter (several nodes may mint them), lower-case and short enough to be
 * typed by a model: 16 characters of base 32 carry 80 bits.
 */

declare const brand: unique symbol
type Id<Name extends string> = string & { readonly [brand]: Name }

export type AgentId = Id<'AgentId'>
export type ClientId = Id<'ClientId'>
export type MessageId = Id<'MessageId'>
export type ReplyId = Id<'ReplyId'>
export type PromptId = Id<'PromptId'>
export type JobId = Id<'JobId'>
/** Who stands behind clients: a token's name, or `local` on loopback. */
export type OwnerId = Id<'OwnerId'>

/** Where ids come from; a simulation gives its own, from its seed. */
export interface IdSource {
  agent(): AgentId
  client(): ClientId
  message(): MessageId
  reply(): ReplyId
  prompt(): PromptId
  job(): JobId
}

const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789' // no l, o, 0, 1: ids are read aloud and retyped

/** Ids from `random`, which must fill the array with uniform bytes. */
export function createIdSource(random: (bytes: Uint8Array) => Uint8Array): IdSource {
  const next = (): string => Array.from(random(new Uint8Array(16)), byte => alphabet[byte % alphabet.length]).join('')
  return {
    agent: () => next() as AgentId, // brands are minted here and in the parsers of ids.ts only
    client: () => next() as ClientId,
    message: () => next() as MessageId,
    reply: () => next() as ReplyId,
    prompt: () => next() as PromptId,
    job: () => next() as JobId,
  }
}

export const randomIds: IdSource = createIdSource(bytes => crypto.getRandomValues(bytes))

/** Takes a string known to be an id of this kind (a stored row, our own header) back into its brand. */
export const asAgentId = (text: string): AgentId => text as AgentId
export const asClientId = (text: string): ClientId => text as ClientId
export const asMessageId = (text: string): MessageId => text as MessageId
export const asReplyId = (text: string): ReplyId => text as ReplyId
export const asPromptId = (text: string): PromptId => text as PromptId
export const asJobId = (text: string): JobId => text as JobId
export const asOwnerId = (text: string): OwnerId => text as OwnerId

/** The local user: the owner of every caller on loopback that shows no token. */
export const localOwner: OwnerId = asOwnerId('local')
