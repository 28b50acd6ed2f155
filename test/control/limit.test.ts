/** So many calls at once to a server, or to several that share a limit; others wait in turns that are fair between sessions. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createGateway } from '../../src/index.ts'
import { allReady } from '../support/all-ready.ts'
import { eventually } from '../support/eventually.ts'
import { type InProcess, startUpstreams } from '../support/in-process.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const module = join(import.meta.dirname, '..', 'fixtures', 'modules', 'echo-v2.mjs')
const echo = { command: process.execPath, args: [echoLegacy], mode: 'shared', spares: 0 } as const

/** Looks at the calls that workers run until all is over. */
async function peakUntil(over: Promise<unknown>, { counts }: Pick<InProcess, 'counts'>): Promise<number> {
  let peak = 0
  let isOver = false
  const end = (): void => void (isOver = true)
  void over.then(end, end)
  while (!isOver) {
    peak = Math.max(peak, (await counts())['workerCalls'] ?? 0)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return peak
}

test('two servers that share a limit have so many calls at once together', async () => {
  const one = await startUpstreams({
    own: { ...echo, concurrency: 2, limit: 'api' },
    mod: { module, concurrency: 9, limit: 'api' },
    free: echo,
  })
  await allReady(one.url)
  const sessions = await Promise.all([openSession(one.url), openSession(one.url)])
  const calls = Promise.all(
    sessions.flatMap((session) =>
      ['own', 'mod', 'own', 'mod', 'own'].map((name) => session.response(`${name}__slow`, { ms: 40 })),
    ),
  )
  const peak = await peakUntil(calls, one)
  expect((await calls).map(textOf)).toEqual(Array.from({ length: 10 }, () => 'done after 40 ms'))
  expect(peak).toBeGreaterThan(0)
  expect(peak).toBeLessThanOrEqual(2)
  // The third has no limit.
  const free = Promise.all(Array.from({ length: 6 }, () => sessions[0]?.response('free__slow', { ms: 3000 })))
  await eventually('all of them run', async () => (await one.counts())['workerCalls'] === 6)
  // A call that has to wait says so in the log, with the time.
  const waits: Array<number | undefined> = []
  one.gateway.events.on('callEnded', ({ queueMs }) => waits.push(queueMs))
  await Promise.all(Array.from({ length: 3 }, () => sessions[1]?.response('own__slow', { ms: 100 })))
  await eventually('a call has waited', () => waits.some((ms) => (ms ?? 0) >= 50))
  await free
})

test('a session with a hundred times the calls of another one hardly delays it', async () => {
  const { url } = await startUpstreams({ own: { ...echo, concurrency: 10 } }, { limits: { callsPerSession: 200 } })
  const [quiet, busy] = [await openSession(url), await openSession(url)]
  const usual = async (): Promise<number> => {
    const times: number[] = []
    for (let call = 0; call < 7; call++) {
      const sinceMs = performance.now()
      await quiet.response('slow', { ms: 200 })
      times.push(performance.now() - sinceMs)
    }
    return times.sort((a, b) => a - b)[3] ?? 0
  }
  const alone = await usual()
  let isOver = false
  const load = Array.from({ length: 100 }, async () => {
    while (!isOver) expect((await busy.response('slow', { ms: 200 })).result).toBeDefined()
  })
  const beside = await usual()
  isOver = true
  await Promise.all(load)
  // Without turns it waits for the calls ahead of it, two seconds; without a kept one for the end of a call.
  expect(beside).toBeLessThan(alone * 2)
})

test('a call that waits for a worker is told its place, as one that waits for its turn is', async () => {
  const { url, counts } = await startUpstreams({ own: { ...echo, pool: 1, callsPerProcess: 1 } })
  await allReady(url)
  const [first, second] = [await openSession(url), await openSession(url)]
  const slow = first.response('slow', { ms: 7000 })
  await eventually('it runs', async () => (await counts())['workerCalls'] === 1)
  const answered = await second.call('echo', { text: 'served' }, { id: 9, progressToken: 'p' })
  expect(textOf(await responseTo(answered, 9))).toBe('served')
  expect(answered.text).toContain('"progressToken":"p","progress":-1,"message":"The call waits for its turn: place 1')
  await slow
})

test('a call that waits for its user keeps no turn, and goes on when it is answered', async () => {
  const { url, counts } = await startUpstreams({ own: { ...echo, mode: 'session', concurrency: 1 } })
  const [asked, other] = [await openSession(url, { capabilities: { elicitation: {} } }), await openSession(url)]
  const id = asked.nextId()
  const call = await asked.call('ask', { kind: 'elicitation' }, { id })
  const event = await call.event('the question', ({ data }) => data.includes('elicitation/create'))
  const question = JSON.parse(event.data) as RpcMessage
  expect(await other.text('echo', { text: 'meanwhile' })).toBe('meanwhile')
  const long = other.response('slow', { ms: 3000 })
  await eventually('it has the turn', async () => (await counts())['workerCalls'] === 2)
  await asked.post({ id: question.id, result: { action: 'decline' } })
  await eventually('the response waits for the turn', async () => (await counts())['queuedCalls'] === 1)
  expect(textOf(await responseTo(call, id))).toBe('{"action":"decline"}')
  expect(textOf(await long)).toBe('done after 3000 ms')
})

test('a server that a reload removes answers the calls that wait for a limit which it shares', async () => {
  const shared = { ...echo, concurrency: 1, limit: 'api' }
  const { url, gateway, counts } = await startUpstreams({ stays: shared, goes: shared })
  await allReady(url)
  const [one, two] = [await openSession(url), await openSession(url)]
  const long = one.response('stays__slow', { ms: 2500 })
  await eventually('it has the turn', async () => (await counts())['workerCalls'] === 1)
  const waits = two.response('goes__echo', { text: 'answered' })
  await eventually('the call to wait', async () => (await counts())['queuedCalls'] === 1)
  await gateway.reload({ upstreams: { stays: shared } })
  expect(textOf(await waits)).toBe('answered')
  expect((await long).result).toBeDefined()
})

test('what cannot have its turn in time is refused at once; a changed limit is in force without a new process', async () => {
  const limits = { queueWaitMs: 1000 }
  const upstream = { ...echo, concurrency: 1 }
  const { url, gateway } = await startUpstreams({ own: upstream, two: echo }, { limits })
  const session = await openSession(`${url}/own`)
  const { pid } = await session.whoami()
  for (let call = 0; call < 9; call++) await session.response('slow', { ms: 300 })
  const calls = Array.from({ length: 12 }, () => session.response('slow', { ms: 300 }))
  const sinceMs = performance.now()
  const first = await Promise.race(calls)
  expect(reasonOf(first)).toBe('overloaded')
  expect(first.error?.data).toMatchObject({ retryAfterMs: expect.any(Number) })
  expect(performance.now() - sinceMs).toBeLessThan(5000)
  const report = await gateway.reload({ upstreams: { own: { ...upstream, concurrency: 100 }, two: echo }, limits })
  expect(report).toMatchObject({ changed: [], kept: ['own', 'two'] })
  const all = Promise.all(Array.from({ length: 6 }, () => session.response('slow', { ms: 300 })))
  expect((await all).every(({ result }) => result !== undefined)).toBe(true)
  expect((await session.whoami()).pid).toBe(pid)
  await Promise.allSettled(calls)
})

test('a limit adapts, is shared, and is fixed or lifted by a reload', async () => {
  const adapts = { ...echo, adaptiveMax: 50, limit: 'api' }
  const { url, gateway } = await startUpstreams({ own: adapts, two: { ...echo, concurrency: 20, limit: 'api' } })
  await allReady(url)
  const session = await openSession(url)
  const all = Promise.all(Array.from({ length: 60 }, () => session.response('two__slow', { ms: 5 })))
  expect((await all).every(({ result }) => result !== undefined)).toBe(true)
  const { concurrency } = gateway.operations('two')?.state() ?? {}
  expect(concurrency).toMatchObject({ isAdaptive: true })
  expect(concurrency?.limit).toBeLessThanOrEqual(20)
  await gateway.reload({ upstreams: { own: { ...echo, concurrency: 7 }, two: echo } })
  expect(gateway.operations('own')?.state().concurrency).toEqual({ limit: 7, isAdaptive: false, running: 0 })
  expect(gateway.operations('two')?.state().concurrency).toBeUndefined()
})

test('a limit that adapts between bounds in the wrong order is refused', () => {
  expect(() => createGateway({ upstreams: { own: { ...echo, adaptiveMax: 5, adaptiveMin: 6 } } })).toThrow(
    'is more than adaptiveConcurrency.max, which is 5',
  )
})

test('a limit without a number is refused: it would limit nothing', () => {
  expect(() => createGateway({ upstreams: { own: { ...echo, limit: 'api' } } })).toThrow(
    'limits nothing: no server with this limit has a concurrency',
  )
})
