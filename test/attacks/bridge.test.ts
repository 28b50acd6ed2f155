/** `mcplex connect` in front of servers, and wires, that mean no good: no call runs twice, and none hangs. */
import type { ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { selfSigned } from '../fixtures/tls/self-signed.mjs'
import { eventually } from '../support/eventually.ts'
import { hostile, json, opened, stream } from '../support/faulty-endpoint.ts'
import { standalone, startPiped } from '../support/pipes.ts'
import { reasonOf } from '../support/rpc.ts'

const message = (words: object): string => `data: ${JSON.stringify({ jsonrpc: '2.0', ...words })}\n\n`

test.each([
  ['that no header carries', '\u2713\u20ac'],
  ['with a control character', 'a\u0001b'],
  ['longer than any header', 'x'.repeat(20_000)],
])('an event id %s does not keep the bridge from coming back', async (_name, id) => {
  const comebacks: unknown[] = []
  const { piped } = await hostile((asked) => {
    const { method, verb, request, response } = asked
    if (method === 'initialize') opened(asked)
    else if (method === 'notifications/initialized') response.writeHead(202).end()
    else if (verb === 'GET') {
      comebacks.push(request.headers['last-event-id'])
      if (comebacks.length === 1) response.writeHead(200, stream).end(`retry: 0\nid: ${id}\ndata: \n\n`)
      else response.writeHead(200, stream).write(message({ method: 'notifications/tools/list_changed' }))
    }
  })
  await piped.initialize()
  await piped.told('the change', ({ method }) => method === 'notifications/tools/list_changed')
  expect(comebacks.length).toBe(2)
})

/** A stream of comments, up to so many bytes, and then an answer. */
function comments(response: ServerResponse, bytes: number): void {
  const filler = `: ${'x'.repeat(65_536)}\n\n`
  let written = 0
  const more = (): void => {
    for (let isFree = true; isFree && !response.destroyed && written < bytes;) {
      written += filler.length
      isFree = response.write(filler)
    }
    if (written >= bytes) response.end(message({ id: 1, result: {} }))
  }
  response.on('drain', more)
  more()
}

const callAlone = { name: 'a', arguments: {}, _meta: standalone() }

test('a stream is one however its type is written, and as long as it likes', { timeout: 60_000 }, async () => {
  const { piped } = await hostile(({ response }) => {
    response.writeHead(200, { 'Content-Type': 'TEXT/Event-Stream; charset=utf-8' })
    comments(response, 80 * 1024 ** 2)
  })
  expect((await piped.request('tools/call', callAlone)).result).toEqual({})
})

test('an error that is a stream is not read without end', { timeout: 60_000 }, async () => {
  const { piped } = await hostile(({ response }) => {
    response.writeHead(500, stream)
    comments(response, Infinity)
  })
  expect(reasonOf(await piped.request('tools/call', callAlone))).toBe('result_too_large')
})

test('a call that a proxy answers with 503 may have run, and is not made again', async () => {
  const { piped, seen } = await hostile((asked) => {
    const { method, verb, response } = asked
    if (method === 'initialize') opened(asked)
    else if (verb === 'GET') response.writeHead(405).end()
    else if (method === 'tools/call' || (method === 'tools/list' && !seen.slice(0, -1).includes('tools/list')))
      response.writeHead(503, { 'Content-Type': 'text/plain' }).end('upstream connect error or disconnect/reset')
    else if (method === 'tools/list') json(response, { id: asked.id, result: { tools: [] } })
    else response.writeHead(202).end()
  })
  await piped.initialize()
  expect(reasonOf(await piped.call('pay'))).toBe('endpoint_invalid_response')
  expect(seen.filter((what) => what === 'tools/call')).toHaveLength(1)
  expect((await piped.request('tools/list')).result).toEqual({ tools: [] })
})

test('a call over TLS whose answer is garbled on the way may have run, and is not made again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-bridge-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const own = selfSigned()
  writeFileSync(join(folder, 'ca.pem'), own.cert)
  const wires = new Set<Socket>()
  let calls = 0
  const server = createSecureServer(own, (request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const { method, id = 0 } = (body === '' ? {} : JSON.parse(body)) as { method?: string; id?: number }
      if (method === 'initialize')
        json(response, { id, result: { protocolVersion: '2025-06-18', capabilities: {} } }, { 'Mcp-Session-Id': 's' })
      else if (request.method === 'GET') response.writeHead(405).end()
      else if (method === 'tools/call') {
        calls++
        for (const wire of wires) wire.write('no record of TLS, but some other text')
      } else response.writeHead(202).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const far = server.address()
  const garbler = createServer((near) => {
    wires.add(near)
    const on = connect(typeof far === 'object' ? (far?.port ?? 0) : 0, '127.0.0.1')
    near.on('error', () => on.destroy()).on('close', () => wires.delete(near) && on.destroy())
    on.on('error', () => near.destroy()).on('close', () => near.destroy())
    near.pipe(on).pipe(near)
  })
  await new Promise<void>((resolve) => garbler.listen(0, '127.0.0.1', resolve))
  const near = garbler.address()
  const piped = startPiped(['connect', `https://localhost:${typeof near === 'object' ? near?.port : 0}/mcp`], {
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
  })
  onTestFinished(async () => {
    await piped.end()
    server.closeAllConnections()
    for (const wire of wires) wire.destroy()
    await new Promise((resolve) => garbler.close(resolve))
    await new Promise((resolve) => server.close(resolve))
  })
  await piped.initialize()
  expect(reasonOf(await piped.call('pay'))).toBe('connection_lost')
  await eventually('the end of the wire', () => wires.size === 0)
  expect(calls).toBe(1)
})
