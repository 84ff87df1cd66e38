/** How the page looks. Colours are named by state, once; the tree, the machine and the history share them. */

export const style = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --line: #dfe3e8; --text: #1d2530; --soft: #667180; --accent: #2f6fde;
  --spawning: #2f6fde; --idle: #2a9058; --busy: #c77700; --interrupted: #8a4bd0; --terminated: #7c8693; --alarm: #c23b3b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161b; --card: #1a2027; --line: #2d3640; --text: #e4e9ef; --soft: #93a0ae; --accent: #6aa0ff;
    --spawning: #6aa0ff; --idle: #4cc38a; --busy: #f0a93b; --interrupted: #b98cf2; --terminated: #8793a1; --alarm: #f07070;
  }
}
* { box-sizing: border-box }
[hidden] { display: none !important }
body { margin: 0; background: var(--ground); color: var(--text); font: 14px/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
header { display: flex; align-items: center; gap: 12px; padding: 12px 20px; background: var(--card); border-bottom: 1px solid var(--line) }
h1 { margin: 0; font-size: 16px; letter-spacing: .02em }
h2 { margin: 0; font-size: 20px; overflow-wrap: anywhere }
h3 { margin: 0 0 10px; font-size: 12px; font-weight: 600; letter-spacing: .06em; text-transform: uppercase; color: var(--soft) }
code, .mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .92em }
.soft { color: var(--soft) }
.grow { flex: 1 }
#connection { display: inline-flex; align-items: center; gap: 7px; color: var(--soft); font-size: 13px }
#connection::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--terminated) }
#connection[data-is="live"]::before { background: var(--idle) }
#connection[data-is="lost"]::before { background: var(--alarm) }
main { display: grid; grid-template-columns: minmax(270px, 360px) minmax(0, 1fr); gap: 16px; padding: 16px 20px; align-items: start }
@media (max-width: 820px) { main { grid-template-columns: minmax(0, 1fr) } }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px }
.column { display: grid; gap: 16px; min-width: 0 }
#tree ul { list-style: none; margin: 0; padding: 0 }
#tree ul ul { margin-left: 11px; padding-left: 9px; border-left: 1px solid var(--line) }
#tree .client { margin: 12px 0 4px; color: var(--soft); font-size: 12px; overflow-wrap: anywhere }
#tree .client:first-child { margin-top: 0 }
#tree a { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; align-items: baseline; gap: 8px; padding: 5px 8px; border-radius: 7px; color: inherit; text-decoration: none }
#tree a:hover { background: color-mix(in srgb, var(--accent) 9%, transparent) }
#tree a[aria-current] { background: color-mix(in srgb, var(--accent) 17%, transparent) }
#tree .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
#tree .detail { color: var(--soft); font-size: 12px }
.dot { width: 9px; height: 9px; border-radius: 50%; background: var(--of, var(--terminated)) }
[data-state="spawning"] { --of: var(--spawning) } [data-state="idle"] { --of: var(--idle) } [data-state="busy"] { --of: var(--busy) }
[data-state="interrupted"] { --of: var(--interrupted) } [data-state="terminated"] { --of: var(--terminated) }
.title { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 12px; margin-bottom: 4px }
.badge { padding: 1px 9px; border-radius: 99px; font-size: 12px; border: 1px solid var(--of); color: var(--of) }
svg { display: block; width: 100%; max-width: 860px; height: auto; margin: 10px auto 4px }
svg text { fill: var(--soft); font-size: 12px; text-anchor: middle }
svg .edge { fill: none; stroke: color-mix(in srgb, var(--soft) 55%, var(--card)); stroke-width: 1.5 }
svg .tip { fill: color-mix(in srgb, var(--soft) 75%, var(--card)) }
svg .state rect { fill: var(--ground); stroke: var(--line); stroke-width: 1.4 }
svg .state .label { fill: var(--soft); font-size: 15px }
svg .state:not(.detailed) .label { transform: translateY(9px) }
svg .state .inner { font-size: 12px }
svg .state.lit rect { fill: color-mix(in srgb, var(--of) 18%, var(--card)); stroke: var(--of); stroke-width: 2.4 }
svg .state.lit .label { fill: var(--text); font-weight: 600 }
svg .state.lit .inner { fill: var(--of) }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 12px 20px; margin: 0 }
dl div { min-width: 0 }
dl .wide { grid-column: 1 / -1 }
dt { color: var(--soft); font-size: 12px }
dd { margin: 0; overflow-wrap: anywhere }
dd.alarm { color: var(--alarm) }
table { width: 100%; border-collapse: collapse; font-size: 13px }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 12px }
th, td { padding: 4px 12px 4px 0; vertical-align: baseline; overflow-wrap: anywhere }
td { border-top: 1px solid var(--line) }
td.when, td.by, td.source { white-space: nowrap }
.scroll { overflow-x: auto }
.to { color: var(--of) }
#approvals { border-color: var(--busy) }
#approvals ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 14px }
#approvals .text { margin: 0 0 8px; max-height: 12em; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere }
#approvals form { display: flex; flex-wrap: wrap; gap: 8px; align-items: center }
#approvals input { flex: 1 1 12em; padding: 6px 10px; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 7px }
#approvals .deny { background: #c23b3b }
#approvals .why { color: var(--alarm) }
button:disabled { opacity: .5; cursor: default }
#ask { max-width: 420px; margin: 15vh auto }
#ask input { width: 100%; margin: 10px 0; padding: 8px 10px; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 7px }
button { padding: 7px 14px; font: inherit; color: #fff; background: #2f6fde; border: 0; border-radius: 7px; cursor: pointer }
`
