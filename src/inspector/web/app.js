/**
 * The page's script: asks for the tree, follows the feed, and shows both. Whatever agents say of themselves (names, tools,
 * errors) is set as text, never as markup. It keeps what it was told and nothing of its own but the token, for this tab alone.
 */

/** @typedef {import('./wire.ts').AgentView} AgentView */
/** @typedef {import('./wire.ts').HappeningView} HappeningView */
/** @typedef {import('./wire.ts').TreeView} TreeView */
/** @typedef {import('./wire.ts').ApprovalView} ApprovalView */
/** @typedef {import('./wire.ts').Refusal} Refusal */

/** As many as the server keeps. */
const keptHappenings = 2_000
const shownHappenings = 60
/** The feed says at least every 15 s that it is there. Milliseconds. */
const silenceMs = 40_000
/** Before the connection is tried again. Milliseconds. */
const retryMs = 1_000
const tokenKey = 'madrox-token'

/** @type {TreeView} */
let tree = { now: Date.now(), agents: [], agent: null, refusal: null }
/** @type {readonly ApprovalView[]} */
let approvals = []
/** @type {HappeningView[]} */
let happenings = []
/** How far this machine's clock is ahead of the server's. */
let aheadMs = 0
/** @type {string | undefined} */
let lastId
/** The feed is open. */
let following = false

class Unauthenticated extends Error {}

/** @param {string} path @param {Record<string, string>} [headers] @param {RequestInit} [more] */
const request = (path, headers = {}, more = {}) => {
  const token = sessionStorage.getItem(tokenKey)
  return fetch(path, { ...more, headers: { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) } })
}

/** @param {string} path @param {Record<string, string>} [headers] @param {AbortSignal} [signal] */
async function ask(path, headers = {}, signal) {
  const response = await request(path, headers, signal ? { signal } : {})
  if (response.status === 401) throw new Unauthenticated(/** @type {{ error: Refusal }} */ (await response.json()).error.message)
  if (!response.ok) throw new Error(`The server answered ${response.status}.`)
  return response
}

const chosenId = () => new URLSearchParams(location.search).get('agent')

async function readTree() {
  const chosen = chosenId()
  const response = await ask(chosen ? `inspector/tree?agent=${encodeURIComponent(chosen)}` : 'inspector/tree')
  tree = /** @type {TreeView} */ (await response.json())
  aheadMs = Date.now() - tree.now
  if (following) showConnection('live', 'live')
  draw()
}

let reading = false
let readAgain = false
/** Reads the tree; while a read is under way, once more after it. */
async function refresh() {
  if (reading) return void (readAgain = true)
  reading = true
  try {
    do {
      readAgain = false
      await readTree()
    } while (readAgain)
  } catch (error) {
    // Without its token the feed is refused as well, and asks for it.
    if (!(error instanceof Unauthenticated)) showConnection('lost', 'the agents cannot be read; what is shown is old')
  } finally {
    reading = false
  }
}

/** Follows the feed until it breaks. */
async function follow() {
  const watchdog = new AbortController()
  let timer = setTimeout(() => watchdog.abort(), silenceMs)
  const response = await ask('inspector/events', lastId ? { 'last-event-id': lastId } : {}, watchdog.signal)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      clearTimeout(timer)
      timer = setTimeout(() => watchdog.abort(), silenceMs)
      const frames = (rest + part.value).split('\n\n')
      rest = frames.pop() ?? ''
      for (const frame of frames) take(frame)
      void refresh()
    }
  } finally {
    following = false
    clearTimeout(timer)
  }
}

/** @param {string} frame */
function take(frame) {
  const fields = new Map(frame.split('\n').map(line => /** @type {[string, string]} */ ([line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])))
  const name = fields.get('event')
  const data = JSON.parse(fields.get('data') ?? 'null')
  if (name === 'opened' || name === 'approvals') void readApprovals()
  if (name === 'opened') {
    following = true
    if (!data.complete) happenings = []
  }
  if (name !== 'happened') return
  lastId = fields.get('id')
  happenings = [...happenings, data].slice(-keptHappenings)
}

async function run() {
  for (;;) {
    try {
      await follow()
      showConnection('lost', 'the server has ended the connection; trying again')
    } catch (error) {
      if (error instanceof Unauthenticated) {
        await askForToken(error.message)
        continue
      }
      showConnection('lost', 'the server does not answer; trying again')
    }
    await new Promise(resolve => setTimeout(resolve, retryMs))
  }
}

/** @param {string} id */
const element = id => /** @type {HTMLElement} */ (document.getElementById(id)) // every id asked for is in page.ts

/** @param {string} tag @param {Record<string, string | null>} [attributes] @param {(Node | string)[]} children strings become text */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value)
  made.append(...children)
  return made
}

/** @param {'live' | 'lost'} is @param {string} words */
function showConnection(is, words) {
  element('connection').dataset['is'] = is
  element('connection').textContent = words
}

/** @param {string} why @returns {Promise<void>} */
function askForToken(why) {
  const form = /** @type {HTMLFormElement} */ (element('ask'))
  const input = /** @type {HTMLInputElement} */ (element('token'))
  showConnection('lost', 'not signed in')
  element('why').textContent = sessionStorage.getItem(tokenKey) === null ? `${why} It is the one the server was started with (MADROX_SERVER_TOKEN).` : why
  element('content').hidden = true
  form.hidden = false
  input.focus()
  return new Promise(resolve => {
    form.addEventListener('submit', event => {
      event.preventDefault()
      sessionStorage.setItem(tokenKey, input.value.trim())
      input.value = ''
      form.hidden = true
      resolve()
    }, { once: true })
  })
}

let drawing = false
function draw() {
  if (drawing) return
  drawing = true
  requestAnimationFrame(() => {
    drawing = false
    element('content').hidden = false
    drawTree()
    drawApprovals()
    drawChosen()
    drawHistory()
    tick()
  })
}

function drawTree() {
  const { agents } = tree
  const nav = element('tree')
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset['id'] : undefined
  const ids = new Set(agents.map(({ id }) => id))
  const tops = agents.filter(({ parent }) => !parent || !ids.has(parent.id))
  const clients = new Map(tops.map(({ parent }) => [parent?.id, parent]))
  const groups = [...clients].flatMap(([id, parent]) => [
    make('div', { class: 'client' }, parent ? `${parent.kind} ${parent.name}` : 'nobody'),
    listOf(tops.filter(agent => agent.parent?.id === id)),
  ])
  const ended = happenings.filter(({ type, agentId }) => type === 'ended' && !ids.has(agentId)).slice(-12).toReversed()
  const past = ended.length === 0 ? [] : [make('div', { class: 'client' }, 'ended'), make('ul', {}, ...ended.map(({ agentId, name, at }) => make('li', {}, row(agentId, name, 'terminated', timeOf(at)))))]
  nav.replaceChildren(...(groups.length === 0 ? [make('div', { class: 'client' }, 'There are no agents now.')] : groups), ...past)
  const again = focused === undefined ? null : nav.querySelector(`[data-id="${CSS.escape(focused)}"]`)
  if (again instanceof HTMLElement) again.focus()
  element('count').textContent = `${agents.length} ${agents.length === 1 ? 'agent' : 'agents'}`
}

/** @param {readonly AgentView[]} agents @returns {HTMLElement} */
function listOf(agents) {
  return make('ul', {}, ...agents.map(agent => {
    const below = tree.agents.filter(({ parent }) => parent?.id === agent.id)
    return make('li', {}, row(agent.id, agent.name, agent.state, agent.detail === 'idle.live' ? 'idle' : agent.detail.replaceAll('.', ' · '), agent.harness), ...(below.length > 0 ? [listOf(below)] : []))
  }))
}

/** @param {string} id @param {string} name @param {string} state @param {string} detail @param {string} [harness] */
function row(id, name, state, detail, harness) {
  return make('a', { href: `?agent=${encodeURIComponent(id)}`, 'data-id': id, 'data-state': state, 'aria-current': id === tree.agent?.id ? 'true' : null, title: harness ? `${name} (${harness}), ${state}` : name },
    make('span', { class: 'dot' }), make('span', { class: 'name' }, name), make('span', { class: 'detail' }, detail))
}

/** What is asked for, each with its buttons: kept while it is open, so that nothing is drawn away under a finger. @type {Map<string, HTMLElement>} */
const asked = new Map()

/** @param {string} tool @param {Record<string, unknown>} args */
const call = (tool, args) => request('tools/execute', { 'content-type': 'application/json' }, { method: 'POST', body: JSON.stringify({ tool, arguments: args }) })

let readings = 0
/** The newest answer counts, in whatever order they come. */
async function readApprovals() {
  const number = ++readings
  try {
    const response = await call('list_approvals', {})
    if (number !== readings) return
    if (!response.ok) return // without its token the feed is refused as well, and asks for it
    approvals = /** @type {{ approvals: ApprovalView[] }} */ (await response.json()).approvals
    draw()
  } catch {
    showConnection('lost', 'what waits for a yes cannot be read; what is shown is old')
  }
}

function drawApprovals() {
  const open = new Set(approvals.map(({ approval_id: id }) => id))
  for (const [id, item] of asked) {
    if (open.has(id)) continue
    item.remove()
    asked.delete(id)
  }
  for (const approval of approvals) {
    if (asked.has(approval.approval_id)) continue
    const item = approvalItem(approval)
    asked.set(approval.approval_id, item)
    element('approvals').querySelector('ul')?.append(item)
  }
  element('approvals').hidden = approvals.length === 0
}

/** @param {ApprovalView} approval */
function approvalItem({ approval_id: id, text, expires_at: expiresAt }) {
  const reason = /** @type {HTMLInputElement} */ (make('input', { placeholder: 'reason, told to who asked', maxlength: '2000', 'aria-label': 'reason' }))
  const why = make('span', { class: 'why', role: 'alert' })
  const buttons = /** @type {const} */ (['allow', 'deny']).map(decision => {
    const button = /** @type {HTMLButtonElement} */ (make('button', { type: 'button', class: decision }, decision === 'allow' ? 'Allow' : 'Deny'))
    button.addEventListener('click', () => void answerWith(decision))
    return button
  })
  /** @param {'allow' | 'deny'} decision */
  async function answerWith(decision) {
    for (const button of buttons) button.disabled = true
    why.textContent = await refusalOf(id, decision, reason.value.trim())
    for (const button of buttons) button.disabled = false
    void readApprovals()
  }
  const form = make('form', {}, ...buttons, reason, make('span', { class: 'soft left', 'data-until': String(Date.parse(expiresAt)) }), why)
  form.addEventListener('submit', event => event.preventDefault()) // Enter in the reason decides nothing
  return make('li', { 'data-approval': id }, make('p', { class: 'text' }, text), form)
}

/** Answers it; resolves with why that was refused, in words. @param {string} id @param {'allow' | 'deny'} decision @param {string} message */
async function refusalOf(id, decision, message) {
  try {
    const response = await call('answer_approval', { approval_id: id, decision, ...(message === '' ? {} : { message }) })
    return response.ok ? '' : /** @type {{ error: Refusal }} */ (await response.json()).error.message
  } catch {
    return 'The server does not answer.'
  }
}

function drawChosen() {
  const { agent, refusal } = tree
  element('chosen').hidden = agent === null
  element('facts').hidden = agent === null
  element('refused').hidden = refusal === null
  if (refusal) element('refused').replaceChildren(refusal.message, ' ', refusal.remedy ?? '')
  document.title = agent ? `${agent.name}: ${agent.state} · Madrox` : 'Madrox'
  if (!agent) return
  element('chosen').dataset['state'] = agent.state
  element('name').textContent = agent.name
  element('state').textContent = agent.state
  element('id').textContent = `${agent.id} · ${agent.harness} · ${agent.role}${agent.model === null ? '' : ` · ${agent.model}`}`
  for (const group of document.querySelectorAll('#machine .state')) {
    const lit = group.getAttribute('data-state') === agent.state
    group.classList.toggle('lit', lit)
    group.classList.toggle('detailed', lit && innerOf(agent.detail) !== '')
    const inner = group.querySelector('.inner')
    if (inner) inner.textContent = lit ? innerOf(agent.detail) : ''
  }
  element('facts').querySelector('dl')?.replaceChildren(...factsOf(agent).map(([term, value, more]) => make('div', { class: more === 'wide' || more === 'alarm' ? 'wide' : null }, make('dt', {}, term), make('dd', { class: more === 'alarm' ? 'alarm' : null }, value))))
}

/** @param {AgentView} agent @returns {[term: string, value: string, more?: 'wide' | 'alarm'][]} */
function factsOf(agent) {
  const { usage, workspace } = agent
  const number = (/** @type {number} */ value) => value.toLocaleString('en').replaceAll(',', ' ')
  return [
    ['Supervisor', agent.parent ? `${agent.parent.kind} ${agent.parent.name}` : 'unknown'],
    ['Works on', agent.currentMessage ?? 'nothing'],
    ['Tool', agent.currentTool ?? 'none'],
    .../** @type {[string, string][]} */ (agent.approvalOf === null ? [] : [['Asks leave for', agent.approvalOf]]),
    ['Mailbox', `${number(agent.mailbox)} waiting`],
    ['Open messages', agent.openMessages.length === 0 ? 'none' : agent.openMessages.join(', ')],
    ['Replies to take', number(agent.pendingReplies)],
    ['Requests', number(agent.requestCount)],
    ['Tokens', `${number(usage.inputTokens)} in · ${number(usage.outputTokens)} out`],
    ['Cache', `${number(usage.cacheReadTokens)} read · ${number(usage.cacheCreationTokens)} written`],
    ['Spawned', timeOf(agent.createdAt)],
    ['Workspace', `${workspace.path} (${workspace.kind}${workspace.branch === null ? '' : `, ${workspace.branch}`})`, 'wide'],
    .../** @type {[string, string, 'wide'][]} */ (agent.warnings.map(warning => ['Warning', warning, 'wide'])),
    .../** @type {[string, string, 'alarm'][]} */ (agent.lastError === null ? [] : [['Last error', agent.lastError, 'alarm']]),
    .../** @type {[string, string, 'wide'][]} */ (agent.endReason === null ? [] : [['Ended', agent.endReason, 'wide']]),
  ]
}

function drawHistory() {
  const { agent } = tree
  const shown = happenings.filter(({ agentId }) => !agent || agentId === agent.id).slice(-shownHappenings).toReversed()
  element('history-of').textContent = agent ? 'Transitions, newest first' : 'What happened, newest first'
  const columns = ['time', ...(agent ? [] : ['agent']), 'state', 'by', 'source']
  element('history').querySelector('thead')?.replaceChildren(make('tr', {}, ...columns.map(column => make('th', {}, column))))
  element('history').querySelector('tbody')?.replaceChildren(...shown.map(each => make('tr', {},
    make('td', { class: 'when mono' }, timeOf(each.at)),
    ...(agent ? [] : [make('td', {}, each.name)]),
    make('td', {}, ...stepOf(each)),
    make('td', { class: 'by mono' }, each.event ?? '', each.byItself ? ' then at once' : ''),
    make('td', { class: 'source soft' }, each.source ?? ''))))
}

/** @param {HappeningView} happening @returns {(Node | string)[]} */
function stepOf({ type, from, to, harness }) {
  if (type === 'spawned') return [`spawned (${harness})`]
  if (type === 'ended') return ['ended']
  return [...(from === undefined ? [] : [make('span', { class: 'soft' }, `${from} → `)]), make('span', { class: 'to', 'data-state': (to ?? '').split('.')[0] ?? '' }, to ?? '')]
}

/** `busy.awaitingApproval`: what stands behind the first dot. @param {string} detail */
const innerOf = detail => detail.split('.').slice(1).join('.')

/** @param {number} at */
const timeOf = at => new Date(at).toLocaleTimeString('en-GB')

/** @param {number} ms */
function lengthOf(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}

function tick() {
  const { agent } = tree
  for (const left of document.querySelectorAll('[data-until]')) left.textContent = `denied in ${lengthOf(Number(left.getAttribute('data-until')) - (Date.now() - aheadMs))}`
  element('lasts').textContent = agent ? `for ${lengthOf(Date.now() - aheadMs - agent.since)}, since ${timeOf(agent.since)}, told by ${agent.source}` : ''
}

element('tree').addEventListener('click', event => {
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  history.pushState(null, '', link.href)
  void refresh()
})
addEventListener('popstate', () => void refresh())
setInterval(tick, 1_000)
void run()
