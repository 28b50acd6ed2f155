/** `mcplex connect` with servers that are hostile or faulty, and with a client that does not read. */
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { expectEndUnread } from './support/end-unread.ts'
import { eventually } from './support/eventually.ts'
import { echoLegacy, startMcplex } from './support/mcplex.ts'
import { hostile, json, opened, stream } from './support/faulty-endpoint.ts'
import { standalone, startPiped } from './support/pipes.ts'
import { reasonOf, textOf } from './support/rpc.ts'

function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

test.each([
  ['in one event', stream, 'data: '],
  ['in one body', { 'Content-Type': 'application/json' }, '{"jsonrpc":"2.0","id":1,"result":"'],
])(
  'an answer without end %s is refused, and costs no more than its bound',
  { timeout: 60_000 },
  async (_name, headers, begin) => {
    const filler = 'x'.repeat(1024 ** 2)
    const { piped } = await hostile(({ response, method }) => {
      if (method === 'ping') return
      response.writeHead(200, headers)
      response.write(begin)
      const more = (): void => {
        while (!response.destroyed && response.write(filler));
      }
      response.on('drain', more)
      more()
    })
    const before = memoryOf(piped.pid)
    expect(reasonOf(await piped.request('server/discover', { _meta: standalone() }))).toBe('result_too_large')
    expect(memoryOf(piped.pid) - before).toBeLessThan(400)
    expect((await piped.request('ping')).result).toEqual({})
  },
)

test('a server that cuts each stream and wants its client back at once is not stormed', async () => {
  let at = 0
  const { piped, seen } = await hostile((asked) => {
    const { method, verb, response } = asked
    if (method === 'initialize') opened(asked)
    else if (method === 'notifications/initialized') response.writeHead(202).end()
    else if (method === 'tools/call' || verb === 'GET')
      response.writeHead(200, stream).end(`retry: 0\nid: ${++at}\ndata: \n\n`)
    else response.writeHead(200).end()
  })
  await piped.initialize()
  piped.begin('tools/call', { name: 'x' })
  const since = Date.now()
  await eventually('it to come back', () => seen.filter((one) => one === 'GET').length >= 20)
  // Two streams, each of which comes back every 50 ms at most.
  expect(Date.now() - since).toBeGreaterThan(400)
  expect(seen.filter((one) => one === 'tools/call')).toHaveLength(1)
})

test('a server that answers 404 to GET is used without a GET stream', async () => {
  const { piped, seen } = await hostile((asked) => {
    const { id, method, verb, response } = asked
    if (method === 'initialize') opened(asked)
    else if (verb === 'GET') response.writeHead(404).end('Cannot GET /mcp')
    else if (id === 0) response.writeHead(202).end()
    else json(response, { id, result: { content: [{ type: 'text', text: 'well' }] } })
  })
  await piped.initialize()
  expect(textOf(await piped.call('x'))).toBe('well')
  await eventually('it to ask for the stream', () => seen.includes('GET'))
  expect(textOf(await piped.call('x'))).toBe('well')
  expect(seen.filter((one) => one === 'initialize')).toHaveLength(1)
})

test('a server that forgets every session at once is told to the client, and not asked without end', async () => {
  const { piped, seen } = await hostile((asked) => {
    if (asked.method === 'initialize') opened(asked)
    else asked.response.writeHead(asked.verb === 'GET' ? 405 : 404).end()
  })
  const initialized = piped.initialize()
  await initialized
  const answer = await piped.request('tools/call', { name: 'x' })
  expect(answer.error?.data).toMatchObject({ reason: 'endpoint_invalid_response', status: 404 })
  expect(seen.filter((one) => one === 'initialize').length).toBeLessThan(12)
})

test('rubbish between its messages is dropped, and its questions without end are bounded', async () => {
  const { piped } = await hostile((asked) => {
    const { id, method, verb, response } = asked
    if (method === 'initialize') opened(asked)
    else if (verb !== 'POST' || id === 0) response.writeHead(verb === 'GET' ? 405 : 202).end()
    else {
      response.writeHead(200, stream)
      response.write(
        'data: rubbish\n\ndata: [1,2]\n\nwhatever: 7\n\n: comment\n\ndata: {"jsonrpc":"2.0","id":99,"result":{}}\n\n',
      )
      for (let at = 0; at < 3000; at++) response.write(`data: {"jsonrpc":"2.0","id":"q${at}","method":"ping"}\n\n`)
      response.end(`data: {"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"end"}]}}\n\n`)
    }
  })
  await piped.initialize()
  expect(textOf(await piped.call('x'))).toBe('end')
  expect(piped.messages().filter(({ method }) => method === 'ping')).toHaveLength(3000)
  expect(piped.messages().filter(({ id }) => id === 99)).toEqual([])
})

test('a client that does not read is waited for, and gets everything when it does', { timeout: 60_000 }, async () => {
  const mcplex = await startMcplex({ server: [echoLegacy], options: ['--log-level', 'warn'] })
  onTestFinished(async () => void (await mcplex.end()))
  const piped = startPiped(['connect', mcplex.url])
  onTestFinished(() => piped.end())
  await piped.initialize()
  await piped.call('echo', { text: 'x' })
  const before = memoryOf(piped.pid)
  piped.child.stdout?.pause()
  const [count, bytes] = [800, 64 * 1024]
  const call = piped.begin('tools/call', {
    name: 'notify',
    arguments: { count, bytes, kind: 'progress' },
    _meta: { progressToken: 'p' },
  })
  let [last, since] = [memoryOf(piped.pid), Date.now()]
  await eventually('it to settle', () => {
    const now = memoryOf(piped.pid)
    if (now > last + 1) [last, since] = [now, Date.now()]
    return Date.now() - since > 1000
  })
  // 50 MiB are on their way to it.
  expect(memoryOf(piped.pid) - before).toBeLessThan(40)
  piped.child.stdout?.resume()
  expect((await piped.response(call)).result).toBeDefined()
  const told = piped.messages().flatMap(({ params }) => (params?.['progressToken'] === 'p' ? [params['progress']] : []))
  expect(told).toEqual(Array.from({ length: count }, (_, at) => at + 1))
})

test('one SIGTERM ends it soon before a client that reads nothing', { timeout: 60_000 }, async () => {
  const mcplex = await startMcplex({ server: [echoLegacy], options: ['--log-level', 'warn'] })
  onTestFinished(async () => void (await mcplex.end()))
  const piped = startPiped(['connect', mcplex.url])
  onTestFinished(() => piped.end())
  await piped.initialize()
  await expectEndUnread(piped)
})
