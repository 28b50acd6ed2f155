/** Bodies that a framework has read before mcplex are served like others. */
import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { nodeHandler } from '../../src/transports/http/listen.ts'
import { express, serveOn } from '../support/mounts.ts'
import { rawClient, requestBytes } from '../support/raw-http.ts'
import { createFakeGateway } from '../support/fake-gateway.ts'

async function post(parser: unknown, body: Buffer): Promise<{ status: number; body: string }> {
  const app = express()
  app.use(parser)
  app.use('/mcp', nodeHandler(createFakeGateway()))
  const server = await serveOn(createServer(app))
  const client = await rawClient(server.port)
  onTestFinished(async () => {
    client.destroy()
    await server.close()
  })
  const headers = { 'Content-Type': 'application/json', 'Content-Length': String(body.length), 'X-Act': 'echo' }
  client.write(Buffer.concat([Buffer.from(requestBytes('POST /mcp', { ...headers, Connection: 'close' })), body]))
  const [answer] = await client.closed()
  return { status: answer?.status ?? 0, body: answer?.body ?? '' }
}

test('one that goes deeper than can be written again is no message, and no fault of ours', async () => {
  const depth = 45_000
  const body = Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`)
  const answer = await post(express.json(), body)
  expect(answer.status).toBe(400)
  expect(answer.body).toContain('parse_error')
})

test('one that is not UTF-8 is not taken for another one', async () => {
  const answer = await post(express.raw({ type: '*/*' }), Buffer.from('{"pay":"\xe9"}', 'latin1'))
  expect(answer.status).toBe(400)
  expect(answer.body).toContain('parse_error')
})
