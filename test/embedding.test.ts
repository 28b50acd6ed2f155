/** mcplex as a library, as the documentation tells it: settings in, a handler for `node:http` out. */
import { createServer, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { nodeHandler } from '../src/transports/http/listen.ts'
import { CommandStartError, ConfigError, createGateway, type Gateway, UpstreamStartError } from '../src/index.ts'
import { fixture } from './support/typed-command.ts'

const gateways: Gateway[] = []
const servers: Server[] = []

function make(...settings: Parameters<typeof createGateway>): Gateway {
  const gateway = createGateway(...settings)
  gateways.push(gateway)
  return gateway
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  for (const gateway of gateways.splice(0)) await gateway.close()
})

test('a gateway answers on the server of a program, with nothing said but the command', async () => {
  const [command = '', ...args] = fixture('echo-legacy.mjs')
  const gateway = make({ upstream: { command, args } })
  expect(await gateway.start()).toMatchObject({ eras: ['legacy'], modes: { legacy: 'session' } })
  const server = createServer(nodeHandler(gateway))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const clientInfo = { name: 'test', version: '1' }
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
    }),
  })
  expect(response.status).toBe(200)
  expect(response.headers.get('mcp-session-id')).toMatch(/^[\w-]{43}$/)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
})

test('a server that cannot be started is told with its command', async () => {
  const gateway = make({ upstream: { command: 'no-such-command-of-mcplex' } })
  const error = await gateway.start().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(UpstreamStartError)
  expect(error).toBeInstanceOf(CommandStartError)
  expect(error).toMatchObject({ command: 'no-such-command-of-mcplex', exit: 'ENOENT' })
})

test('settings that are wrong are refused before anything runs', () => {
  expect(() => createGateway({ upstream: { command: 'node', pool: 0 } })).toThrow(ConfigError)
})
