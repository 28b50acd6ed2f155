/** Clients that are slow, silent or gone, and answers that break: each affects its own exchange and no other. */
import { afterEach, describe, expect, test } from 'vitest'
import { createMemoryBudget } from '../src/base/memory-budget.ts'
import type { ListenNeeds } from '../src/transports/http/listen.ts'
import { ask, rawClient, requestBytes, until, type RawClient } from './support/raw-http.ts'
import { openFakeServer, secret, type FakeServer } from './support/fake-gateway.ts'

const json = { 'Content-Type': 'application/json' }
const post = (act: string, body = '{"a":1}', headers: Record<string, string> = {}): string =>
  requestBytes('POST /mcp', { ...json, 'X-Act': act, ...headers }, body)

let fakeServer: FakeServer
const clients: RawClient[] = []

async function openWith(tuning: Partial<ListenNeeds>): Promise<void> {
  fakeServer = await openFakeServer({ lingerMs: 100, ...tuning })
}

async function open(bytes: string): Promise<RawClient> {
  const client = await rawClient(fakeServer.port, bytes)
  clients.push(client)
  return client
}

const happened = (what: string): Promise<void> =>
  until(
    () => fakeServer.gateway.happened.includes(what),
    () => `${what}; ${fakeServer.gateway.happened.join(', ')}`,
  )

afterEach(async () => {
  expect((await ask(fakeServer.port, post('echo'))).status, 'the edge still serves').toBe(200)
  for (const client of clients.splice(0)) client.destroy()
  fakeServer.listener.cut()
  await fakeServer.listener.close()
})

describe('a client that is slow to send', () => {
  const quick = { headersMs: 300, requestMs: 600, checkEveryMs: 100 }

  test('its headers is told 408 and closed, and so is one that sends nothing', async () => {
    await openWith(quick)
    const slow = await open('POST /mcp HTTP/1.1\r\nHost: localhost\r\n')
    const silent = await open('')
    let dribbled = 0
    const dribble = setInterval(() => slow.isClosed() || slow.write(`X-${dribbled++}: y\r\n`), 20)
    const [timeout] = await slow.closed()
    clearInterval(dribble)
    expect(timeout?.status).toBe(408)
    expect(timeout?.body).toContain('request_timeout')
    await silent.closed()
    expect(fakeServer.gateway.seen).toHaveLength(0)
  })

  test('its body is told 408 and closed, and the gateway hears that it is gone', async () => {
    await openWith(quick)
    const slow = await open(post('echo', '{', { 'Content-Length': '1000' }))
    const dribble = setInterval(() => slow.isClosed() || slow.write(' '), 20)
    const [timeout] = await slow.closed()
    clearInterval(dribble)
    expect(timeout?.status).toBe(408)
    expect(fakeServer.gateway.seen[0]?.closed.cancelled).toBe(true)
  })

  test('300 of them keep no other client from being served, and are closed', async () => {
    await openWith(quick)
    const half = await Promise.all(Array.from({ length: 300 }, () => open('POST /mcp HTTP/1.1\r\nHost: loc')))
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(fakeServer.port, post('echo'))))
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200))
    for (const client of half) expect((await client.closed())[0]?.status).toBe(408)
  })
})

describe('a client that is slow to read', () => {
  test('a stream stops its source and is cut', async () => {
    await openWith({ slowReaderMs: 400 })
    const client = await open('')
    client.socket.pause()
    client.write(post('flood'))
    await happened('returned')
    expect(fakeServer.gateway.happened).toEqual(['closed: client gone', 'returned'])
    // What the kernel of the test machine buffers is not ours; the rest of the 20 MiB was never made.
    expect(fakeServer.gateway.pulled).toBeLessThan(16 * 1024 * 1024)
  })

  test('a large answer is cut', async () => {
    await openWith({ slowReaderMs: 400 })
    const client = await open('')
    client.socket.pause()
    client.write(post('large'))
    await until(
      () => fakeServer.gateway.seen[0]?.closed.cancelled === true,
      () => 'the end of the exchange',
    )
    client.socket.resume()
    await client.closed()
    expect(client.received().length).toBeLessThan(16 * 1024 * 1024)
  })

  test('many answers is served no further than it reads, and is cut', async () => {
    await openWith({ slowReaderMs: 400 })
    const client = await open('')
    client.socket.pause()
    const text = `"${'x'.repeat(60_000)}"`
    for (let i = 0; i < 300; i++) client.write(post('echo', text))
    await until(
      () => client.socket.destroyed,
      () => 'the end of the connection',
    )
    expect(fakeServer.gateway.seen.length).toBeLessThan(300)
  })

  test('but reads on is served to the end', async () => {
    await openWith({ slowReaderMs: 2_000 })
    const client = await open(post('flood'))
    const slow = setInterval(() => (client.socket.isPaused() ? client.socket.resume() : client.socket.pause()), 10)
    const [response] = await client.responses(1)
    clearInterval(slow)
    expect(response?.body.length).toBe(320 * 65_536)
    expect(fakeServer.gateway.happened).toContain('flood is through')
  })

  test('a large answer arrives unharmed', async () => {
    await openWith({})
    const response = await ask(fakeServer.port, post('large'))
    expect(response.headers.get('content-length')).toBe(String(16 * 1024 * 1024 + 2))
    expect(response.body.length).toBe(8 * 1024 * 1024 + 2)
    expect(response.body.replaceAll('é', '')).toBe('""')
  })
})

describe('a client that goes away', () => {
  test('a disconnect is reported to the gateway first, then the stream is returned', async () => {
    await openWith({})
    const client = await open(post('steps'))
    await until(() => client.received().includes('\r\n\r\n'), client.received)
    fakeServer.gateway.step()
    await until(() => client.received().includes('data: 1'), client.received)
    client.destroy()
    await happened('returned')
    expect(fakeServer.gateway.happened).toEqual(['closed: client gone', 'returned'])
  })

  test('a disconnect before the first response is reported to the gateway', async () => {
    await openWith({})
    const client = await open(post('hang'))
    await happened('hanging')
    client.destroy()
    await happened('closed: client gone')
  })

  test('before its stream was opened gets the stream ended all the same', async () => {
    await openWith({})
    const client = await open(post('late'))
    await happened('waiting')
    client.destroy()
    await happened('returned')
  })

  test('a disconnect in the middle of a body is reported to the gateway', async () => {
    await openWith({})
    const client = await open(post('echo', '{', { 'Content-Length': '1000' }))
    await until(
      () => fakeServer.gateway.seen.length === 1,
      () => 'the request',
    )
    client.destroy()
    await until(
      () => fakeServer.gateway.seen[0]?.closed.cancelled === true,
      () => 'its end',
    )
    expect(fakeServer.logged).toEqual([])
  })

  test('takes a stream with it that listens to nothing', async () => {
    await openWith({})
    const client = await open(post('deaf'))
    await until(() => client.received().includes('\r\n\r\n'), client.received)
    client.destroy()
    await happened('returned')
  })

  test('after its answer was complete is no news', async () => {
    await openWith({})
    const client = await open(post('echo'))
    await client.responses(1)
    client.destroy()
    const other = await open(post('echo'))
    await other.responses(1)
    expect(fakeServer.gateway.seen.map((inbound) => inbound.closed.cancelled)).toEqual([false, false])
  })
})

describe('a stream', () => {
  test('shows its head before its first piece', async () => {
    await openWith({})
    const client = await open(post('steps'))
    await until(() => client.received().includes('\r\n\r\n'), client.received)
    expect(client.received()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*text\/event-stream/)
    for (let i = 1; i <= 3; i++) {
      fakeServer.gateway.step()
      await until(() => Buffer.from(client.received(), 'latin1').toString().includes(`data: ${i} ✓`), client.received)
    }
    const [response] = await client.responses(1)
    expect(response?.body).toBe('data: 1 ✓\n\ndata: 2 ✓\n\ndata: 3 ✓\n\n')
    expect(fakeServer.gateway.happened).toEqual(['returned'])
  })

  test('that breaks is cut off, logged, and harms no other', async () => {
    await openWith({})
    const other = await open(post('steps'))
    await until(() => other.received().includes('\r\n\r\n'), other.received)
    const client = await open(post('broken'))
    expect(await client.closed()).toEqual([])
    expect(client.received()).toContain('data: 1')
    expect(client.received()).not.toContain('secret')
    expect(fakeServer.logged).toEqual([expect.objectContaining({ err: expect.objectContaining({ message: secret }) })])
    fakeServer.gateway.step()
    await until(() => other.received().includes('data: 1'), other.received)
  })
})

describe('when memory is short', () => {
  const mebibyte = 1024 ** 2

  test('a long answer is refused if there is no memory for it', async () => {
    await openWith({ memory: createMemoryBudget(4 * mebibyte) })
    const refused = await ask(fakeServer.port, post('large'))
    // More than the share of one connection in such a budget.
    expect(refused.status).toBe(429)
    expect(refused.body).toContain('memory_share_exceeded')
    expect(refused.headers.get('retry-after')).toBe('1')
  })

  test('a reader that takes nothing gives way to others, one that reads does not', async () => {
    const memory = createMemoryBudget(24 * mebibyte)
    await openWith({ memory })
    const idle = await open('')
    idle.socket.pause()
    const before = Date.now()
    idle.write(post('large'))
    const busy = await open(post('large'))
    await busy.responses(1)
    await until(
      () => memory.heldBytes > 8 * mebibyte,
      () => 'what is kept for a reader that takes nothing',
    )
    // Nothing is slow within its first second.
    await until(
      () => Date.now() - before > 1200,
      () => 'a second',
    )
    const others = await Promise.all([ask(fakeServer.port, post('large')), ask(fakeServer.port, post('large'))])
    expect(others.map(({ status }) => status)).toEqual([200, 200])
    const third = await Promise.all([1, 2, 3].map(() => ask(fakeServer.port, post('large'))))
    expect(third.map(({ status }) => status)).toContain(200)
    idle.socket.resume()
    await idle.closed()
    await until(
      () => memory.heldBytes === 0,
      () => `nothing kept: ${memory.heldBytes}`,
    )
  })

  test('a body that hardly moves gives way to others', async () => {
    const memory = createMemoryBudget(2.2 * mebibyte)
    await openWith({ memory })
    const part = post('echo', 'x'.repeat(600_000), { 'Content-Length': '1000000' })
    const slow = await Promise.all([open(part), open(part)])
    await until(
      () => memory.heldBytes > 1_200_000,
      () => `what is kept of them: ${memory.heldBytes}`,
    )
    const before = Date.now()
    await until(
      () => Date.now() - before > 1200,
      () => 'a second',
    )
    expect((await ask(fakeServer.port, post('echo', `"${'x'.repeat(400_000)}"`))).status).toBe(200)
    const told = await Promise.race(slow.map((client) => client.responses(1)))
    expect([told[0]?.status, told[0]?.body.includes('overloaded')]).toEqual([503, true])
  })
})
