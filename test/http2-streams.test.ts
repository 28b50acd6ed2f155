/** Clients of HTTP/2 that are slow, silent, gone or hostile, and many streams of one: each harms itself and no other. */
import { afterEach, describe, expect, test } from 'vitest'
import { createMemoryBudget } from '../src/base/memory-budget.ts'
import type { ListenNeeds, ListenSettings } from '../src/transports/http/listen.ts'
import { eventually } from './support/eventually.ts'
import { codes, type H2Answer, type H2Client, openH2 } from './support/h2.ts'
import { field, frame, goawayIn, opening, request, windowUpdate } from './support/h2-frames.ts'
import { rawClient } from './support/raw-http.ts'
import { openFakeServer, type FakeServer } from './support/fake-gateway.ts'

let fakeServer: FakeServer
const clients: H2Client[] = []
const cancel = codes.NGHTTP2_CANCEL

async function openWith(tuning: Partial<ListenNeeds> = {}, settings: Partial<ListenSettings> = {}): Promise<void> {
  fakeServer = await openFakeServer({ lingerMs: 100, checkEveryMs: 50, ...tuning }, settings)
}

async function open(): Promise<H2Client> {
  const client = await openH2(`http://127.0.0.1:${fakeServer.port}`)
  clients.push(client)
  return client
}

const act = (client: H2Client, name: string, asked = {}): H2Answer => client.post('{"a":1}', { 'x-act': name }, asked)
const happened = (what: string): Promise<unknown> =>
  eventually(`${what}; ${fakeServer.gateway.happened.join(', ')}`, () => fakeServer.gateway.happened.includes(what))

afterEach(async () => {
  const client = await open()
  expect((await act(client, 'echo').end()).status, 'the edge still serves').toBe(200)
  for (const each of clients.splice(0)) each.destroy()
  fakeServer.listener.cut()
  await fakeServer.listener.close()
})

describe('a stream that its client ends', () => {
  test('is a client that is gone for that exchange, and for no other of the connection', async () => {
    await openWith()
    const client = await open()
    const [one, two] = [await act(client, 'steps').head(), await act(client, 'steps').head()]
    one.stream.close(cancel)
    await happened('returned')
    expect(fakeServer.gateway.happened).toEqual(['closed: client gone', 'returned'])
    expect(fakeServer.gateway.seen.map(({ closed }) => closed.cancelled)).toEqual([true, false])
    fakeServer.gateway.step()
    await two.has('data: 1')
  })

  test('a reset before the response is reported to the gateway', async () => {
    await openWith()
    const client = await open()
    const answer = act(client, 'hang')
    await happened('hanging')
    answer.stream.close(cancel)
    await happened('closed: client gone')
  })

  test('a reset in the middle of a body is reported to the gateway, and not logged', async () => {
    await openWith()
    const client = await open()
    const answer = client.post('{', { 'content-length': '1000' }, { open: true })
    await eventually('the request', () => fakeServer.gateway.seen.length === 1)
    answer.stream.close(cancel)
    await eventually('its end', () => fakeServer.gateway.seen[0]?.closed.cancelled === true)
    expect(fakeServer.logged).toEqual([])
  })

  test('after its answer was complete is no news', async () => {
    await openWith()
    const client = await open()
    await act(client, 'echo').end()
    client.destroy()
    await act(await open(), 'echo').end()
    expect(fakeServer.gateway.seen.map(({ closed }) => closed.cancelled)).toEqual([false, false])
  })

  test('with its connection is told for each of them', async () => {
    await openWith()
    const client = await open()
    await Promise.all(Array.from({ length: 20 }, () => act(client, 'steps').head()))
    client.destroy()
    await eventually(
      'all of them',
      () => fakeServer.gateway.happened.filter((what) => what === 'returned').length === 20,
    )
    expect(fakeServer.gateway.seen.every(({ closed }) => closed.reason === 'client gone')).toBe(true)
  })
})

describe('a client that is slow', () => {
  test('to read a stream stops its source and is cut, and other streams of its connection go on', async () => {
    await openWith({ slowReaderMs: 400 })
    const client = await open()
    const other = await act(client, 'steps').head()
    const flood = act(client, 'flood', { unread: true })
    await happened('returned')
    expect(fakeServer.gateway.happened).toEqual(['closed: client too slow', 'returned'])
    expect(fakeServer.gateway.pulled).toBeLessThan(1024 * 1024)
    flood.stream.resume()
    expect((await flood.end()).code).toBe(codes.NGHTTP2_ENHANCE_YOUR_CALM)
    fakeServer.gateway.step()
    await other.has('data: 1')
    expect(client.isClosed).toBe(false)
  })

  test('to read one large answer is cut, and so is one of a single piece', async () => {
    await openWith({ slowReaderMs: 400 })
    const client = await open()
    const large = act(client, 'large', { unread: true })
    // More than the window of a stream, less than a piece.
    const text = `"${'é'.repeat(32_760)}${'x'.repeat(30_000)}"`
    const single = client.post(text, {}, { unread: true })
    await eventually('the end of both', () => large.stream.rstCode > 0 && single.stream.rstCode > 0)
    expect([large.stream.rstCode, single.stream.rstCode]).toEqual([11, 11])
    expect((await act(client, 'echo').end()).status).toBe(200)
  })

  test('but reads on is served to the end', async () => {
    await openWith({ slowReaderMs: 2_000 })
    const client = await open()
    const answer = act(client, 'flood')
    const slow = setInterval(() => (answer.stream.isPaused() ? answer.stream.resume() : answer.stream.pause()), 10)
    await answer.end()
    clearInterval(slow)
    expect(answer.text.length).toBe(320 * 65_536)
  })

  test('to take anything at all loses its connection', async () => {
    await openWith({ slowReaderMs: 300 })
    const most = 2 ** 31 - 1
    const head = (name: string): Record<string, string> => ({ ':method': 'POST', ':path': '/mcp', 'x-act': name })
    // No window of HTTP/2 holds the server back: only the connection below does.
    const client = await rawClient(
      fakeServer.port,
      Buffer.concat([
        opening({ 4: most }),
        windowUpdate(0, most - 65_535),
        request(1, head('flood')),
        request(3, head('steps')),
      ]),
    )
    client.socket.pause()
    await eventually(
      'the end of both',
      () => fakeServer.gateway.happened.filter((what) => what === 'returned').length === 2,
    )
    expect(fakeServer.gateway.pulled).toBeLessThan(16 * 1024 * 1024)
    client.socket.resume()
    await client.closed()
  })

  test('to send its body is told 408, and other streams of its connection go on', async () => {
    await openWith({ headersMs: 300, requestMs: 300 })
    const client = await open()
    const other = await act(client, 'steps').head()
    const slow = client.post('{', {}, { open: true })
    const dribble = setInterval(() => slow.stream.closed || slow.stream.write(' '), 20)
    await slow.end()
    clearInterval(dribble)
    expect(slow).toMatchObject({ status: 408, code: codes.NGHTTP2_NO_ERROR })
    fakeServer.gateway.step()
    await other.has('data: 1')
  })

  test('to begin anything is sent away, and so is one that is idle for long', async () => {
    await openWith({ headersMs: 200, keepAliveMs: 400 })
    const silent = await open()
    await silent.closed()
    expect(silent.goaway).toBe(codes.NGHTTP2_NO_ERROR)
    const idle = await open()
    await act(idle, 'echo').end()
    await idle.closed()
    expect(idle.goaway).toBe(codes.NGHTTP2_NO_ERROR)
    const mute = await rawClient(fakeServer.port)
    expect((await mute.closed()).map(({ status }) => status)).toEqual([408])
    const listening = await open()
    const stream = await act(listening, 'steps').head()
    await idle.closed()
    await new Promise((resolve) => setTimeout(resolve, 600))
    fakeServer.gateway.step()
    await stream.has('data: 1')
  })
})

describe('a hostile client', () => {
  test('that resets streams as fast as it opens them is told to be calm, and its connection is ended', async () => {
    await openWith()
    const client = await open()
    for (let sent = 0; !client.isClosed && sent < 20_000;) {
      for (let i = 0; i < 50 && !client.session.destroyed; i++, sent++) act(client, 'hang').stream.close(cancel)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.closed()
    expect(client.goaway).toBe(codes.NGHTTP2_ENHANCE_YOUR_CALM)
    expect(fakeServer.gateway.seen.length).toBeLessThan(2_000)
    await eventually('the end of all', () => fakeServer.gateway.seen.every(({ closed }) => closed.cancelled))
  })

  test.each([
    ['pings', frame('ping', 0, 0, Buffer.alloc(8))],
    ['settings', frame('settings', 0, 0, Buffer.alloc(0))],
  ])('that floods us with %s is told to be calm, and its connection is ended', async (_name, one) => {
    await openWith()
    const client = await rawClient(fakeServer.port, opening())
    const many = Buffer.concat(Array.from({ length: 100 }, () => one))
    for (let i = 0; i < 100 && !client.isClosed(); i++) {
      client.write(many)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.closed()
    expect(goawayIn(Buffer.from(client.received(), 'latin1'))).toBe(codes.NGHTTP2_ENHANCE_YOUR_CALM)
  })

  test('that sends a head without end loses its connection', async () => {
    await openWith()
    const head = frame('headers', 0, 1, field(':method', 'POST'))
    const client = await rawClient(fakeServer.port, Buffer.concat([opening(), head]))
    const more = frame('continuation', 0, 1, field('x-more', 'y'.repeat(256)))
    let sent = 0
    while (!client.isClosed() && sent < 2_000) {
      client.write(more)
      sent++
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.closed()
    expect(sent).toBeLessThan(2_000)
    expect(fakeServer.gateway.seen).toHaveLength(0)
  })

  test('that stops in the middle of a head is sent away in time', async () => {
    await openWith({ headersMs: 200 })
    const client = await rawClient(
      fakeServer.port,
      Buffer.concat([opening(), frame('headers', 0, 1, field(':method', 'POST'))]),
    )
    await client.closed()
    expect(fakeServer.gateway.seen).toHaveLength(0)
  })

  test('that sends many bodies at once and ends none is told so, and keeps no other client from being served', async () => {
    await openWith({ memory: createMemoryBudget(256 * 1024 ** 2) })
    const client = await open()
    // 40 bodies of 600 KiB each, in room for up to twice as much, of which 32 MiB may be kept.
    const text = `"${'x'.repeat(600_000)}`
    const many = Array.from({ length: 40 }, () => client.post(text, {}, { open: true }))
    await eventually('a refusal', () => many.some(({ status }) => status === 429))
    const other = await open()
    expect((await act(other, 'echo').end()).status).toBe(200)
    const refused = many.filter(({ status }) => status === 429)
    for (const { stream } of many.filter(({ status }) => status !== 429)) stream.end('"')
    await Promise.all(many.map((answer) => answer.end()))
    expect(many.filter(({ status }) => status === 200).length).toBeGreaterThan(20)
    expect(refused[0]?.text).toContain('memory_share_exceeded')
    expect((await client.post(`${text}"`).end()).status, 'what was kept was given back').toBe(200)
  })

  test('that opens more streams than it may has those refused, not served', async () => {
    await openWith({}, { maxStreams: 10 })
    const client = await open()
    await eventually('the settings', () => client.session.remoteSettings.maxConcurrentStreams === 10)
    const answers = Array.from({ length: 15 }, () => act(client, 'steps'))
    await eventually('ten of them', () => fakeServer.gateway.seen.length === 10)
    for (let i = 0; i < 3; i++) {
      await eventually('one of the waiting requests to be served', () => answers.some(({ status }) => status === 200))
      fakeServer.gateway.step()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await eventually('the rest of them', () => fakeServer.gateway.seen.length === 15)
  })
})

describe('streams of one connection are served fairly', () => {
  test('a huge answer does not delay small ones of the same connection', async () => {
    await openWith()
    const client = await open()
    const order: string[] = []
    const huge = act(client, 'large')
    huge.stream.on('close', () => order.push('huge'))
    await huge.head()
    const small = Array.from({ length: 50 }, async () => {
      const answer = await act(client, 'echo').end()
      expect(answer).toMatchObject({ status: 200, text: '{"a":1}' })
      order.push('small')
    })
    await Promise.all([huge.end(), ...small])
    expect(order.indexOf('huge')).toBe(50)
    expect(huge.text.length).toBe(8 * 1024 * 1024 + 2)
  })

  test('two huge answers of one connection advance together', async () => {
    await openWith()
    const client = await open()
    const [a, b] = [act(client, 'large'), act(client, 'large')]
    let most = 0
    const look = (): void => void (most = Math.max(most, Math.abs(a.text.length - b.text.length)))
    a.stream.on('data', look)
    b.stream.on('data', look)
    await Promise.all([a.end(), b.end()])
    expect(most).toBeLessThan(2 * 1024 * 1024)
  })
})

describe('a drain', () => {
  test('tells the client, finishes what is under way, and then ends the connection', async () => {
    await openWith()
    const [client, idle] = [await open(), await open()]
    await act(idle, 'echo').end()
    const [steps, body] = [await act(client, 'steps').head(), client.post('{"a"', {}, { open: true })]
    await eventually('both requests', () => fakeServer.gateway.seen.length === 3)
    let isClosed = false
    const closing = fakeServer.listener.close().then(() => (isClosed = true))
    await idle.closed()
    await eventually('the word of it', () => client.goaway !== undefined)
    expect([idle.goaway, client.goaway]).toEqual([codes.NGHTTP2_NO_ERROR, codes.NGHTTP2_NO_ERROR])
    expect(isClosed).toBe(false)
    body.stream.end(':1}')
    expect(await body.end()).toMatchObject({ status: 200, text: '{"a":1}' })
    for (let i = 1; i <= 3; i++) {
      fakeServer.gateway.step()
      await steps.has(`data: ${i}`)
    }
    expect((await steps.end()).code).toBe(codes.NGHTTP2_NO_ERROR)
    await closing
    // For the look at the end of each test.
    await openWith()
  })
})
