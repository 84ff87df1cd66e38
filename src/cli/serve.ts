/** `madrox serve`: the server, from its configuration to its end by a signal. */

import { join } from 'node:path'
import { defineCommand } from 'citty'
import { type Config, misspelt, settingList } from '../config.ts'
import { MadroxError } from '../errors.ts'
import { createLog, type Log } from '../log.ts'
import { knowSecrets } from '../redaction.ts'
import { allSettings, configOf, optionsFor } from './arguments.ts'
import { keptSmall, ownLogName } from './own-log.ts'

const options = optionsFor(allSettings)

export const serve = defineCommand({
  meta: { name: 'madrox serve', description: 'Run the server: MCP at /mcp, inspector at /, health at /health' },
  args: options,
  run: async ({ rawArgs }) => {
    const config = configOf(rawArgs, options)
    knowSecrets(settingList.flatMap(([name, { secret }]) => (secret && typeof config[name] === 'string' ? [config[name]] : []))) // those of the file too
    const log = keptSmall(createLog(config.logLevel), join(config.home, ownLogName))
    for (const { name, meant } of misspelt(process.env)) log.warn(`${name} is set, and nothing reads it. Did you mean ${meant}?`)
    // Whoever read our stderr may go away; agents are not to die of a log line nobody reads.
    process.stderr.on('error', () => {})
    const stopped = stopSignal() // whoever reads the address may stop the server at once
    const server = await startServer(config, log)
    log.info(`Madrox listens at ${server.url} (MCP at ${server.url}/mcp, inspector at ${server.url}/), its files are in ${config.home}`)
    await stopped
    log.info(config.onShutdown === 'end' ? 'ending every agent' : 'suspending every agent')
    await server.close()
    process.exit(0)
  },
})

const limitsOf = ({ atLimit, maxInstances, maxTotalCost, maxChildren, maxDepth, maxTokensPerInstance, maxMinutesPerInstance, idleMinutes, stuckMinutes }: Config) => ({
  atLimit, maxInstances, maxTotalCost, maxChildren, maxDepth, idleMinutes, stuckMinutes,
  ...(maxTokensPerInstance === undefined ? {} : { maxTokensPerInstance }), ...(maxMinutesPerInstance === undefined ? {} : { maxMinutesPerInstance }),
})

async function startServer(config: Config, log: Log): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { isLoopbackHost } = await import('../transports/guard.ts')
  const loopback = isLoopbackHost(config.host)
  if (!loopback && config.token === undefined) {
    throw new MadroxError('invalid_input', `${config.host} is reached over the network, and no token is set.`, { remedy: 'Set MADROX_SERVER_TOKEN (16 characters or more), or listen on 127.0.0.1.' })
  }
  const [{ createMadrox }, { serveHttp }, { instructions }] = await Promise.all([import('../index.ts'), import('../transports/http.ts'), import('../tools/instructions.ts')])
  const tracing = await tracingOf(config, log)
  const madrox = await createMadrox({
    home: config.home, logDir: config.logDir, workspaceDir: config.workspaceDir, rolesDir: join(config.home, 'prompts'), templatesDir: join(config.home, 'templates'),
    durability: config.durability, retentionDays: config.retentionDays,
    env: process.env, childEnv: config.childEnv, models: config.models,
    claudeBin: config.claudeBin, claudeDriver: config.claudeDriver,
    codexBin: config.codexBin, codexDriver: config.codexDriver,
    limits: limitsOf(config),
    supervision: { strategy: config.restartStrategy, maxRestarts: config.maxRestarts, withinMs: config.restartWindowSeconds * 1000 },
    approvals: { spawnMs: config.spawnApprovalSeconds * 1000, promptMs: config.promptApprovalSeconds * 1000 },
    ...(tracing ? { tracing } : {}), ...(config.monitoring === 'on' ? { monitoring: monitoringOf(config) } : {}),
    willServe: true, log, ...(config.token ? { ownerTokens: { local: config.token } } : {}),
  })
  try {
    const http = await serveHttp({ system: madrox.system, tools: madrox.tools, host: config.host, port: config.port, log, instructions })
    // Agents are on this machine, whatever the server listens on besides.
    madrox.announce(`http://${loopback ? new URL(http.url).host : `127.0.0.1:${http.port}`}/mcp`)
    return {
      url: http.url,
      close: async () => {
        // Agents first: on their way out they still talk to this server.
        await madrox.close(config.onShutdown)
        await http.close()
      },
    }
  } catch (error) {
    await madrox.close()
    throw error
  }
}

/** Loaded where it is wanted. */
async function tracingOf({ otel, otelContent }: Config, log: Log) {
  const isCollectorKnown = Boolean(process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] || process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'])
  if (otel === 'off' || (otel === 'auto' && !isCollectorKnown)) return undefined
  const { createOtelTracing } = await import('../telemetry/otel.ts')
  return createOtelTracing({ log, content: otelContent === 'on', serviceName: process.env['OTEL_SERVICE_NAME'] || undefined })
}

const monitoringOf = ({ monitoringUrl: url, monitoringKey: key, monitoringModel: model }: Config) => ({ url, ...(key === undefined ? {} : { key }), ...(model === undefined ? {} : { model }) })

function stopSignal(): Promise<void> {
  return new Promise(resolve => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => resolve())
  })
}
