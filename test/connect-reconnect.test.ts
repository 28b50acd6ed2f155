/** `mcplex connect` when its server is lost: cut connections, restarts, ends during a call. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { echoLegacy, echoModern, type Mcplex, startMcplex } from './support/mcplex.ts'
import { type Piped, standalone, startPiped } from './support/pipes.ts'
import { openWire, type Wire } from './support/proxy.ts'
import { reasonOf, type RpcMessage, textOf } from './support/rpc.ts'

/** A mcplex that can be ended and started again on its port. */
interface Restartable {
  readonly port: number
  now: Mcplex
  /** Ends it as the signal does, and waits until it is gone. */
  stop(signal: NodeJS.Signals): Promise<void>
  start(): Promise<void>
}

async function restartable(server: readonly string[]): Promise<Restartable> {
  const options = ['--log-level', 'warn', '--stateless', 'principal']
  const first = await startMcplex({ server, options })
  const port = Number(new URL(first.url).port)
  const it: Restartable = {
    port,
    now: first,
    async stop(signal) {
      it.now.signal(signal)
      await it.now.exited
    },
    async start() {
      it.now = await startMcplex({ server, options: [...options, '--port', String(port)] })
    },
  }
  onTestFinished(async () => void (await it.now.end()))
  return it
}

function connect(port: number, options: readonly string[] = []): Piped {
  const piped = startPiped(['connect', ...options, `http://127.0.0.1:${port}/mcp`])
  onTestFinished(() => piped.end())
  return piped
}

async function wireTo(server: readonly string[]): Promise<Wire> {
  const { port } = await restartable(server)
  const wire = await openWire(port)
  onTestFinished(() => wire.end())
  return wire
}

const level = async (piped: Piped): Promise<unknown> =>
  (JSON.parse(textOf(await piped.call('whoami'))) as { level: unknown }).level

const listChanges = (piped: Piped): RpcMessage[] =>
  piped.messages().filter(({ method }) => method === 'notifications/tools/list_changed')

describe('a restart of mcplex', () => {
  test.each([
    ['that is killed', 'SIGKILL'],
    ['that drains', 'SIGTERM'],
  ] as const)('%s in mid-session is survived: the client goes on with what it had', async (_name, signal) => {
    const mcplex = await restartable([echoLegacy])
    const piped = connect(mcplex.port)
    await piped.initialize({ capabilities: { elicitation: {} } })
    await piped.request('logging/setLevel', { level: 'warning' })
    await piped.request('resources/subscribe', { uri: 'echo://calls' })
    expect(await level(piped)).toBe('warning')

    await mcplex.stop(signal)
    const waiting = piped.begin('tools/call', { name: 'echo', arguments: { text: 'while it was away' } })
    await mcplex.start()
    expect(textOf(await piped.response(waiting))).toBe('while it was away')
    expect(await level(piped)).toBe('warning')
    await piped.told('that lists may have changed', ({ method }) => method === 'notifications/tools/list_changed')
    await piped.told('that the resource may have', ({ method, params }) => {
      return method === 'notifications/resources/updated' && params?.['uri'] === 'echo://calls'
    })
    const before = piped.messages().length
    expect(textOf(await piped.call('update', { uri: 'echo://calls' }))).toBe('told 1')
    await piped.told('the update', ({ method }) => method === 'notifications/resources/updated', before)
    const asking = piped.begin('tools/call', { name: 'ask', arguments: { kind: 'elicitation' } })
    const question = await piped.told('the question', ({ method }) => method === 'elicitation/create', before)
    piped.send({ id: question.id, result: { action: 'decline' } })
    expect(textOf(await piped.response(asking))).toContain('decline')
  })

  test.each([
    ['with a session', {}],
    ['without', standalone()],
  ])('in mid-call ends the call with word that it may have run, and never runs it again: %s', async (_name, meta) => {
    const mcplex = await restartable([echoLegacy])
    const piped = connect(mcplex.port)
    await piped.initialize({ capabilities: { elicitation: {} } })
    const params = { name: 'slow', arguments: { ms: 30_000, steps: 300 }, _meta: { ...meta, progressToken: 'p' } }
    const call = piped.begin('tools/call', params)
    await piped.told('the call to run', ({ params: told }) => told?.['progressToken'] === 'p')
    await mcplex.stop('SIGKILL')
    await mcplex.start()
    const answer = await piped.response(call)
    expect(reasonOf(answer)).toBe('connection_lost')
    expect(answer.error?.message).toContain('lost')
    const calls = async (): Promise<number> =>
      (JSON.parse(textOf(await piped.call('whoami', {}, meta))) as { calls: number }).calls
    expect(await calls()).toBe(1)
  })

  test('takes back the questions that the client has not answered', async () => {
    const mcplex = await restartable([echoLegacy])
    const piped = connect(mcplex.port)
    await piped.initialize({ capabilities: { elicitation: {} } })
    const call = piped.begin('tools/call', { name: 'ask', arguments: { kind: 'elicitation' } })
    const question = await piped.told('the question', ({ method }) => method === 'elicitation/create')
    await mcplex.stop('SIGKILL')
    await mcplex.start()
    expect(reasonOf(await piped.response(call))).toBe('connection_lost')
    await piped.told('that it is taken back', ({ method, params }) => {
      return method === 'notifications/cancelled' && params?.['requestId'] === question.id
    })
    piped.send({ id: question.id, result: { action: 'decline' } })
    expect(textOf(await piped.call('echo', { text: 'on' }))).toBe('on')
  })

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'is survived by a request that listens, which is told that all may have changed: %s',
    async (signal) => {
      const mcplex = await restartable([echoModern])
      const piped = connect(mcplex.port)
      const notifications = { toolsListChanged: true, resourceSubscriptions: ['echo://calls'] }
      const id = piped.begin('subscriptions/listen', { _meta: standalone(), notifications })
      await piped.told('the acknowledgement', ({ method }) => method === 'notifications/subscriptions/acknowledged')
      await mcplex.stop(signal)
      await mcplex.start()
      await eventually('word of a change', () => listChanges(piped).length === 1)
      await piped.call('touch-list', {}, standalone())
      await eventually('the next change', () => listChanges(piped).length === 2)
      const stamped = listChanges(piped).map(({ params }) => params?.['_meta'])
      expect(stamped).toEqual([1, 2].map(() => ({ 'io.modelcontextprotocol/subscriptionId': id })))
      const acknowledged = piped.messages().filter(({ method }) => method?.endsWith('/acknowledged') === true)
      expect(acknowledged).toHaveLength(1)
      expect(piped.messages().map((message) => message.id)).not.toContain(id)
    },
  )
})

describe('a wire that is cut', () => {
  test('in mid-call costs a session nothing: progress and answer come, each once', async () => {
    const wire = await wireTo([echoLegacy])
    const piped = connect(wire.port)
    await piped.initialize()
    const params = { name: 'slow', arguments: { ms: 2500, steps: 25 }, _meta: { progressToken: 'p' } }
    const call = piped.begin('tools/call', params)
    for (const step of [3, 9, 15]) {
      await piped.told('progress', ({ params: told }) => told?.['progress'] === step)
      wire.cut()
    }
    expect(textOf(await piped.response(call))).toContain('2500')
    const told = piped
      .messages()
      .flatMap(({ params: one }) => (one?.['progressToken'] === 'p' ? [one['progress']] : []))
    expect(told).toEqual(Array.from({ length: 25 }, (_, at) => at + 1))
    expect(wire.made).toBeGreaterThan(3)
  })

  test('in mid-call ends a call without a session, at the server too', async () => {
    const wire = await wireTo([echoModern])
    const piped = connect(wire.port)
    const meta = standalone({ progressToken: 'p' })
    const call = piped.begin('tools/call', { name: 'slow', arguments: { ms: 60_000, steps: 600 }, _meta: meta })
    await piped.told('the call to run', ({ params }) => params?.['progressToken'] === 'p')
    wire.cut()
    expect(reasonOf(await piped.response(call))).toBe('connection_lost')
    await eventually('the server to know', async () => {
      const { count } = JSON.parse(textOf(await piped.call('cancelled', {}, standalone()))) as { count: number }
      return count === 1
    })
  })

  test('between calls loses no change that the server tells meanwhile', async () => {
    const wire = await wireTo([echoLegacy])
    const piped = connect(wire.port)
    await piped.initialize()
    await piped.call('touch-list')
    await eventually('the first change', () => listChanges(piped).length === 1)
    const call = piped.begin('tools/call', { name: 'slow', arguments: { ms: 500 } })
    wire.cut(true)
    await eventually('it to try again', () => piped.stderr().length > 0)
    wire.mend()
    await piped.response(call)
    await piped.call('touch-list')
    await eventually('the second change', () => listChanges(piped).length === 2)
  })
})

describe('a server that is away', () => {
  test('at the start is waited for', async () => {
    const mcplex = await restartable([echoLegacy])
    await mcplex.stop('SIGTERM')
    const piped = connect(mcplex.port)
    const opening = piped.initialize()
    await eventually('word of it', () => piped.stderr().includes('cannot be reached'))
    await mcplex.start()
    expect((await opening).result).toBeDefined()
    expect(textOf(await piped.call('echo', { text: 'x' }))).toBe('x')
    expect(piped.stderr()).toContain('reached again')
  })

  test('the end of the wait is answered to every waiting request, and the next request reaches the server when it is back', async () => {
    const mcplex = await restartable([echoLegacy])
    await mcplex.stop('SIGTERM')
    const piped = connect(mcplex.port, ['--wait', '300ms'])
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    expect(reasonOf(await piped.request('initialize', params))).toBe('endpoint_unreachable')
    expect(reasonOf(await piped.call('echo', {}, standalone()))).toBe('endpoint_unreachable')
    await mcplex.start()
    await piped.initialize()
    expect(textOf(await piped.call('echo', { text: 'x' }))).toBe('x')
  })

  test('is not told of a request that was cancelled meanwhile', async () => {
    const mcplex = await restartable([echoLegacy])
    const piped = connect(mcplex.port)
    await piped.initialize()
    await piped.call('echo', { text: 'x' })
    await mcplex.stop('SIGKILL')
    const call = piped.begin('tools/call', { name: 'remember', arguments: { key: 'a', value: 'b' } })
    await eventually('word of it', () => piped.stderr().includes('cannot be reached'))
    piped.send({ method: 'notifications/cancelled', params: { requestId: call } })
    await mcplex.start()
    expect(textOf(await piped.call('recall', { key: 'a' }))).not.toContain('b')
    expect(piped.messages().map(({ id }) => id)).not.toContain(call)
  })
})
