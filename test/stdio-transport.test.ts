/** `serve --transport stdio`: mcplex as the stdio server of the one client that has started it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { childrenOf, runs, until } from './children/processes.ts'
import { expectEndUnread } from './support/end-unread.ts'
import { eventually } from './support/eventually.ts'
import { echoLegacy, echoModern } from './support/mcplex.ts'
import { type Piped, serveStdio, standalone, startPiped } from './support/pipes.ts'
import { reasonOf, textOf } from './support/rpc.ts'

function open(...started: Parameters<typeof serveStdio>): Piped {
  const piped = serveStdio(...started)
  onTestFinished(() => piped.end())
  return piped
}

const kinds = [
  { name: 'a session-based server', server: [echoLegacy] },
  { name: 'a stateless server', server: [echoModern] },
]

describe.each(kinds)('in front of $name', ({ server }) => {
  test('a client of each era is served, both on the same pipes, and stdout carries nothing else', async () => {
    const piped = open(server)
    expect((await piped.initialize()).result).toMatchObject({ protocolVersion: '2025-11-25' })
    const answers = await Promise.all([
      piped.call('echo', { text: 'with a session' }),
      piped.call('echo', { text: 'without' }, standalone()),
      piped.request('tools/list'),
      piped.request('server/discover', { _meta: standalone() }),
    ])
    expect(answers.slice(0, 2).map(textOf)).toEqual(['with a session', 'without'])
    expect(answers[0]?.result).not.toHaveProperty('resultType')
    expect(answers[1]?.result).toMatchObject({ resultType: 'complete' })
    expect(answers[2]?.result?.['tools']).not.toHaveLength(0)
    expect(answers[3]?.result).toMatchObject({ supportedVersions: ['2026-07-28'] })
    expect(piped.messages()).toHaveLength(piped.lines.length)
  })

  test.each([
    ['with a session', {}],
    ['without', standalone()],
  ])('calls run in parallel, tell their progress, and end when they are cancelled: %s', async (_name, meta) => {
    const piped = open(server)
    await piped.initialize()
    const hanging = piped.begin('tools/call', { name: 'hang', _meta: meta })
    const slow = piped.begin('tools/call', {
      name: 'slow',
      arguments: { ms: 300, steps: 2 },
      _meta: { ...meta, progressToken: 'p' },
    })
    expect(textOf(await piped.call('echo', { text: 'first' }, meta))).toBe('first')
    await piped.response(slow)
    const progress = piped.messages().filter(({ method }) => method === 'notifications/progress')
    expect(progress.map(({ params }) => params?.['progressToken'])).toEqual(['p', 'p'])

    const stopping = piped.begin('tools/call', { name: 'slow', arguments: { ms: 60_000 }, _meta: meta })
    piped.send({ method: 'notifications/cancelled', params: { requestId: stopping } })
    piped.send({ method: 'notifications/cancelled', params: { requestId: hanging } })
    await eventually('the server to know', async () => {
      const { count } = JSON.parse(textOf(await piped.call('cancelled', {}, meta))) as { count: number }
      return count >= 1
    })
    const ids = piped.messages().map(({ id }) => id)
    expect(ids).not.toContain(stopping)
    expect(ids).not.toContain(hanging)
  })

  test('changes are told to a session, and to a request that listens', async () => {
    const piped = open(server)
    await piped.initialize()
    const listening = piped.begin('subscriptions/listen', {
      _meta: standalone(),
      notifications: { toolsListChanged: true },
    })
    await piped.told('the acknowledgement', ({ method }) => method === 'notifications/subscriptions/acknowledged')
    await piped.call('touch-list')
    await piped.call('touch-list', {}, standalone())
    const isChange = (id: unknown) => (message: { method?: string; params?: Readonly<Record<string, unknown>> }) => {
      const meta = message.params?.['_meta'] as Readonly<Record<string, unknown>> | undefined
      const subscription = meta?.['io.modelcontextprotocol/subscriptionId']
      return message.method === 'notifications/tools/list_changed' && subscription === id
    }
    await piped.told('the change on the session', isChange(undefined))
    await piped.told('the change on the subscription', isChange(listening))
    piped.send({ method: 'notifications/cancelled', params: { requestId: listening } })
    await piped.call('echo', { text: 'x' })
    expect(piped.messages().filter(({ id }) => id === listening)).toEqual([])
  })
})

test('the server asks the client through the pipes, and gets its answer', async () => {
  const piped = open([echoLegacy])
  await piped.initialize({ capabilities: { elicitation: {} } })
  const call = piped.begin('tools/call', { name: 'ask', arguments: { kind: 'elicitation', message: 'Who?' } })
  const question = await piped.told('the question', ({ method }) => method === 'elicitation/create')
  expect(question.params).toMatchObject({ message: 'Who?' })
  piped.send({ id: question.id, result: { action: 'accept', content: { name: 'Ada' } } })
  expect(textOf(await piped.response(call))).toContain('Ada')
})

test('a question within a stateless call comes as a result that asks for input', async () => {
  const piped = open([echoModern])
  const meta = standalone({}, { elicitation: { form: {} } })
  const params = { name: 'ask', arguments: { kind: 'elicitation' }, _meta: meta }
  const first = (await piped.request('tools/call', params)).result
  expect(first).toMatchObject({ resultType: 'input_required' })
  const answers = { answer: { action: 'accept', content: { name: 'Ada' } } }
  const again = { ...params, requestState: first?.['requestState'], inputResponses: answers }
  expect(textOf(await piped.request('tools/call', again))).toContain('Ada')
})

describe('batches', () => {
  const batch = JSON.stringify([
    { jsonrpc: '2.0', id: 'a', method: 'ping' },
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } },
    { jsonrpc: '2.0', id: 'b', method: 'tools/call', params: { name: 'echo', arguments: { text: 'in a batch' } } },
  ])

  test('are answered for the revision that has them', async () => {
    const piped = open([echoLegacy])
    await piped.initialize({ version: '2025-03-26' })
    piped.write(batch)
    expect((await piped.response('a')).result).toEqual({})
    expect(textOf(await piped.response('b'))).toBe('in a batch')
  })

  test('are refused for the others', async () => {
    const piped = open([echoLegacy])
    await piped.initialize()
    piped.write(batch)
    expect(await piped.told('the refusal', ({ error }) => error !== undefined)).toMatchObject({
      id: null,
      error: { code: -32600 },
    })
  })
})

test('a byte order mark before the first line is skipped', async () => {
  const piped = open([echoLegacy])
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } }
  piped.write(`\ufeff${JSON.stringify({ jsonrpc: '2.0', id: 'first', method: 'initialize', params })}`)
  expect(await piped.response('first')).toHaveProperty('result.serverInfo')
})

describe('lines that are no messages', () => {
  test.each([
    ['no JSON', 'GET / HTTP/1.1', -32700, null],
    ['half a message', '{"jsonrpc":"2.0","id":1,', -32700, null],
    ['JSON that is too deep', '['.repeat(100_000), -32700, null],
    ['a number', '7', -32600, null],
    ['an empty batch', '[]', -32600, null],
    ['another version of JSON-RPC', '{"jsonrpc":"1.0","id":5,"method":"ping"}', -32600, 5],
    ['a method that is no text', '{"jsonrpc":"2.0","id":6,"method":7}', -32600, 6],
    ['a key twice', '{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}', -32600, 8],
    ['a request without an id', '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}', -32600, null],
    [
      'a method that would break a header',
      `{"jsonrpc":"2.0","id":9,"method":"a\\r\\nb","params":{"_meta":${JSON.stringify(standalone())}}}`,
      -32601,
      9,
    ],
    ['a request before the handshake', '{"jsonrpc":"2.0","id":10,"method":"tools/list"}', -32600, 10],
    ['a line that is too long', `{"jsonrpc":"2.0","id":11,"method":"${'x'.repeat(3000)}"}`, -32600, null],
  ])('%s is answered as that, and the next message is served', async (_name, line, code, id) => {
    const piped = open([echoLegacy], [], { MCPLEX_LIMITS__MAX_BODY: line.length < 5000 ? '2048' : '1mb' })
    piped.write(line)
    piped.write('')
    expect(await piped.told('the refusal', ({ error }) => error !== undefined)).toMatchObject({ id, error: { code } })
    await piped.initialize()
    expect(textOf(await piped.call('echo', { text: 'well' }))).toBe('well')
  })

  test('answers to no request, and notifications before the handshake, are accepted without an answer', async () => {
    const piped = open([echoLegacy])
    piped.send({ id: 'nothing', result: {} })
    piped.send({ method: 'notifications/initialized' })
    piped.send({ method: 'notifications/cancelled', params: { requestId: 99 } })
    expect((await piped.request('ping')).result).toEqual({})
    expect(piped.lines).toHaveLength(1)
    await eventually('it is ready', () => piped.stderr().includes('"ready"'))
    expect(piped.stderr()).not.toContain('session begins')
  })

  test('the log has the same lines about the server as over HTTP', async () => {
    const piped = open([echoLegacy])
    await eventually('it is ready', () => piped.stderr().includes('"ready"'))
    const line =
      piped
        .stderr()
        .split('\n')
        .find((text) => text.includes('"ready"')) ?? ''
    expect(JSON.parse(line)).toMatchObject({
      transport: 'stdio',
      server: { name: 'echo-legacy', version: '1.0.0', eras: ['legacy'], modes: { legacy: 'session' } },
    })
  })

  test('a second handshake is refused, and the session goes on', async () => {
    const piped = open([echoLegacy])
    await piped.initialize()
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    expect(reasonOf(await piped.request('initialize', params))).toBe('already_initialized')
    expect(textOf(await piped.call('echo', { text: 'on' }))).toBe('on')
  })
})

describe('a client that does not read', () => {
  test(
    'is waited for: what it has asked for does not pile up, and comes when it reads',
    { timeout: 60_000 },
    async () => {
      const piped = open([echoLegacy], ['--log-level', 'warn'])
      await piped.initialize()
      await piped.call('echo', { text: 'x' })
      const before = memoryOf(piped.pid)
      piped.child.stdout?.pause()
      const [count, bytes] = [400, 64 * 1024]
      const ids = [1, 2, 3].map(() =>
        piped.begin('tools/call', {
          name: 'notify',
          arguments: { count, bytes, kind: 'progress' },
          _meta: { progressToken: 'p' },
        }),
      )
      // 75 MiB are on their way. They stay with the server, whose pipe is full, as far as they do not fit in between.
      await settled(() => memoryOf(piped.pid))
      expect(memoryOf(piped.pid) - before).toBeLessThan(60)
      piped.child.stdout?.resume()
      for (const id of ids) expect((await piped.response(id)).result).toBeDefined()
      expect(piped.messages().filter(({ method }) => method === 'notifications/progress')).toHaveLength(3 * count)
    },
  )

  test('and sends on and on is not read from either', { timeout: 60_000 }, async () => {
    const piped = open([echoLegacy], ['--log-level', 'warn'])
    await piped.initialize()
    await piped.call('echo', { text: 'x' })
    const before = memoryOf(piped.pid)
    piped.child.stdout?.pause()
    const text = 'x'.repeat(256 * 1024)
    const ids = Array.from({ length: 200 }, () => piped.begin('tools/call', { name: 'echo', arguments: { text } }))
    await settled(() => memoryOf(piped.pid))
    expect(memoryOf(piped.pid) - before).toBeLessThan(100)
    piped.child.stdout?.resume()
    const answers = await Promise.all(ids.map((id) => piped.response(id)))
    // More than may run at once: the rest has waited in line.
    expect(answers.filter(({ error }) => error !== undefined)).toEqual([])
  })
})

describe('the end', () => {
  test('of stdin lets what was sent be answered, then ends with 0 and leaves no process', async () => {
    const piped = open([echoLegacy])
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    const ids = [
      piped.begin('initialize', params),
      piped.begin('tools/call', { name: 'slow', arguments: { ms: 300 } }),
      piped.begin('tools/list'),
    ]
    piped.hangUp()
    await eventually('its server', () => childrenOf(piped.pid, echoLegacy).length > 0)
    const servers = childrenOf(piped.pid, echoLegacy)
    expect(await piped.exited).toBe(0)
    expect(
      piped
        .messages()
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(ids)
    await until('the servers are gone', () => !servers.some(runs))
  })

  test('of stdin waits for what hangs as long as a drain, and no longer', async () => {
    const piped = open([echoLegacy], [], { MCPLEX_LIMITS__DRAIN: '300ms' })
    await piped.initialize()
    piped.begin('tools/call', { name: 'hang' })
    await piped.call('echo', { text: 'x' })
    const servers = childrenOf(piped.pid, echoLegacy)
    piped.hangUp()
    expect(await piped.exited).toBe(0)
    await until('the servers are gone', () => !servers.some(runs))
  })

  test('of stdin does not wait for a request that only listens', async () => {
    const piped = open([echoModern])
    const id = piped.begin('subscriptions/listen', { _meta: standalone(), notifications: { toolsListChanged: true } })
    await piped.told('the acknowledgement', ({ method }) => method === 'notifications/subscriptions/acknowledged')
    piped.hangUp()
    expect(await piped.exited).toBe(0)
    expect((await piped.response(id)).result).toMatchObject({ resultType: 'complete' })
  })

  test.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)('%s lets a call in flight finish, then ends with %i and leaves no process', async (signal, code) => {
    const piped = open([echoLegacy])
    await piped.initialize()
    await piped.call('echo', { text: 'x' })
    const slow = piped.begin('tools/call', { name: 'slow', arguments: { ms: 500 }, _meta: { progressToken: 1 } })
    const servers = childrenOf(piped.pid, echoLegacy)
    expect(servers.length).toBeGreaterThan(0)
    piped.child.kill(signal)
    expect(textOf(await piped.response(slow))).toContain('500')
    expect(await piped.exited).toBe(code)
    await until('the servers are gone', () => !servers.some(runs))
  })

  test('SIGTERM while the server starts tells the client that waits for it', async () => {
    const piped = open([echoLegacy, '--start-delay=20000'])
    await until('its server', () => childrenOf(piped.pid, echoLegacy).length > 0)
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    const id = piped.begin('initialize', params)
    await new Promise((resolve) => setTimeout(resolve, 300))
    piped.child.kill('SIGTERM')
    expect(reasonOf(await piped.response(id))).toBe('draining')
    expect(await piped.exited).toBe(0)
  })

  test('one SIGTERM ends it soon before a client that reads nothing', { timeout: 60_000 }, async () => {
    const piped = open([echoLegacy])
    await piped.initialize()
    await expectEndUnread(piped)
  })

  test('by kill -9 leaves no process either', async () => {
    const piped = open([echoLegacy])
    await piped.initialize()
    await piped.call('echo', { text: 'x' })
    const servers = childrenOf(piped.pid, echoLegacy)
    expect(servers.length).toBeGreaterThan(0)
    piped.child.kill('SIGKILL')
    await until('the servers are gone', () => !servers.some(runs))
  })

  test('a signal after the end of stdin ends what hangs, at once', async () => {
    const piped = open([echoLegacy])
    await piped.initialize()
    piped.begin('tools/call', { name: 'hang' })
    await piped.call('echo', { text: 'x' })
    const servers = childrenOf(piped.pid, echoLegacy)
    piped.hangUp()
    piped.child.kill('SIGTERM')
    const again = setInterval(() => piped.child.kill('SIGTERM'), 300)
    expect([0, 143]).toContain(await piped.exited)
    clearInterval(again)
    await until('the servers are gone', () => !servers.some(runs))
  })

  test('of the client itself ends it, whatever is in flight', async () => {
    const piped = open([echoLegacy])
    await piped.initialize()
    piped.begin('tools/call', { name: 'hang' })
    await piped.call('echo', { text: 'x' })
    piped.child.stdout?.destroy()
    piped.begin('tools/call', { name: 'echo', arguments: { text: 'to nobody' } })
    expect(await piped.exited).toBe(0)
  })

  test('a server that cannot be started is told to the client that waits, and ends it with 69', async () => {
    const piped = open([echoLegacy, '--start-fail'])
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    expect(reasonOf(await piped.request('initialize', params))).toBe('upstream_unavailable')
    expect(await piped.exited).toBe(69)
    expect(piped.stderr()).toContain('upstream_start')
    expect(piped.stderr()).toContain('refusing to start, as told')
  })
})

test('no port is opened, whatever the environment says of HTTP', async () => {
  const piped = open([echoLegacy], [], { HOST: '0.0.0.0', PORT: '8080' })
  await piped.initialize()
  const fds = readdirSync(`/proc/${piped.pid}/fd`).map((fd) => link(`/proc/${piped.pid}/fd/${fd}`))
  const inodes = fds.flatMap((to) => /^socket:\[(\d+)\]$/.exec(to)?.[1] ?? [])
  const listening = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => row[3] === '0A')
      .map((row) => row[9] ?? ''),
  )
  expect(inodes.filter((inode) => listening.includes(inode))).toEqual([])
})

test('an address for operators is not opened, and the log says so', async () => {
  const piped = open([echoLegacy], ['--admin', '127.0.0.1:0'])
  await piped.initialize()
  expect(piped.stderr()).toMatch(/"admin":"127\.0\.0\.1:0".*"msg":"no address is opened for operators over stdio"/)
})

test('--json is refused, as stdout is taken', async () => {
  const piped = startPiped(['serve', '--transport', 'stdio', '--json', '--', 'node', 'x'])
  expect(await piped.exited).toBe(2)
  expect(piped.stderr()).toContain('usage')
})

function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** Waits until a value no longer grows. */
async function settled(value: () => number): Promise<void> {
  let [last, since] = [value(), Date.now()]
  await eventually('it to settle', () => {
    const now = value()
    if (now > last + 1) [last, since] = [now, Date.now()]
    return Date.now() - since > 1000
  })
}

function link(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
