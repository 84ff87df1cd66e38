/**
 * The schema, as numbered migrations: the database's `user_version` is the number of the last one applied. A migration that was
 * ever released is never edited; a change is a new one.
 *
 * Columns marked "JSON" hold JSON text, plain strings included: libsql hands a string back only up to its first NUL, and no
 * UTF-8 column can hold a lone surrogate, but a message has to come back as it was accepted.
 * Times are REAL, milliseconds since the epoch. Rows are ordered by `seq`, their order of arrival, because clocks step back.
 */

/** Marks the file as Madrox's own ("MDRX"), so that another program's database is refused instead of migrated. */
export const applicationId = 0x4d445258

const first = `
CREATE TABLE agents (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,               -- JSON
  harness TEXT NOT NULL,
  role TEXT NOT NULL,               -- JSON
  parent_kind TEXT NOT NULL,
  parent_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  spec TEXT NOT NULL,               -- JSON
  workspace TEXT NOT NULL,          -- JSON
  parent_source TEXT NOT NULL,      -- JSON
  created_at REAL NOT NULL,
  session_id TEXT,
  pid INTEGER,
  state TEXT NOT NULL,
  ended_at REAL,
  end_reason TEXT                   -- JSON
) STRICT;

CREATE TABLE clients (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  owner_id TEXT NOT NULL,
  name TEXT NOT NULL,               -- JSON
  root TEXT,                        -- JSON
  connected_at REAL NOT NULL,
  disconnected_at REAL
) STRICT;

CREATE TABLE messages (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  to_agent TEXT NOT NULL REFERENCES agents (id),
  from_kind TEXT NOT NULL,
  from_id TEXT NOT NULL,
  text TEXT NOT NULL,               -- JSON
  expects_reply INTEGER NOT NULL,
  caused_by TEXT,
  accepted_at REAL NOT NULL,
  expires_at REAL,
  delivered_at REAL,
  seen_at REAL,
  deliveries INTEGER NOT NULL DEFAULT 0,
  outcome_status TEXT,
  outcome_text TEXT,                -- JSON
  outcome_via TEXT,
  outcome_at REAL
) STRICT;
CREATE INDEX messages_open ON messages (seq) WHERE outcome_status IS NULL;
CREATE INDEX messages_open_to ON messages (to_agent, seq) WHERE outcome_status IS NULL;
CREATE INDEX messages_caused_by ON messages (caused_by, seq) WHERE caused_by IS NOT NULL;

CREATE TABLE replies (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  to_kind TEXT NOT NULL,
  to_id TEXT NOT NULL,
  from_agent TEXT NOT NULL,
  from_name TEXT NOT NULL,          -- JSON
  message_id TEXT,
  subject TEXT,
  status TEXT,
  text TEXT NOT NULL,               -- JSON
  at REAL NOT NULL,
  consumed_at REAL,
  dead_reason TEXT                  -- JSON; set: a dead letter, in nobody's inbox
) STRICT;
CREATE INDEX replies_pending ON replies (to_kind, to_id, seq) WHERE consumed_at IS NULL AND dead_reason IS NULL;
CREATE INDEX replies_dead ON replies (seq) WHERE dead_reason IS NOT NULL;

CREATE TABLE calls (
  caller TEXT NOT NULL,
  key TEXT NOT NULL,
  result TEXT NOT NULL,             -- JSON
  at REAL NOT NULL,
  PRIMARY KEY (caller, key)
) STRICT;

CREATE TABLE usage (
  agent_id TEXT NOT NULL REFERENCES agents (id),
  unit_id TEXT NOT NULL,
  model TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cache_read_tokens INTEGER NOT NULL,
  cache_creation_tokens INTEGER NOT NULL,
  at REAL NOT NULL,
  PRIMARY KEY (agent_id, unit_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE output (
  seq INTEGER PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agents (id),
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  content TEXT NOT NULL             -- JSON
) STRICT;
CREATE INDEX output_of_agent ON output (agent_id, at, seq);

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  event TEXT NOT NULL,
  agent_id TEXT,
  data TEXT NOT NULL                -- JSON
) STRICT;
`

/** What a server that starts on a used file needs to know: who holds an agent, and which messages rest. */
const recovery = `
ALTER TABLE agents ADD COLUMN hold TEXT;             -- JSON
ALTER TABLE messages ADD COLUMN handed_at REAL;
ALTER TABLE messages ADD COLUMN rested_at REAL;
ALTER TABLE messages ADD COLUMN rested_text TEXT;    -- JSON
CREATE INDEX messages_to ON messages (to_agent);
`

/** Turns that began and are not known to have completed: what their last model call spent may be on no record. */
const unfinishedTurns = `
CREATE TABLE unfinished_turns (
  seq INTEGER PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agents (id),
  turn_id TEXT NOT NULL,
  UNIQUE (agent_id, turn_id)
) STRICT;
`

/**
 * What died, in the order it did, with what it was sent again as; what it says stands with the reply or the message itself. Which
 * client took over from which. Which agent a call brought up or wrote to: its record is kept as long as that agent lives.
 */
const deadLetters = `
CREATE TABLE dead_letters (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,          -- of the reply or the message
  kind TEXT NOT NULL,
  at REAL NOT NULL,
  resent_as TEXT,
  resent_at REAL
) STRICT;
CREATE INDEX dead_letters_of_kind ON dead_letters (kind, seq);
INSERT INTO dead_letters (id, kind, at) SELECT id, 'reply', at FROM replies WHERE dead_reason IS NOT NULL ORDER BY seq;
DROP INDEX replies_dead;
ALTER TABLE clients ADD COLUMN successor TEXT;
ALTER TABLE calls ADD COLUMN agent_id TEXT;
`

/** What people and supervisors have set, key by key, and what they were asked to allow. */
const policies = `
CREATE TABLE policies (
  seq INTEGER PRIMARY KEY,
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,              -- JSON
  set_by TEXT NOT NULL,
  reason TEXT,                      -- JSON
  at REAL NOT NULL,
  UNIQUE (scope, key)
) STRICT;

CREATE TABLE approvals (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  agent_id TEXT,
  request TEXT NOT NULL,            -- JSON
  asked_at REAL NOT NULL,
  expires_at REAL NOT NULL,
  decision TEXT,
  decided_by TEXT,
  decided_why TEXT,                 -- JSON
  decided_at REAL
) STRICT;
CREATE INDEX approvals_open ON approvals (seq) WHERE decision IS NULL;
`

/** Whom an event concerns, and ways to what is read of the past. */
const readableLogs = `
ALTER TABLE audit ADD COLUMN owner_id TEXT;
UPDATE audit SET owner_id = (SELECT owner_id FROM agents WHERE agents.id = audit.agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX audit_in_time ON audit (at);
CREATE INDEX audit_of_agent ON audit (agent_id, at);
CREATE INDEX messages_from ON messages (from_id);
CREATE INDEX replies_beside_outcomes ON replies (from_agent) WHERE kind <> 'outcome';
`

/** USD, of calls whose cost the CLI tells itself. */
const toldCosts = `
ALTER TABLE usage ADD COLUMN cost_usd REAL;
`

/** Jobs, and which message is which step of them: a step is on record with its message, or neither is. */
const jobs = `
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  task TEXT NOT NULL,               -- JSON
  coordinator TEXT NOT NULL REFERENCES agents (id),
  participants TEXT NOT NULL,       -- JSON
  caller TEXT NOT NULL,             -- JSON
  from_address TEXT NOT NULL,       -- JSON
  owner_id TEXT NOT NULL,
  subject TEXT,
  created_at REAL NOT NULL,
  status TEXT,
  result TEXT,                      -- JSON
  notice_id TEXT,
  ended_at REAL
) STRICT;
CREATE INDEX jobs_running ON jobs (seq) WHERE status IS NULL;

CREATE TABLE job_steps (
  job_id TEXT NOT NULL REFERENCES jobs (id),
  number INTEGER NOT NULL,
  agent_id TEXT NOT NULL REFERENCES agents (id),
  message_id TEXT,
  refusal TEXT,                     -- JSON
  PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_steps_of_message ON job_steps (message_id) WHERE message_id IS NOT NULL;
`

/**
 * What metrics would have to read the whole audit for: when agents were busy, who was revived, and how often which refusal was given. All
 * three are kept by the database itself, so that none can differ from the audit, which goes in part after a time (`prune`).
 */
const measured = `
CREATE TABLE busy_spans (
  seq INTEGER PRIMARY KEY,          -- of the audit row it began with
  agent_id TEXT NOT NULL,
  since REAL NOT NULL,
  until REAL,
  ended_seq INTEGER                 -- of the audit row it ended with
) STRICT;
CREATE INDEX busy_spans_running ON busy_spans (agent_id) WHERE until IS NULL;
CREATE INDEX busy_spans_ended ON busy_spans (agent_id, ended_seq) WHERE until IS NOT NULL;
CREATE INDEX audit_revivals ON audit (agent_id) WHERE event = 'agent_changed' AND json_extract(data, '$.state') = 'spawning' AND json_extract(data, '$.source') <> 'command';
CREATE TABLE refusals (
  owner_id TEXT NOT NULL,           -- empty: of nobody
  agent_id TEXT NOT NULL,
  code TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (owner_id, agent_id, code)
) STRICT, WITHOUT ROWID;

INSERT INTO busy_spans (seq, agent_id, since, until, ended_seq) SELECT seq, agent_id, at, until, ended_seq FROM (
  SELECT seq, agent_id, at, state, lead(at) OVER life AS until, lead(seq) OVER life AS ended_seq, lead(state) OVER life AS next, lead(source) OVER life AS told FROM (
    SELECT seq, agent_id, at, json_extract(data, '$.state') AS state, json_extract(data, '$.source') AS source FROM audit
      WHERE event = 'agent_changed' AND agent_id IS NOT NULL AND json_extract(data, '$.source') IS NOT NULL
    UNION ALL SELECT seq, agent_id, at, 'ended', '' FROM audit WHERE event = 'agent_ended' AND agent_id IS NOT NULL
  ) WINDOW life AS (PARTITION BY agent_id ORDER BY seq)
) WHERE state = 'busy' AND (next IS NULL OR (next <> 'ended' AND NOT (next = 'spawning' AND told = 'command')));
INSERT INTO refusals SELECT coalesce(owner_id, ''), coalesce(agent_id, ''), coalesce(json_extract(data, '$.code'), ''), count(*) FROM audit WHERE event = 'call_refused' GROUP BY 1, 2, 3;

-- A row without a source tells what became known of a process, and enters no state.
CREATE TRIGGER busy_spans_kept AFTER INSERT ON audit
  WHEN NEW.agent_id IS NOT NULL AND (NEW.event = 'agent_ended' OR (NEW.event = 'agent_changed' AND json_extract(NEW.data, '$.source') IS NOT NULL))
BEGIN
  -- Cut from outside: nobody knows how long it was.
  DELETE FROM busy_spans WHERE agent_id = NEW.agent_id AND until IS NULL
    AND (NEW.event = 'agent_ended' OR (json_extract(NEW.data, '$.state') = 'spawning' AND json_extract(NEW.data, '$.source') = 'command'));
  UPDATE busy_spans SET until = NEW.at, ended_seq = NEW.seq WHERE agent_id = NEW.agent_id AND until IS NULL;
  INSERT INTO busy_spans (seq, agent_id, since) SELECT NEW.seq, NEW.agent_id, NEW.at WHERE NEW.event = 'agent_changed' AND json_extract(NEW.data, '$.state') = 'busy';
END;
CREATE TRIGGER busy_spans_forgotten AFTER DELETE ON audit WHEN OLD.event = 'agent_changed' BEGIN
  DELETE FROM busy_spans WHERE seq = OLD.seq;
END;
CREATE TRIGGER refusals_kept AFTER INSERT ON audit WHEN NEW.event = 'call_refused' BEGIN
  INSERT INTO refusals VALUES (coalesce(NEW.owner_id, ''), coalesce(NEW.agent_id, ''), coalesce(json_extract(NEW.data, '$.code'), ''), 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER refusals_forgotten AFTER DELETE ON audit WHEN OLD.event = 'call_refused' BEGIN
  UPDATE refusals SET count = count - 1 WHERE owner_id = coalesce(OLD.owner_id, '') AND agent_id = coalesce(OLD.agent_id, '') AND code = coalesce(json_extract(OLD.data, '$.code'), '');
  DELETE FROM refusals WHERE count = 0;
END;
`

/** At which limits of its own an agent is held. */
const heldAtLimits = `
ALTER TABLE agents ADD COLUMN at_limit TEXT;         -- JSON
`

/** In order; the first makes version 1 out of an empty file. */
export const migrations: readonly string[] = [first, recovery, unfinishedTurns, deadLetters, readableLogs, policies, toldCosts, jobs, measured, heldAtLimits]
export const schemaVersion = migrations.length
