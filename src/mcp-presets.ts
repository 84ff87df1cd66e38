/**
 * MCP servers an agent gets by name. Data only, as of November 2026; versions are pinned, because
 * what runs with an agent's rights is not to change by itself. In every text `{{workspace}}` is the agent's workspace and `{{memory}}` a
 * file that the agents of one workspace share; `${NAME}` is a variable of the server's environment, required unless it is
 * written with a default, `${NAME:-default}`.
 */

export interface Preset {
  /** What it gives, in a phrase. */
  readonly gives: string
  /** Who makes it; for one of the archived reference servers, what stands in its place. */
  readonly from: string
  readonly server:
    | { readonly command: string; readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> }
    | { readonly url: string; readonly headers?: Readonly<Record<string, string>> }
  /** Serves whatever directories its client names as roots, to write as well: those an agent may only read are then not among them. */
  readonly followsRoots?: boolean
}

export const mcpPresets: Readonly<Record<string, Preset>> = {
  playwright: {
    gives: 'a browser driven by Playwright, headless; needs a browser that Playwright finds',
    from: 'Microsoft, npm @playwright/mcp',
    server: { command: 'npx', args: ['-y', '@playwright/mcp@0.0.83', '--headless', '--isolated'] },
  },
  puppeteer: {
    gives: 'Chrome with its developer tools, driven by Puppeteer, headless; needs Chrome',
    from: 'Google, npm chrome-devtools-mcp; @modelcontextprotocol/server-puppeteer is archived',
    server: { command: 'npx', args: ['-y', 'chrome-devtools-mcp@1.11.0', '--headless', '--isolated'] },
  },
  github: {
    gives: 'repositories, issues, pull requests and actions on GitHub',
    from: "GitHub's own remote server; @modelcontextprotocol/server-github is archived",
    server: { url: 'https://api.githubcopilot.com/mcp/', headers: { Authorization: 'Bearer ${GITHUB_PERSONAL_ACCESS_TOKEN}' } },
  },
  filesystem: {
    gives: "files of the agent's workspace, read and written",
    from: 'the reference server, npm @modelcontextprotocol/server-filesystem',
    server: { command: 'npx', args: ['-y', '@modelcontextprotocol/server-filesystem@2026.8.31', '{{workspace}}'] },
    followsRoots: true,
  },
  sqlite: {
    gives: 'SQL on a SQLite file, database.db of the workspace unless env gives another DSN',
    // From 0.24 on it needs Node 22.5.
    from: 'Bytebase, npm @bytebase/dbhub (0.21.2, the last for Node 20); the reference server is archived and was never on npm',
    server: { command: 'npx', args: ['-y', '@bytebase/dbhub@0.21.2', '--transport', 'stdio'], env: { DSN: 'sqlite://{{workspace}}/database.db' } },
  },
  postgres: {
    gives: 'SQL on the PostgreSQL database of DATABASE_URL',
    from: 'Bytebase, npm @bytebase/dbhub (0.21.2, the last for Node 20); @modelcontextprotocol/server-postgres is archived',
    server: { command: 'npx', args: ['-y', '@bytebase/dbhub@0.21.2', '--transport', 'stdio'], env: { DSN: '${DATABASE_URL}' } },
  },
  'brave-search': {
    gives: 'search of the web, news, images and places',
    from: 'Brave, npm @brave/brave-search-mcp-server; @modelcontextprotocol/server-brave-search is archived',
    server: { command: 'npx', args: ['-y', '@brave/brave-search-mcp-server@2.1.4', '--transport', 'stdio'], env: { BRAVE_API_KEY: '${BRAVE_API_KEY}' } },
  },
  'google-drive': {
    gives: 'files and documents of Google Drive; sign in once by running its package with auth',
    from: 'Piotr Agier, npm @piotr-agier/google-drive-mcp; @modelcontextprotocol/server-gdrive is archived',
    server: { command: 'npx', args: ['-y', '@piotr-agier/google-drive-mcp@2.10.0'], env: { GOOGLE_DRIVE_OAUTH_CREDENTIALS: '${GOOGLE_DRIVE_OAUTH_CREDENTIALS}' } },
  },
  slack: {
    gives: 'channels, threads and search of a Slack workspace',
    from: 'korotovsky, npm slack-mcp-server; @modelcontextprotocol/server-slack is archived',
    server: { command: 'npx', args: ['-y', 'slack-mcp-server@1.3.0', '--transport', 'stdio'], env: { SLACK_MCP_XOXP_TOKEN: '${SLACK_MCP_XOXP_TOKEN}' } },
  },
  memory: {
    gives: 'a knowledge graph on disk, shared by the agents of one workspace and kept when they end',
    from: 'the reference server, npm @modelcontextprotocol/server-memory',
    server: { command: 'npx', args: ['-y', '@modelcontextprotocol/server-memory@2026.8.31'], env: { MEMORY_FILE_PATH: '{{memory}}' } },
  },
}
