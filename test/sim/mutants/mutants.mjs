/**
 * Small wrongs done to the sources, each against one promise: the simulation must see every one of them, by the check of that
 * promise. A change must match its file exactly once, so that one which no longer applies fails loudly instead of testing nothing.
 * Those under `found` were bugs once, found by a simulated life: their undoing must stay visible.
 */

export const mutants = [
  {
    name: 'a turn goes on at a limit', promise: 'limits',
    changes: [{ file: 'src/machines/agent-guards.ts', from: 'isAtLimit(context) && context.interrupting === undefined', to: 'isAtLimit(context) && context.interrupting !== undefined' }],
  },
  {
    name: 'what waits for an agent wakes it at its limit', promise: 'limits',
    changes: [
      { file: 'src/machines/agent-guards.ts', from: '!isAtLimit(context) && (hasWork(context) || context.uncertain.length > 0)', to: 'hasWork(context) || context.uncertain.length > 0' },
      { file: 'src/machines/agent.ts', from: "          always: { guard: 'atLimit', target: '#agent.interrupted.suspended', actions: told },\n", to: '' },
    ],
  },
  {
    name: 'accepted before it is on record', promise: 'P1',
    changes: [
      { file: 'src/actors/messaging.ts', from: '  core.store.transaction(() => {\n    core.store.insertMessage(message)', to: '  void Promise.resolve().then(() => core.store.transaction(() => {\n    core.store.insertMessage(message)' },
      { file: 'src/actors/messaging.ts', from: '    alongside(message)\n  })\n', to: '    alongside(message)\n  })).catch(() => {})\n' },
    ],
  },
  {
    name: 'a write that the disk refused is dropped', promise: 'P1',
    changes: [{ file: 'src/actors/ledger.ts', from: "if (error instanceof MadroxError && error.code === 'unavailable') return false", to: "if (error instanceof MadroxError && error.code === 'unavailable') return true" }],
  },
  {
    name: 'an accepted message does not reach its agent', promise: 'P1',
    changes: [{ file: 'src/machines/agent-mail.ts', from: ': [...c.mailbox, queued]', to: ': c.mailbox.length > 0 ? c.mailbox : [queued]' }],
  },
  {
    name: "a turn's end answers another open message", promise: 'P2',
    changes: [{ file: 'src/machines/mailbox.ts', from: '{ mail, answered: subject.message.id }', to: '{ mail: keepText(mail, { ...end, subject: openMessages(mail)[0]?.message.id }), answered: openMessages(mail)[0]?.message.id }' }],
  },
  {
    name: 'a late answer passes for the outcome', promise: 'P2',
    changes: [{ file: 'src/actors/ledger.ts', from: "post({ kind: 'follow_up', to", to: "post({ kind: 'outcome', status: 'answered', to" }],
  },
  {
    name: 'a later outcome takes the place of the first', promise: 'P2',
    changes: [
      { file: 'src/store/memory.ts', from: 'outcome: row.outcome ?? outcome', to: 'outcome' },
      { file: 'src/actors/ledger.ts', from: 'desk.followUp(event.messageId, event.text, event.at)', to: "desk.settle(event.messageId, { status: 'answered', text: event.text, at: event.at })" },
    ],
  },
  {
    name: 'a wait is answered by another message', promise: 'P4',
    changes: [{ file: 'src/actors/waiting.ts', from: 'resolve(settled.messageId === undefined ? undefined : { messageId: settled.messageId,', to: 'resolve(settled.messageId === undefined ? undefined : { messageId: messageIds.at(-1) ?? settled.messageId,' }],
  },
  {
    name: 'a repeated call sends again', promise: 'P2',
    changes: [{ file: 'src/actors/messaging.ts', from: 'if (earlier) return report(core, earlier.messageId)\n', to: '' }],
  },
  {
    name: 'a reply nobody waits for stays in the store', promise: 'P4',
    changes: [{ file: 'src/actors/asks.ts', from: "if (reply) tellAddressee(reply, { type: 'replyArrived', reply, at: reply.at })", to: '' }],
  },
  {
    name: 'replies whose answer did not leave do not come back', promise: 'P4',
    changes: [{ file: 'src/actors/inboxes.ts', from: 'if (wanted.has(known.id)) actorAt', to: 'if (!wanted.has(known.id)) actorAt' }],
  },
  {
    name: 'an idle agent is not woken by its replies', promise: 'P4',
    changes: [{ file: 'src/machines/agent-mail.ts', from: '=> nextWork(mailOf(c)) !== undefined', to: '=> c.mailbox.length > 0' }],
  },
  {
    name: 'a task stays out although its reply was handed in', promise: 'P5',
    changes: [{ file: 'src/machines/mailbox.ts', from: 'tasks: message.tasks.filter(id => !answered.has(id))', to: 'tasks: message.tasks' }],
  },
  {
    name: 'last words answer nothing', promise: 'P5',
    changes: [
      { file: 'src/machines/mailbox.ts', from: '  return subject && !subject.settled && !isWaiting(mail, subject) &&', to: '  return subject && subject.settled && !isWaiting(mail, subject) &&' },
      { file: 'src/machines/mailbox.ts', from: 'openMessages(mail).filter(open => !isWaiting(mail, open)', to: 'openMessages(mail).filter(open => open.settled' },
    ],
  },
  {
    name: 'an agent rules its peers', promise: 'P7',
    changes: [{ file: 'src/actors/directory.ts', from: "return scope === 'address' && isParentOrPeer", to: "return scope !== 'see' && isParentOrPeer" }],
  },
  {
    name: "an agent answers another's message", promise: 'P7',
    changes: [{ file: 'src/actors/messaging.ts', from: 'if (row && row.to === agentId && (', to: 'if (row && (' }],
  },
  {
    name: 'one credential is taken for another', promise: 'P7',
    changes: [{ file: 'src/actors/principals.ts', from: "const agentId = this.#agents.get(given.toString('hex'))", to: "const agentId = this.#agents.has(given.toString('hex')) ? [...this.#agents.values()].at(-1) : undefined" }],
  },
  {
    name: 'anybody waits for anything', promise: 'P7',
    changes: [{ file: 'src/actors/messaging.ts', from: '  if (!mine) throw', to: '  if (!row) throw' }],
  },
  {
    name: 'a supervisor ends with its child', promise: 'P9',
    changes: [{ file: 'src/machines/agent.ts', from: '    agentFinished: { actions: by(dropChild) },', to: "    agentFinished: { target: '.terminated', actions: [by(dropChild), told, by(context => life.toEnding(context, { reason: 'a child ended', force: true, processGone: false, unasked: true }))] }," }],
  },
  {
    name: 'a process that died is not brought back', promise: 'P9',
    changes: [{ file: 'src/machines/agent-guards.ts', from: 'context.revivals < maxRevivals', to: 'context.revivals < 0 * maxRevivals' }],
  },
  {
    name: 'what a killed server had handed over is given again without asking the session', promise: 'P2', seeds: 3_000,
    changes: [{ file: 'src/actors/recovery.ts', from: 'const wasHanded = (message: MessageRow): boolean => (message.handedAt ?? message.deliveredAt ?? message.seenAt) !== undefined', to: 'const wasHanded = (message: MessageRow): boolean => message.rested !== undefined' }],
  },
  {
    name: 'that a message is handed over is not on record before it is', promise: 'P2', seeds: 6_000,
    changes: [{ file: 'src/actors/recovery.ts', from: '(message.handedAt ?? message.deliveredAt ?? message.seenAt)', to: '(message.deliveredAt ?? message.seenAt)' }],
  },
  {
    name: 'a message a killed server left open is forgotten', promise: 'P1',
    changes: [{ file: 'src/actors/recovery.ts', from: 'const messages = core.store.listOpenMessages(row.id)', to: 'const messages = core.store.listOpenMessages(row.id).slice(1)' }],
  },
  {
    name: 'found: a client that went away while the disk was full is not known again', promise: 'P4', seed: 5,
    changes: [
      { file: 'src/actors/principals.ts', from: "  tellClient(core, id, { type: 'sessionLost' }) // it is gone, whether or not that can be recorded\n  const row = core.store.getClient(id)\n  if (row) core.store.saveClient({ ...row, disconnectedAt: core.clock.now() })\n", to: "  const row = core.store.getClient(id)\n  if (row) core.store.saveClient({ ...row, disconnectedAt: core.clock.now() })\n  tellClient(core, id, { type: 'sessionLost' })\n" },
    ],
  },
  {
    name: "found: background work of nobody's message holds the next one open", promise: 'P2', seed: 190, seeds: 3_000,
    changes: [{ file: 'src/machines/mailbox.ts', from: 'flatMap(message => message.background), ...earlier])', to: 'flatMap(message => message.background)])' }],
  },
  {
    name: 'found: replies collected under one\'s own instance_id are lost', promise: 'P4', seed: 27, seeds: 3_000,
    changes: [
      { file: 'src/actors/inboxes.ts', from: 'takeReplies(core, own, limit, within)), peeked: false }', to: 'takeReplies(core, own, limit, within)), peeked: of !== undefined }' },
    ],
  },
  {
    name: 'found: a full mailbox keeps out the word that ends a hold', promise: 'P1', seed: 67, seeds: 3_000,
    changes: [{ file: 'src/actors/messaging.ts', from: 'if (waiting >= maxMailbox && !isAwaited)', to: 'if (waiting >= maxMailbox)' }],
  },
  {
    name: 'found: a crash while somebody waits for the agent ends the server', promise: 'P9', seed: 105, seeds: 3_000,
    changes: [
      { file: 'src/actors/control.ts', from: 'error: crashed, complete', to: 'complete' },
      { file: 'src/actors/turns.ts', from: '    error: () => over.abort(), ', to: '    ' },
      { file: 'src/actors/inboxes.ts', from: 'error: done, complete', to: 'complete' },
      { file: 'src/actors/spawning.ts', from: 'error: () => queueMicrotask(ended), complete', to: 'complete' },
    ],
  },
]
