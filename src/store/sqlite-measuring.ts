/** What is counted in SQLite. Lists of numbers cross as one JSON text: a row for each of some ten thousand would take a hundred times as long. */

import { z } from 'zod'
import { outcomeStatuses } from '../messages.ts'
import type { Connection } from './database.ts'
import type { Measuring } from './measuring.ts'
import { fromJson, words } from './rows.ts'

const theirs = 'IN (SELECT value FROM json_each(@agents))'
const numbers = z.object({ list: fromJson.pipe(z.array(z.number())) })
const spans = z.object({ list: fromJson.pipe(z.array(z.tuple([z.number(), z.number()]))) })

export function createSqliteMeasuring(db: Connection): Measuring {
  const ends = db.read(`SELECT coalesce(end_reason, '""') AS reason, count(*) AS count FROM agents WHERE ended_at IS NOT NULL AND id ${theirs} GROUP BY reason ORDER BY min(seq)`, z.object({ reason: words, count: z.number() }))
  const outcomes = db.read(`SELECT coalesce(outcome_status, 'open') AS status, count(*) AS count FROM messages WHERE to_agent ${theirs} GROUP BY status`, z.object({ status: z.enum([...outcomeStatuses, 'open']), count: z.number() }))
  const times = db.read(`SELECT json_group_array(ms) AS list FROM (SELECT outcome_at - accepted_at AS ms FROM messages WHERE outcome_status = 'answered' AND to_agent ${theirs} ORDER BY ms)`, numbers)
  // Which spans there are, and what was refused how often, the database keeps by itself: see `measured` in the schema.
  const ended = db.read(`SELECT json_group_array(json_array(since, until)) AS list FROM
    (SELECT since, until FROM busy_spans WHERE until IS NOT NULL AND ended_seq > @after AND agent_id ${theirs} ORDER BY ended_seq)`, spans)
  const running = db.read(`SELECT json_group_array(since) AS list FROM (SELECT since FROM busy_spans WHERE until IS NULL AND agent_id ${theirs} ORDER BY since)`, numbers)
  const cursor = db.read('SELECT coalesce(max(seq), 0) AS cursor FROM audit', z.object({ cursor: z.number() }))
  const first = db.read("SELECT seq || ' ' || since AS first FROM busy_spans ORDER BY seq LIMIT 1", z.object({ first: z.string() }))
  const revivals = db.read(`SELECT count(*) AS count FROM audit WHERE event = 'agent_changed' AND json_extract(data, '$.state') = 'spawning' AND json_extract(data, '$.source') <> 'command' AND agent_id ${theirs}`, z.object({ count: z.number() }))
  const refusals = db.read(`SELECT code, sum(count) AS count FROM refusals WHERE (@agents IS NULL OR agent_id ${theirs}) AND (@owner IS NULL OR owner_id = @owner OR (owner_id = '' AND agent_id = '')) GROUP BY code`, z.object({ code: z.string(), count: z.number() }))
  const of = (agents: readonly string[]) => ({ agents: JSON.stringify(agents) })
  return {
    countEnds: agents => ends(of(agents)),
    countOutcomes: agents => Object.fromEntries(outcomes(of(agents)).map(({ status, count }) => [status, count])),
    listAnswerTimes: agents => times(of(agents))[0]?.list ?? [],
    listBusySpans: (agents, after = 0) => ({
      ended: (ended({ ...of(agents), after })[0]?.list ?? []).map(([since, until]) => ({ since, until })), running: running(of(agents))[0]?.list ?? [],
      cursor: cursor()[0]?.cursor ?? 0, from: first()[0]?.first ?? '',
    }),
    countRevivals: agents => revivals(of(agents))[0]?.count ?? 0,
    countRefusals: whose => Object.fromEntries(refusals('agents' in whose ? { ...of(whose.agents), owner: null } : { agents: null, owner: whose.ownerId }).map(({ code, count }) => [code, count])),
  }
}
