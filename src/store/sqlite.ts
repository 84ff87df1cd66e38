/** The store in a SQLite file. Owns the queries; `database.ts` owns the file, `rows.ts` the columns, `schema.ts` the tables. */

import { z } from 'zod'
import { openDatabase, type Connection, type DatabaseOptions } from './database.ts'
import { createSqliteJobs } from './sqlite-jobs.ts'
import { createSqliteLetters } from './sqlite-letters.ts'
import { createSqlitePolicies } from './sqlite-policies.ts'
import { createSqliteLogs } from './sqlite-logs.ts'
import { createSqliteMeasuring } from './sqlite-measuring.ts'
import {
  agentPatchValues, agentRow, agentValues, callRow, callValues, clientRow, clientValues, messageRow, messageValues,
  outcomeValues, outputRow, outputValues, replyRow, replyValues, restValues, modelUsageRow, usageTotalsRow, usageValues,
} from './rows.ts'
import { expectKnown, insertInto, insertReply } from './statements.ts'
import type { Store } from './store.ts'

/**
 * Opens or makes the database at `path`.
 * @throws MadroxError `unavailable`: the file is damaged, of another program, of a later Madrox, locked, or cannot be written.
 */
export function createSqliteStore(options: DatabaseOptions): Store {
  const connection = openDatabase(options)
  return {
    transaction: connection.transaction,
    close: connection.close,
    ...agents(connection),
    ...clients(connection),
    ...messages(connection),
    ...replies(connection),
    ...turns(connection),
    ...createSqliteLetters(connection),
    ...createSqliteJobs(connection),
    ...createSqlitePolicies(connection),
    ...createSqliteLogs(connection),
    ...createSqliteMeasuring(connection),
    ...calls(connection),
    ...records(connection),
    prune: pruning(connection),
  }
}

type Part<Names extends keyof Store> = Pick<Store, Names>

function agents(db: Connection): Part<'insertAgent' | 'updateAgent' | 'getAgent' | 'listAgents'> {
  const insert = db.write(insertInto('agents', 'id, name, harness, role, parent_kind, parent_id, client_id, owner_id, spec, workspace, parent_source, created_at, session_id, pid, state, ended_at, end_reason, hold, at_limit'))
  const one = db.read('SELECT * FROM agents WHERE id = @id', agentRow)
  const all = db.read('SELECT * FROM agents ORDER BY seq', agentRow)
  const updates = new Map<string, ReturnType<Connection['write']>>() // one statement a set of columns; there are few
  return {
    insertAgent: row => void insert(agentValues(row)),
    updateAgent: (id, patch) => {
      const values = agentPatchValues(patch)
      const columns = Object.keys(values)
      const sql = `UPDATE agents SET ${columns.map(column => `${column} = @${column}`).join(', ') || 'id = id'} WHERE id = @id`
      const update = updates.get(sql) ?? db.write(sql)
      updates.set(sql, update)
      expectKnown(update({ ...values, id }), 'agent', id)
    },
    getAgent: id => one({ id })[0],
    listAgents: () => all(),
  }
}

function clients(db: Connection): Part<'saveClient' | 'getClient' | 'listClients'> {
  const save = db.write(`${insertInto('clients', 'id, owner_id, name, root, connected_at, disconnected_at, successor')}
    ON CONFLICT (id) DO UPDATE SET owner_id = excluded.owner_id, name = excluded.name, root = excluded.root,
      connected_at = excluded.connected_at, disconnected_at = excluded.disconnected_at, successor = excluded.successor`)
  const one = db.read('SELECT * FROM clients WHERE id = @id', clientRow)
  const all = db.read('SELECT * FROM clients ORDER BY seq', clientRow)
  return {
    saveClient: row => void save(clientValues(row)),
    getClient: id => one({ id })[0],
    listClients: () => all(),
  }
}

function messages(
  db: Connection,
): Part<'insertMessage' | 'getMessage' | 'markHanded' | 'markDelivered' | 'markSeen' | 'markRested' | 'settleMessage' | 'listOpenMessages' | 'countMessages' | 'listCausedBy'> {
  const insert = db.write(insertInto('messages', 'id, to_agent, from_kind, from_id, text, expects_reply, caused_by, accepted_at, expires_at'))
  const one = db.read('SELECT * FROM messages WHERE id = @id', messageRow)
  const handed = db.write('UPDATE messages SET handed_at = @at WHERE id = @id')
  const delivered = db.write('UPDATE messages SET delivered_at = @at, deliveries = deliveries + 1 WHERE id = @id')
  const seen = db.write('UPDATE messages SET seen_at = coalesce(seen_at, @at), rested_at = NULL, rested_text = NULL WHERE id = @id')
  const rested = db.write('UPDATE messages SET rested_at = @rested_at, rested_text = @rested_text WHERE id = @id')
  const settle = db.write(`UPDATE messages SET outcome_status = @outcome_status, outcome_text = @outcome_text, outcome_via = @outcome_via,
    outcome_at = @outcome_at WHERE id = @id AND outcome_status IS NULL`)
  const open = db.read('SELECT * FROM messages WHERE outcome_status IS NULL ORDER BY seq', messageRow)
  const openTo = db.read('SELECT * FROM messages WHERE to_agent = @to AND outcome_status IS NULL ORDER BY seq', messageRow)
  const counts = db.read(`SELECT count(*) AS accepted, count(CASE WHEN seen_at IS NOT NULL AND (outcome_status IS NOT NULL OR rested_at IS NOT NULL) THEN 1 END) AS worked
    FROM messages WHERE to_agent = @to`, z.object({ accepted: z.number(), worked: z.number() }))
  const causedBy = db.read('SELECT * FROM messages WHERE caused_by = @subject ORDER BY seq', messageRow)
  return {
    insertMessage: message => void insert(messageValues(message)),
    getMessage: id => one({ id })[0],
    markHanded: (id, at) => expectKnown(handed({ id, at }), 'message', id),
    markDelivered: (id, at) => expectKnown(delivered({ id, at }), 'message', id),
    markSeen: (id, at) => expectKnown(seen({ id, at }), 'message', id),
    markRested: (id, rest) => expectKnown(rested({ ...restValues(rest), id }), 'message', id),
    settleMessage: (id, outcome) => {
      if (settle({ ...outcomeValues(outcome), id }) > 0) return true
      expectKnown(one({ id }).length, 'message', id)
      return false
    },
    listOpenMessages: to => (to === undefined ? open() : openTo({ to })),
    countMessages: to => counts({ to })[0] ?? { accepted: 0, worked: 0 },
    listCausedBy: subject => causedBy({ subject }),
  }
}

function replies(
  db: Connection,
): Part<'addReply' | 'listReplies' | 'countReplies' | 'consumeReplies' | 'redirectReplies'> {
  const pending = 'to_kind = @kind AND to_id = @id AND consumed_at IS NULL AND dead_reason IS NULL'
  const insert = db.write(insertReply)
  const list = db.read(`SELECT * FROM replies WHERE ${pending} ORDER BY seq`, replyRow)
  const count = db.read(`SELECT count(*) AS count FROM replies WHERE ${pending}`, z.object({ count: z.number() }))
  const consume = db.write('UPDATE replies SET consumed_at = @at WHERE consumed_at IS NULL AND id IN (SELECT value FROM json_each(@ids))')
  const redirect = db.write(`UPDATE replies SET to_kind = @new_kind, to_id = @new_id, subject = NULL WHERE ${pending}`)
  return {
    addReply: reply => void insert(replyValues(reply)),
    listReplies: ({ kind, id }) => list({ kind, id }),
    countReplies: ({ kind, id }) => count({ kind, id })[0]?.count ?? 0,
    consumeReplies: (ids, at) => void consume({ ids: JSON.stringify(ids), at }),
    redirectReplies: (from, to) => redirect({ kind: from.kind, id: from.id, new_kind: to.kind, new_id: to.id }),
  }
}

function turns(db: Connection): Part<'beginTurn' | 'completeTurn' | 'countUnfinishedTurns'> {
  const beginTurn = db.write(`${insertInto('unfinished_turns', 'agent_id, turn_id')} ON CONFLICT DO NOTHING`)
  const completeTurn = db.write('DELETE FROM unfinished_turns WHERE agent_id = @id AND turn_id = @turn')
  const completeLatest = db.write('DELETE FROM unfinished_turns WHERE seq = (SELECT max(seq) FROM unfinished_turns WHERE agent_id = @id)')
  const unfinished = db.read('SELECT count(*) AS count FROM unfinished_turns WHERE agent_id = @id', z.object({ count: z.number() }))
  return {
    beginTurn: (id, turn) => void beginTurn({ agent_id: id, turn_id: turn }),
    completeTurn: (id, turn) => void (turn === undefined ? completeLatest({ id }) : completeTurn({ id, turn })),
    countUnfinishedTurns: id => unfinished({ id })[0]?.count ?? 0,
  }
}

function calls(db: Connection): Part<'findCall' | 'recordCall'> {
  const find = db.read('SELECT result FROM calls WHERE caller = @caller AND key = @key', callRow)
  const record = db.write(`${insertInto('calls', 'caller, key, result, at, agent_id')} ON CONFLICT DO NOTHING`)
  return {
    findCall: (caller, key) => find({ caller, key })[0],
    recordCall: (caller, key, result, at, agentId) => void record(callValues(caller, key, result, at, agentId)),
  }
}

function pruning(db: Connection): Store['prune'] {
  const gone = 'SELECT id FROM agents WHERE ended_at < @before'
  const sweeps = [
    `DELETE FROM output WHERE agent_id IN (${gone})`,
    `DELETE FROM replies WHERE consumed_at < @before AND dead_reason IS NULL AND from_agent IN (${gone})`,
    `DELETE FROM calls WHERE at < @before AND (agent_id IS NULL OR agent_id IN (${gone}))`,
    'DELETE FROM audit WHERE at < @before',
    'DELETE FROM approvals WHERE decided_at < @before',
  ].map(db.write)
  return before => db.transaction(() => sweeps.map(sweep => sweep({ before })).reduce((total, count) => total + count))
}

const allTime = { since: 0, until: Number.MAX_SAFE_INTEGER }

/** What only ever grows: usage and output. */
function records(db: Connection): Part<'addUsage' | 'tellCost' | 'usageTotals' | 'usageByModel' | 'appendOutput' | 'listOutput'> {
  const addUsage = db.write(`${insertInto('usage', 'agent_id, unit_id, model, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, at, cost_usd')} ON CONFLICT DO NOTHING`)
  const tellCost = db.write('UPDATE usage SET cost_usd = @cost WHERE agent_id = @id AND unit_id = @unit AND cost_usd IS NULL')
  const totals = db.read(`SELECT coalesce(sum(input_tokens), 0) AS input, coalesce(sum(output_tokens), 0) AS output,
    coalesce(sum(cache_read_tokens), 0) AS cache_read, coalesce(sum(cache_creation_tokens), 0) AS cache_creation
    FROM usage WHERE agent_id = @id AND at BETWEEN @since AND @until`, usageTotalsRow)
  const byModel = db.read(`SELECT model, coalesce((SELECT max(value) FROM json_each(@sizes) WHERE value < input_tokens + cache_read_tokens + cache_creation_tokens), 0) AS prompt_over,
    sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cache_read_tokens) AS cache_read, sum(cache_creation_tokens) AS cache_creation, sum(cost_usd) AS cost
    FROM usage WHERE agent_id = @id GROUP BY model, prompt_over, cost_usd IS NULL ORDER BY model, prompt_over, cost_usd IS NOT NULL`, modelUsageRow)
  const append = db.write(insertInto('output', 'agent_id, at, kind, content'))
  const newest = db.read('SELECT * FROM output WHERE agent_id = @id AND at >= @since ORDER BY at DESC, seq DESC LIMIT @limit', outputRow)
  return {
    addUsage: row => addUsage(usageValues(row)) > 0,
    tellCost: (id, unit, cost) => tellCost({ id, unit, cost }) > 0,
    usageTotals: (id, { since, until } = allTime) => totals({ id, since, until })[0] ?? { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 },
    usageByModel: (id, promptSizes) => byModel({ id, sizes: JSON.stringify(promptSizes) }),
    appendOutput: row => void append(outputValues(row)),
    listOutput: (id, { limit, since = 0 }) => newest({ id, since, limit: Math.min(Math.max(0, limit), Number.MAX_SAFE_INTEGER) }).toReversed(),
  }
}
