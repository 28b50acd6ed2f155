/** Cancellation: who can cancel what, who is told, and what a client that merely goes away does not cancel. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { echoModern, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { messagesOf, responseTo, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { callTool, toolResponse } from '../support/stateless.ts'

const countIn = (text: string): number => (JSON.parse(text) as { count: number }).count

describe.each(['session', 'shared'])('clients with sessions, processes by %s', (mode) => {
  let mcplex: Mcplex
  beforeAll(async () => {
    mcplex = await startMcplex({ options: ['--log-level', 'warn', '--mode', mode] })
  })
  afterAll(() => mcplex.end())

  const cancelled = async (session: Session): Promise<number> => countIn(await session.text('cancelled'))
  const inFlight = async (count: number): Promise<void> => {
    await eventually(`${count} calls in flight`, async () => (await counts(mcplex))['calls'] === count)
  }

  test('a cancelled call is cancelled at the server, and no response is sent', async () => {
    const session = await openSession(mcplex.url)
    const before = await cancelled(session)
    const streamed = session.nextId()
    const stream = await session.call('slow', { ms: 60_000, steps: 1200 }, { id: streamed, progressToken: 1 })
    const silent = session.nextId()
    const waits = session.call('slow', { ms: 60_000 }, { id: silent })
    await stream.event('some progress', ({ data }) => data.includes('progress'))
    await inFlight(2)
    for (const requestId of [streamed, silent]) {
      expect((await session.notify('notifications/cancelled', { requestId, reason: 'enough' })).status).toBe(202)
    }
    await eventually('the server was told', async () => (await cancelled(session)) === before + 2)
    expect(await stream.over).toBe('whole')
    await (await waits).whole()
    const isResponse = ({ method }: { method?: string }): boolean => method === undefined
    expect(messagesOf(stream).filter(isResponse)).toEqual([])
    expect(messagesOf(await waits)).toEqual([])
    const again = await session.listen(stream.lastEventId)
    await again.whole()
    expect(messagesOf(again).filter(isResponse), 'not by a resume either').toEqual([])
  })

  test('a client that goes away cancels nothing', async () => {
    const session = await openSession(mcplex.url, { version: '2025-06-18' })
    const before = await cancelled(session)
    const gone = new AbortController()
    const call = session.call('slow', { ms: 1500 }, { signal: gone.signal }).catch(() => 'gone')
    const stream = await session.call('slow', { ms: 1500, steps: 7 }, { progressToken: 1 })
    await stream.event('some progress', ({ data }) => data.includes('progress'))
    await inFlight(2)
    gone.abort()
    stream.cut()
    expect(await call).toBe('gone')
    expect((await counts(mcplex))['calls'], 'they go on').toBe(2)
    await inFlight(0)
    expect(await cancelled(session)).toBe(before)
  })

  test('a session cannot cancel the call of another session, nor one that does not exist', async () => {
    const [one, other] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    const call = one.response('slow', { ms: 600 }, { id: 'guessed', progressToken: 'guessed' })
    await inFlight(1)
    for (const requestId of ['guessed', 1, 2, 3, 4, 5, 'ask-1', null, {}]) {
      expect((await other.notify('notifications/cancelled', { requestId })).status).toBe(202)
    }
    expect((await one.notify('notifications/cancelled', { requestId: 'another' })).status).toBe(202)
    expect((await one.notify('notifications/cancelled')).status).toBe(202)
    expect(textOf(await call)).toBe('done after 600 ms')
  })

  test('calls in flight under one id each get their own answer, whatever order they end in', async () => {
    const sessions = await Promise.all(Array.from({ length: 4 }, () => openSession(mcplex.url)))
    const times = [500, 100, 300, 200, 400]
    const answers = await Promise.all(
      sessions.flatMap((session) =>
        times.map(async (ms) => {
          const answered = await session.call('slow', { ms, steps: 2 }, { id: 1, progressToken: 1 })
          const text = textOf(await responseTo(answered, 1))
          const progress = messagesOf(answered).filter(({ method }) => method === 'notifications/progress')
          return [text, progress.map(({ params }) => [params?.['progressToken'], params?.['progress']])]
        }),
      ),
    )
    const own = [
      [1, 1],
      [1, 2],
    ]
    expect(answers).toEqual(sessions.flatMap(() => times.map((ms) => [`done after ${ms} ms`, own])))
  })

  test('the end of a session cancels its own calls, and no others', async () => {
    const [one, other] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    const before = await cancelled(other)
    const [ended, kept] = [one.call('slow', { ms: 60_000 }), other.response('slow', { ms: 500 })]
    await inFlight(2)
    expect((await one.end()).status).toBe(200)
    await (await ended).whole()
    expect(messagesOf(await ended)).toEqual([])
    expect(textOf(await kept)).toBe('done after 500 ms')
    await eventually('its process was told, or was its own', async () => {
      const now = await cancelled(other)
      return mode === 'shared' ? now === before + 1 : now === before
    })
  })
})

test('a call that is cancelled while it waits for a process leaves the line, and never runs', async () => {
  const mcplex = await startMcplex({ options: ['--mode', 'call', '--pool', '1'] })
  try {
    const session = await openSession(mcplex.url)
    const running = session.response('slow', { ms: 800 })
    await eventually('it runs', async () => (await counts(mcplex))['calls'] === 1)
    const id = session.nextId()
    const waits = session.call('remember', { key: 'ran', value: 'yes' }, { id })
    await eventually('the next one waits', async () => (await counts(mcplex))['waitingCalls'] === 1)
    await session.notify('notifications/cancelled', { requestId: id })
    await (await waits).whole()
    expect(messagesOf(await waits)).toEqual([])
    expect((await counts(mcplex))['waitingCalls']).toBe(0)
    expect(textOf(await running)).toBe('done after 800 ms')
    expect(await session.text('recall', { key: 'ran' })).toBe('')
  } finally {
    await mcplex.end()
  }
})

describe('clients without sessions', () => {
  let mcplex: Mcplex
  beforeAll(async () => {
    mcplex = await startMcplex({ options: ['--log-level', 'warn'], server: [echoModern] })
  })
  afterAll(() => mcplex.end())
  const cancelled = async (): Promise<number> => countIn(textOf(await toolResponse(mcplex.url, 'cancelled')))

  test('closing the connection cancels the call at the server, before and after its stream has begun', async () => {
    const gone = new AbortController()
    const call = callTool(mcplex.url, 'slow', { ms: 60_000 }, { signal: gone.signal }).catch(() => 'gone')
    const other = toolResponse(mcplex.url, 'slow', { ms: 1000 })
    const options = { id: 1, meta: { progressToken: 1 } }
    const stream = await callTool(mcplex.url, 'slow', { ms: 60_000, steps: 1200 }, options)
    await stream.event('some progress', ({ data }) => data.includes('progress'))
    await eventually('all are in flight', async () => (await counts(mcplex))['calls'] === 3)
    gone.abort()
    expect(await call).toBe('gone')
    await eventually('the server was told of one', async () => (await cancelled()) === 1)
    stream.cut()
    await eventually('the server was told of both', async () => (await cancelled()) === 2)
    expect(textOf(await other), 'the call of another client goes on').toBe('done after 1000 ms')
    await eventually('nothing is left', async () => (await counts(mcplex))['clients'] === 0)
  })

  test('calls in flight under one id each get their own answer and their own progress', async () => {
    const times = [500, 100, 300, 200, 400]
    const answers = await Promise.all(
      times.map(async (ms) => {
        const options = { id: 1, meta: { progressToken: 'same' } }
        const answered = await callTool(mcplex.url, 'slow', { ms, steps: 3 }, options)
        const text = textOf(await responseTo(answered, 1))
        return [text, messagesOf(answered).map(({ params }) => params?.['progress'])]
      }),
    )
    expect(answers).toEqual(times.map((ms) => [`done after ${ms} ms`, [1, 2, 3, undefined]]))
  })
})
