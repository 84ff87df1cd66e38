/**
 * The page: one self-contained file, the same for everybody and empty of data. Its policy lets exactly this script and this
 * style run, and lets them reach this server alone.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { machine } from './machine.ts'
import { style } from './style.ts'

// Built, it names its source map, which is no part of the page.
const script = readFileSync(new URL('./app.js', import.meta.url), 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '')

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

export const contentSecurityPolicy = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(style)}`,
  "connect-src 'self'",
  'img-src data:', // the empty icon, which spares the server a question
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'", // no text becomes markup, whatever its script does
].join('; ')

export const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Madrox</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header><h1>Madrox</h1><span id="count" class="soft"></span><span class="grow"></span><span id="connection" role="status">connecting</span></header>
<form id="ask" class="card" hidden>
  <h2>Token</h2>
  <label class="soft" for="token" id="why"></label>
  <input id="token" type="password" autocomplete="off" required>
  <button>Show the agents</button>
</form>
<main id="content" hidden>
  <nav id="tree" class="card" aria-label="Agents"></nav>
  <div class="column">
    <section id="approvals" class="card" aria-live="polite" hidden><h3>Waiting for a yes</h3><ul></ul></section>
    <section id="refused" class="card" hidden></section>
    <section id="chosen" class="card" hidden>
      <div class="title"><h2 id="name"></h2><span id="state" class="badge"></span><span id="lasts" class="soft"></span></div>
      <code id="id" class="soft"></code>
      ${machine}
    </section>
    <section id="facts" class="card" hidden><h3>Now</h3><dl></dl></section>
    <section class="card"><h3 id="history-of">History</h3><div class="scroll"><table id="history"><thead></thead><tbody></tbody></table></div></section>
  </div>
</main>
<noscript>The inspector needs JavaScript.</noscript>
<script type="module">${script}</script>
</body>
</html>
`
