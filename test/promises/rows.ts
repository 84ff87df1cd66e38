/**
 * What users know of Madrox, section by section of its specification, and the test that names each: a file and a title in it. Tools have
 * their tests found by `npm run handlers`; settings have one each by `settings`. Who adds a promise adds its row.
 */

export type Row = readonly [what: string, file: string, title: string]

export const rows: Readonly<Record<string, readonly Row[]>> = {
  'ways in': [
    ['serve: health, stdout, SIGTERM', 'cli/serve.test.ts', 'health answers ok, stdout stays silent, and SIGTERM ends with exit code 0'],
    ['stdio: a thin proxy that starts a server if there is none', 'cli/stdio.test.ts', 'a first start, in a home that does not exist, starts a server and speaks to it'],
    ['stdio: one registry', 'cli/stdio.test.ts', 'several that start at once share one server'],
    ['stdio: nothing but JSON-RPC', 'transports/stdio.test.ts', 'calls, lists and their answers, and nothing else on the output'],
    ['spawn, tree, status', 'cli/commands.test.ts', 'spawn starts an agent with a task and, with --wait, gives its answer; tree and status show it'],
    ['send', 'cli/commands.test.ts', 'gives the answer, also to what comes on stdin'],
    ['replies --wait', 'cli/commands.test.ts', 'ends when another session in this directory has something, and leaves it to that'],
    ['interrupt, exit codes', 'cli/commands.test.ts', 'ends with 4 when the answer is not there in time, 1 when there is none, and says which message stays open'],
    ['stop', 'cli/commands.test.ts', 'stop ends several and says of each what became of it; one that is none makes it 1'],
    ['logs, inspect', 'cli/commands.test.ts', 'logs shows what an agent did, inspect where to watch it'],
    ['attach', 'cli/attach.test.ts', 'a person sees the screen, then what happens; detached, the terminal is as before and the agent runs on'],
    ['top', 'cli/commands.test.ts', 'on a terminal follows what happens, until q'],
    ['doctor', 'cli/doctor.test.ts', 'shows every setting that holds with where it is from, and of a secret only that it is set'],
    ['setup', 'cli/setup.test.ts', 'shows what it would do and changes nothing; with --yes does it; again, it is done'],
    ['call', 'cli/commands.test.ts', 'takes JSON, stdin and key=value, by what the tool wants'],
    ['completion', 'cli/commands.test.ts', 'knows commands, options, and from the server the names of agents'],
    ['library', 'guide/guide.test.ts', 'docs/guide/%s does what it says'],
    ['REST reads', 'transports/rest.test.ts', 'GET /instances, /instances/:id, /screen, /output and /network/hierarchy give what their tools give'],
    ['REST logs', 'transports/rest.test.ts', 'GET /logs/audit, /logs/instances/:id and /logs/communication/:id give the logs'],
    ['REST tools', 'transports/rest.test.ts', 'GET /tools lists every tool with its schemas, aliases beside it'],
    ['GET /metrics', 'transports/metrics.test.ts', "GET /metrics has the record in Prometheus\\' text form, by harness and never by agent, and the process"],
    ['one table, three ways', 'parity/parity.test.ts', 'the same call'],
    ['waits: progress', 'parity/parity.test.ts', 'says that it goes on, by MCP as progress, by REST as events, by the command on a terminal'],
    ['waits: cancelled alone', 'parity/parity.test.ts', 'ended by its caller ends alone: the work goes on, and its answer is kept'],
  ],
  'bad input': [
    ['answered or refused, nothing changed', 'properties/tools.test.ts', 'any arguments of any tool, from anybody, are answered or refused, and a refusal changes nothing (seed %i)'],
  ],
  messages: [
    ['no circle of waits', 'actors/waits.test.ts', 'is refused at once, naming the circle and the way out, and nothing is sent'],
    ['nested deadlines', 'actors/waits.test.ts', 'a wait inside a wait ends with it, however long it asked for'],
    ['the inbox', 'actors/waits.test.ts', 'waits for the first, hands each out once, in order, as many as asked for'],
    ['idempotency', 'transports/rest.test.ts', 'an Idempotency-Key makes a repeated call the first one'],
  ],
  'who is shown what': [
    ['budgets', 'tools/budgets.test.ts', 'of a %s cost at most %i tokens, all that MCP lists of them counted'],
    ['instructions', 'tools/budgets.test.ts', 'the instructions fit what clients read of them'],
    ['listing is not rights', 'actors/tools.test.ts', 'what is listed is not what is allowed: a leaf reaches the rest by call_tool, within its rights'],
  ],
  control: [
    ['policies', 'actors/policy.test.ts', 'holds for the owner in all of its sessions, is shown with who set it and why, and is on record for the next server'],
    ['tighten, never loosen', 'actors/policy.test.ts', 'an agent cannot take back what it, or somebody above it, has set for it; those above can'],
    ['notifications', 'actors/policy.test.ts', 'of spawns, ends, errors and cost come as marked notices, and only what was asked for'],
    ['elicitation', 'transports/elicitation.test.ts', 'a spawn is put to the person as a form, and comes up by an accepted yes'],
  ],
  'roles, templates, servers': [
    ['ten roles', 'actors/roles.test.ts', 'are ten, each a file'],
    ['a user’s roles', 'actors/roles.test.ts', 'overrides what is shipped, also under its other names, and adds to it'],
    ['templates', 'templates/rehearsal.test.ts', 'spawn_team_from_template'],
    ['presets', 'actors/servers.test.ts', 'are those that users know, each with where it comes from, in a version of its own'],
  ],
  'on disk': [
    ['mode of the home', 'store/file.test.ts', 'makes the directory for its owner alone, and the file, its log and its index too'],
    ['workspaces', 'actors/workspaces.test.ts', 'is made of a work tree only: in a bare repository, or inside .git, auto means an empty directory'],
    ['logs of an agent', 'actors/exporting.test.ts', 'get_instance_logs and the files tell the same: what happened, what was said by whom to whom, what was shown'],
    ['audit by day', 'logs/files.test.ts', 'an agent has a directory, the audit a file for each day, and all of it is its owner’s alone'],
    ['rotation', 'logs/files.test.ts', 'by default an agent’s log is moved aside at five megabytes'],
    ['retention', 'actors/exporting.test.ts', 'stay until retention, then go with their agent; those of the living stay'],
    ['redaction', 'actors/exporting.test.ts', 'a secret of the environment, of an MCP server or of a known shape is in no log, feed or error, and reaches its agent byte for byte'],
    ['summaries', 'cli/outward.test.ts', 'monitoring, switched on, says so at the start, sums up by the endpoint, and keeps it in the home'],
  ],
  configuration: [
    ['four sources, one schema', 'config.test.ts', 'an option goes before the environment, that before the file, that before the default; each value says which it was'],
    ['unknown keys', 'config.test.ts', 'a key the file may not have is refused, naming the nearest'],
    ['limits: instances below one', 'actors/vigil.test.ts', 'is a number of agents below one agent, those on their way counted; a client may have more'],
    ['a child’s budget', 'actors/budgets.test.ts', 'is at most what its supervisor has not used'],
  ],
  principals: [
    ['owners', 'actors/principals.test.ts', 'what another owner has does not exist'],
    ['a session taken over', 'actors/principals.test.ts', 'finds its inbox and its agents again by owner, name and root, and nobody else does'],
    ['supervisors found', 'actors/parenthood-matrix.test.ts', 'there is none, and nothing is spawned, where the caller'],
  ],
  'limits, health, monitoring': [
    ['tokens', 'actors/budgets.test.ts', 'of tokens ends the agent when it and its agents have used it; cache reads do not count'],
    ['cost', 'actors/budgets.test.ts', 'of cost ends the agent when it is spent'],
    ['time', 'actors/budgets.test.ts', 'of time ends the agent at its time, idle or busy, and shows when that is'],
    ['stuck', 'actors/vigil.test.ts', 'for ten minutes is stuck in its status, its supervisor gets one notice, and it is audited; a fact ends it'],
    ['idle', 'actors/vigil.test.ts', 'is never put away while it is busy, however long that lasts, nor while one of its agents is'],
    ['monitoring only when switched on', 'cli/outward.test.ts', 'a key alone switches nothing on'],
    ['back-off', 'monitoring/monitor.test.ts', 'is asked more and more seldom, and again at once when it has answered'],
    ['spans', 'telemetry/otel.test.ts', 'gets one trace of a whole team\\\'s task: spans with times, events, attributes and status, and no word of it'],
  ],
  platforms: [['weaker promises said aloud', 'cli/doctor.test.ts', 'macOS is told that its sweep is weaker, an old Node and other systems that they will not do']],
}

/** Settings that users know, and the tests that speak of them. */
export const settings: readonly (readonly [variable: string, file: string])[] = [
  ['ORCHESTRATOR_HOST', 'config.test.ts'], ['ORCHESTRATOR_PORT', 'config.test.ts'], ['MAX_INSTANCES', 'config.test.ts'], ['WORKSPACE_DIR', 'cli/config.test.ts'], ['LOG_DIR', 'cli/config.test.ts'],
  ['MADROX_MODEL_', 'cli/config.test.ts'], ['OPENROUTER_API_KEY', 'cli/outward.test.ts'], ['ANTHROPIC_API_KEY', 'drivers/claude/launch.test.ts'], ['MADROX_RETENTION_DAYS', 'actors/retention.test.ts'],
]

/** Every tool users know, aliases too. */
export const tools: readonly string[] = [
  'spawn_claude', 'spawn_codex', 'spawn_codex_instance', 'spawn_agent', 'spawn_multiple_instances', 'spawn_team_from_template', 'terminate_instance', 'terminate_multiple_instances', 'terminate_all',
  'suspend_instance', 'resume_instance', 'list_persisted_instances', 'send_to_instance', 'send_to_multiple_instances', 'broadcast_to_children', 'reply_to_caller', 'get_pending_replies', 'wait_for_any',
  'coordinate_instances', 'get_job_status', 'list_dead_letters', 'resend_dead_letter', 'interrupt_instance', 'interrupt_multiple_instances', 'interrupt_all', 'get_instance_status', 'get_live_instance_status',
  'get_instance_tree', 'get_children', 'get_peers', 'get_instance_output', 'get_multiple_instance_outputs', 'get_terminal_screen', 'get_tmux_pane_content', 'get_agent_summary', 'get_all_agent_summaries',
  'get_instance_logs', 'get_audit_logs', 'list_logged_instances', 'get_metrics', 'list_templates', 'list_roles', 'get_dashboard_url', 'get_main_instance_id', 'get_policy', 'set_policy', 'list_tools', 'call_tool',
  'list_instance_files', 'retrieve_instance_file', 'retrieve_multiple_instance_files', 'list_multiple_instance_files',
]
