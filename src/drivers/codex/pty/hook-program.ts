/**
 * The command of codex's hooks: hands its input to the driver and waits for the answer, however long it takes. A driver that is gone
 * answers nothing, and codex then asks on its screen. A program of its own: the environment says where the driver listens.
 */

import { request } from 'node:http'
import { env, stdin, stdout } from 'node:process'

// No timeout of a client's own, unlike `fetch`: a person may be asked.
const post = request(env['MADROX_HOOK_URL'] ?? '', { method: 'POST', headers: { authorization: `Bearer ${env['MADROX_TOKEN_OF_HOOKS'] ?? ''}`, 'content-type': 'application/json' } }, answer => answer.pipe(stdout))
post.on('error', () => {})
stdin.pipe(post)
