// The handler for fetch in a host of its own, for tests of its memory: started as `serve` is, and ready as it is.
// Takes `--memory` in MiB and the command of the server; everything else is left out.
import { serve } from '@hono/node-server'
import { createGateway } from 'mcplex'
import { fetchHandler } from 'mcplex/fetch'

const [argv, [command = '', ...args]] = split(process.argv.slice(2))
const memoryBytes = Number.parseInt(argv[argv.indexOf('--memory') + 1] ?? '') * 1024 ** 2
const gateway = createGateway({
  limits: { memoryBytes },
  sessions: { retentionMs: 1000 },
  upstream: { command, args, mode: 'shared' },
})
await gateway.start()

const server = serve({ fetch: fetchHandler(gateway), port: 0, hostname: '127.0.0.1' }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ event: 'ready', endpoint: `http://127.0.0.1:${port}/mcp` })}\n`)
})

process.once('SIGTERM', () => {
  if ('closeAllConnections' in server) server.closeAllConnections()
  void gateway.close().then(() => process.exit(0))
})

/** @param {string[]} words */
function split(words) {
  const at = words.indexOf('--')
  return [words.slice(0, at), words.slice(at + 1)]
}
