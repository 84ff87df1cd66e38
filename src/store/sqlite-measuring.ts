/** What is counted in SQLite. Lists of numbers cross as one JSON text: a row for each of some ten thousand would take a hundred times as long. */

import { z } from 'zod'
import { outcomeStatuses } from '../messages.ts'
import type { Connection } from './database.ts'
import type { Measuring } from './measuring.ts'
import { fromJson, words } from './rows.ts'

const theirs = 'IN (SELECT value FROM json_each(@agents))'
const numbers = z.object({ list: fromJson.pipe(z.array(z.number())) })
const spans = z.object({ list: fromJson.pipe(z.array(z.tuple([z.number(), z.number().nullable()]))) })

export function createSqliteMeasuring(db: Connection): Measuring {
  const ends = db.read(`SELECT coalesce(end_reason, '""') AS reason, count(*) AS count FROM agents WHERE ended_at IS NOT NULL AND id ${theirs} GROUP BY reason ORDER BY min(seq)`, z.object({ reason: words, count: z.number() }))
  const outcomes = db.read(`SELECT coalesce(outcome_status, 'open') AS status, count(*) AS count FROM messages WHERE to_agent ${theirs} GROUP BY status`, z.object({ status: z.enum([...outcomeStatuses, 'open']), count: z.number() }))
  const times = db.read(`SELECT json_group_array(ms) AS list FROM (SELECT outcome_at - accepted_at AS ms FROM messages WHERE outcome_status = 'answered' AND to_agent ${theirs} ORDER BY ms)`, numbers)
  // A row without a source tells what became known of a process, and enters no state.
  const entries = `SELECT seq, agent_id, at, json_extract(data, '$.state') AS state, json_extract(data, '$.source') AS source
    FROM audit WHERE event = 'agent_changed' AND json_extract(data, '$.source') IS NOT NULL AND agent_id ${theirs}`
  const ended = `SELECT seq, agent_id, at, 'ended' AS state, '' AS source FROM audit WHERE event = 'agent_ended' AND agent_id ${theirs}`
  const lives = `SELECT at, state, lead(at) OVER life AS until, lead(state) OVER life AS next, lead(source) OVER life AS told FROM (${entries} UNION ALL ${ended}) WINDOW life AS (PARTITION BY agent_id ORDER BY seq)`
  const busy = db.read(`SELECT json_group_array(json_array(at, until)) AS list FROM
    (SELECT * FROM (${lives}) WHERE state = 'busy' AND (next IS NULL OR (next <> 'ended' AND NOT (next = 'spawning' AND told = 'command'))) ORDER BY at)`, spans)
  const revivals = db.read(`SELECT count(*) AS count FROM (${entries}) WHERE state = 'spawning' AND source <> 'command'`, z.object({ count: z.number() }))
  const of = (agents: readonly string[]) => ({ agents: JSON.stringify(agents) })
  return {
    countEnds: agents => ends(of(agents)),
    countOutcomes: agents => Object.fromEntries(outcomes(of(agents)).map(({ status, count }) => [status, count])),
    listAnswerTimes: agents => times(of(agents))[0]?.list ?? [],
    listBusySpans: agents => (busy(of(agents))[0]?.list ?? []).map(([since, until]) => (until === null ? { since } : { since, until })),
    countRevivals: agents => revivals(of(agents))[0]?.count ?? 0,
  }
}
