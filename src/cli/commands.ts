/** Every command but `complete`, which tells of them, in the order of the help; each is declared in a file of its own and loaded when it is called. */

import type { CommandDef } from 'citty'

export const commands: Readonly<Record<string, () => Promise<CommandDef>>> = {
  serve: () => import('./serve.ts').then(({ serve }) => serve as CommandDef), // the table knows no command's own options
  stdio: () => import('./stdio.ts').then(({ stdio }) => stdio as CommandDef),
  tree: () => import('./tree.ts').then(({ tree }) => tree),
  status: () => import('./tree.ts').then(({ status }) => status),
  top: () => import('./top.ts').then(({ top }) => top),
  spawn: () => import('./spawn.ts').then(({ spawn }) => spawn),
  send: () => import('./send.ts').then(({ send }) => send),
  replies: () => import('./replies.ts').then(({ replies }) => replies),
  interrupt: () => import('./stop.ts').then(({ interrupt }) => interrupt),
  stop: () => import('./stop.ts').then(({ stop }) => stop),
  approvals: () => import('./approvals.ts').then(({ approvals }) => approvals),
  approve: () => import('./approvals.ts').then(({ approve }) => approve),
  deny: () => import('./approvals.ts').then(({ deny }) => deny),
  logs: () => import('./logs.ts').then(({ logs }) => logs),
  diff: () => import('./diff.ts').then(({ diff }) => diff),
  clean: () => import('./clean.ts').then(({ clean }) => clean),
  attach: () => import('./attach.ts').then(({ attach }) => attach),
  inspect: () => import('./inspect.ts').then(({ inspect }) => inspect),
  call: () => import('./call.ts').then(({ call }) => call),
  setup: () => import('./setup.ts').then(({ setup }) => setup),
  doctor: () => import('./doctor.ts').then(({ doctor }) => doctor),
  demo: () => import('./demo.ts').then(({ demo }) => demo as CommandDef),
}
