/** A request counts for as long as anything holds it, also when its call is over. */
import { expect, onTestFinished, test } from 'vitest'
import { Cancel } from '../../src/base/cancel.ts'
import { createGateway, type Gateway } from '../../src/index.ts'
import type { Inbound } from '../../src/protocol/inbound.ts'
import { echoModern } from '../support/mcplex.ts'
import { standalone } from '../support/pipes.ts'

const fillerChars = 300_000

function callOf(tool: string, args: object): Inbound {
  const params = {
    name: tool,
    arguments: { ...args, filler: 'x'.repeat(fillerChars) },
    _meta: standalone({ progressToken: 1 }),
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': tool,
  }
  return {
    method: 'POST',
    path: '/mcp',
    headers,
    connection: 'test',
    body: () => Promise.resolve(body),
    closed: new Cancel(),
  }
}

async function heldBytes(gateway: Gateway): Promise<number> {
  return (await gateway.health()).memory?.heldBytes ?? Number.NaN
}

test('a request counts until the stream that holds it is over, also behind an answer that is not taken', async () => {
  const gateway = createGateway({ upstream: { command: process.execPath, args: [echoModern] } })
  onTestFinished(() => gateway.close())
  await gateway.start()
  const before = await heldBytes(gateway)
  const { body } = await gateway.handle(callOf('notify', { count: 2, bytes: 10, kind: 'progress' }))
  if (typeof body === 'string') throw new Error(`no stream: ${body}`)
  const pieces = body[Symbol.asyncIterator]()
  let last = ''
  while (!last.includes('"result"')) last = String((await pieces.next()).value)
  expect((await heldBytes(gateway)) - before).toBeGreaterThan(fillerChars)
  expect((await pieces.next()).done).toBe(true)
  expect(await heldBytes(gateway)).toBe(before)
})

test('a request whose answer is one body counts until it is answered', async () => {
  const gateway = createGateway({ upstream: { command: process.execPath, args: [echoModern] } })
  onTestFinished(() => gateway.close())
  await gateway.start()
  const before = await heldBytes(gateway)
  const { status } = await gateway.handle(callOf('echo', { text: 'x' }))
  expect(status).toBe(200)
  expect(await heldBytes(gateway)).toBe(before)
})
