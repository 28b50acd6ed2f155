/** Events that a client cannot have: unknown, of another session, or no longer kept. It is told; it never sees a gap. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { messagesOf, reasonOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import type { SseEvent } from '../support/sse.ts'

let mcplex: Mcplex
beforeAll(async () => {
  mcplex = await startMcplex({ options: ['--log-level', 'warn'] })
})
afterAll(() => mcplex.end())

const isChange = ({ data }: SseEvent): boolean => data.includes('tools/list_changed')

describe('what cannot be resumed', () => {
  test.each(['nonsense', 'l.x', '0~.epoch.-1', '0~Mg.epoch.1e3', '../../l.a.1', 'l.a.99999999999999999999'])(
    'the event id %s is refused and the session lives on',
    async (lastEventId) => {
      const session = await openSession(mcplex.url)
      const answered = await session.listen(lastEventId)
      await answered.whole()
      expect(answered.status).toBe(400)
      expect(messagesOf(answered)[0]?.error).toMatchObject({ code: -32602, data: { reason: 'unknown_event_id' } })
      expect(await session.text('echo', { text: 'alive' })).toBe('alive')
    },
  )

  test('an event id of another session shows nothing of it', async () => {
    const [mine, other] = [await openSession(mcplex.url), await openSession(mcplex.url)]
    const answered = await other.call('notify', { count: 5, bytes: 20 }, { progressToken: 'secret-token' })
    const listening = await other.listen()
    await other.text('touch-list')
    await listening.event('the change', isChange)
    await answered.whole()
    for (const { id } of [...answered.events, ...listening.events]) {
      const stolen = await mine.listen(id)
      await eventually('an answer', () => stolen.text !== '')
      expect(stolen.text).not.toContain('secret-token')
      expect(stolen.text).not.toContain('list_changed')
      expect(messagesOf(stolen).every((message) => message.result === undefined)).toBe(true)
      stolen.cut()
      await stolen.over
    }
    expect(listening.isOver, 'the other session keeps its stream').toBe(false)
    await other.text('touch-list')
    await eventually('the second change', () => listening.events.filter(isChange).length === 2)
  })
})

describe('the loss of events', () => {
  let small: Mcplex
  beforeAll(async () => {
    const env = { MCPLEX_SESSIONS__EVENTS_PER_STREAM: '10', MCPLEX_SESSIONS__RETENTION: '300ms' }
    small = await startMcplex({ options: ['--log-level', 'warn'], env })
  })
  afterAll(() => small.end())

  test('is told as the end of the call when its events were dropped', async () => {
    const session = await openSession(small.url)
    const id = session.nextId()
    const first = await session.call('slow', { ms: 4000, steps: 80 }, { id, progressToken: 1 })
    const primed = await first.event('the priming event', ({ data }) => data === '')
    first.cut()
    const answer = await eventually('the loss to be told', async () => {
      const again = await session.listen(primed.id)
      await again.event('anything', () => true)
      const [message] = messagesOf(again)
      again.cut()
      return message?.error && message
    })
    expect(answer).toMatchObject({ id, error: { code: -32603, data: { reason: 'events_expired' } } })
    expect((await counts(small))['calls'], 'its time was not over').toBe(1)
  })

  test('is told as the end of the call when its time is over', async () => {
    const session = await openSession(small.url)
    const id = session.nextId()
    const answered = await session.call('notify', { count: 3 }, { id, progressToken: 1 })
    await answered.whole()
    const answer = await eventually('the loss to be told', async () => {
      const again = await session.listen(answered.events[0]?.id)
      await again.whole()
      const [message] = messagesOf(again)
      return message?.error && message
    })
    expect(answer.id).toBe(id)
    expect(reasonOf(answer)).toBe('events_expired')
  })

  test('is told once on the stream of a session, which then goes on', async () => {
    const session = await openSession(mcplex.url)
    const uris = Array.from({ length: 50 }, (_, at) => `echo://values/${at}`)
    for (const uri of uris) await session.request('resources/subscribe', { uri })
    const listening = await session.listen()
    await session.text('update', { uri: uris[0] })
    const first = await listening.event('the first change', ({ data }) => data.includes('updated'))
    listening.cut()
    await listening.over
    for (let round = 0; round < 6; round++) await Promise.all(uris.map((uri) => session.text('update', { uri })))
    const again = await session.listen(first.id)
    await again.event('the last change that is kept', ({ data }) => data.includes(`"${uris.at(-1)}"`))
    expect(again.events.filter(({ data }) => data.includes('events_expired'))).toHaveLength(1)
    await session.text('touch-list')
    await again.event('a change after the loss', isChange)
    again.cut()
    await again.over
    const plain = await eventually('a stream', async () => {
      const opened = await session.listen()
      return opened.status === 200 && opened
    })
    await session.text('touch-list')
    await plain.event('a change on a plain stream', isChange)
    expect(plain.text).not.toContain('events_expired')
  })
})
