/** HTTP+SSE over HTTP/2 and through the fetch handler. */
import { constants } from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { listen, type HttpListener } from '../src/transports/http/listen.ts'
import { fetchHandler } from '../src/transports/http/fetch.ts'
import { silentLog } from '../src/base/log.ts'
import { eventually } from './support/eventually.ts'
import { openH2 } from './support/h2.ts'
import { type InProcess, startInProcess } from './support/in-process.ts'
import { echoLegacy } from './support/mcplex.ts'
import { httpSettings } from './support/fake-gateway.ts'

let one: InProcess
let listener: HttpListener | undefined
afterEach(async () => {
  listener?.cut()
  await listener?.close()
  listener = undefined
  await one.end()
})

const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'c', version: '1' } }
const hello = { jsonrpc: '2.0', id: 0, method: 'initialize', params }
const echo = (text: string): object => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'echo', arguments: { text } },
})
const addressIn = (text: string): string | undefined => /^data: (messages\?.+)$/m.exec(text)?.[1]
const left = async (): Promise<unknown> => {
  const { sessions, clients, streams } = await one.counts()
  return [sessions, clients, streams]
}

test('over one HTTP/2 connection: many streams, each its own session, ended by its own reset', async () => {
  one = await startInProcess([echoLegacy], { upstream: { pool: 30 } })
  listener = await listen(one.gateway, httpSettings, silentLog)
  const client = await openH2(listener.url)
  const post = async (address: string | undefined, message: object): Promise<number | undefined> => {
    const headers = { ':method': 'POST', 'content-type': 'application/json' }
    return (await client.request(`/${address}`, { headers, body: JSON.stringify(message) }).end()).status
  }
  const streams = await Promise.all(
    Array.from({ length: 20 }, async (_, at) => {
      const stream = client.request('/sse', { headers: { accept: 'text/event-stream' } })
      await stream.has('\n\n')
      const address = addressIn(stream.text)
      expect(await post(address, hello)).toBe(202)
      await stream.has('"protocolVersion":"2024-11-05"')
      expect(await post(address, echo(`own ${at}`))).toBe(202)
      await stream.has(`own ${at}`)
      return { stream, address }
    }),
  )
  expect(await left()).toEqual([20, 20, 20])
  for (const { stream } of streams.slice(5)) stream.stream.close(constants.NGHTTP2_CANCEL)
  await eventually('five are left', async () => JSON.stringify(await left()) === '[5,5,5]')
  expect(await post(streams[10]?.address, echo('late'))).toBe(404)
  expect(await post(streams[0]?.address, echo('still'))).toBe(202)
  await streams[0]?.stream.has('still')
  client.destroy()
  await eventually('no session to be left', async () => JSON.stringify(await left()) === '[0,0,0]')
})

test('through fetch: below any path, and a response that is cancelled ends the session', async () => {
  one = await startInProcess([echoLegacy])
  const handle = fetchHandler(one.gateway, { path: '/tools/mcp' })
  const at = new URL('http://localhost/tools/sse')
  const response = await handle(new Request(at, { headers: { Accept: 'text/event-stream' } }))
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const has = async (what: string): Promise<void> => {
    while (!text.includes(what)) {
      const { done, value } = (await reader?.read()) ?? { done: true }
      if (done) throw new Error(`the stream ended without ${what}: ${text}`)
      text += value
    }
  }
  await has('\n\n')
  const address = new URL(addressIn(text) ?? '', at)
  const post = async (message: object): Promise<number> => {
    const headers = { 'Content-Type': 'application/json' }
    return (await handle(new Request(address, { method: 'POST', headers, body: JSON.stringify(message) }))).status
  }
  expect(await post(hello)).toBe(202)
  await has('"protocolVersion":"2024-11-05"')
  expect(await post(echo('fetched'))).toBe(202)
  await has('fetched')
  await reader?.cancel()
  await eventually('no session to be left', async () => JSON.stringify(await left()) === '[0,0,0]')
  expect(await post(echo('late'))).toBe(404)
})
