/** What a connecting model is told of Madrox, essentials first; at most 2 000 characters, because clients cut. */

export const instructions = `Madrox runs teams of coding agents for you: real Claude Code and Codex sessions, each its own process with its own context. They cost money.

Use a team when work splits into parts that can go on side by side, when a part needs its own context, or when you want a second opinion. Do small or strictly sequential work yourself.

How:
1. Spawn: spawn_multiple_instances for several (one call; clients run calls one after another), spawn_claude or spawn_codex for one, spawn_team_from_template for a team that leads itself (list_templates). By default each works in a git worktree of your repository on its own branch, or in an empty directory; the result says how to bring the work back.
2. Delegate: give the task as initial_prompt, or by send_to_instance / send_to_multiple_instances. One clear task with all it needs to know; agents do not see your conversation.
3. Collect: wait_for_response=true waits in the call. Else the answer comes later: every result says pending_replies when some are waiting, and get_pending_replies hands them out; wait_for_any waits for the first of several. To go on meanwhile and be woken, run the shell command "madrox replies --wait" in the background: it ends when an answer is there, then get_pending_replies. A wait that times out loses nothing: the message stays open.
4. Redirect: interrupt_instance stops a turn and keeps the agent's context; then send_to_instance. Agents below it go on.
5. Look: get_instance_tree, get_instance_status, get_instance_output. Do not poll them to wait.
6. Clean up: terminate_instance ends an agent and all below it; workspaces stay.

Agents may spawn agents of their own and answer by reply_to_caller. A name works wherever an id does, if it is unique. Tell your user what you spawn and why, and what came of it.`
