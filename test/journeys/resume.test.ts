/** Streams that are cut and resumed: nothing is lost and nothing comes twice. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/http.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { randomFrom } from '../support/random.ts'
import { messagesOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import type { SseEvent } from '../support/sse.ts'

let mcplex: Mcplex
beforeAll(async () => {
  mcplex = await startMcplex({ options: ['--log-level', 'warn'] })
})
afterAll(() => mcplex.end())

const offsetOf = (event: SseEvent): number => Number(event.id?.split('.').at(-1))
const streamOf = (event: SseEvent): string | undefined => event.id?.split('.').slice(0, -1).join('.')
const messageOf = (event: SseEvent): RpcMessage => JSON.parse(event.data) as RpcMessage
const isChange = ({ data }: SseEvent): boolean => data.includes('tools/list_changed')

/** Reads the answer of a call to its end through so many cuts; gives all events and how often it came back. */
async function readThroughCuts(
  session: Session,
  first: Answered,
  cuts: number,
  cutAfter: () => number,
): Promise<{ events: SseEvent[]; resumes: number }> {
  const events: SseEvent[] = []
  let [answered, lastEventId, resumes] = [first, first.lastEventId, 0]
  for (;;) {
    const how = await answered.over
    events.push(...answered.events)
    lastEventId = answered.lastEventId ?? lastEventId
    if (how === 'whole') return { events, resumes }
    resumes++
    answered = await session.listen(lastEventId, resumes < cuts ? { cutAfter: cutAfter() } : {})
    expect(answered.status).toBe(200)
  }
}

/** Several calls at once in one session, each cut about five times: what a train does to a chatty client. */
async function trial(seed: number): Promise<number> {
  const random = randomFrom(seed)
  const session = await openSession(mcplex.url)
  const between = (from: number, to: number): number => from + Math.floor(random() * (to - from))
  const oneCall = async (): Promise<number> => {
    const steps = between(10, 30)
    const isSlow = random() < 0.6
    const [tool, args] = isSlow
      ? ['slow', { ms: steps * 8, steps }]
      : ['notify', { count: steps, bytes: between(0, 300) }]
    const id = session.nextId()
    // Never before the first event has come: without it there is nothing to come back with.
    const first = await session.call(tool, args, { id, progressToken: `token-${id}`, cutAfter: between(60, 1500) })
    const { events, resumes } = await readThroughCuts(session, first, 6, () => between(1, 1500))
    const numbered = events.filter((event) => event.data !== '')
    const messages = numbered.map(messageOf)
    expect(numbered.map(offsetOf), `seed ${seed}: contiguous`).toEqual(numbered.map((_, at) => at + 1))
    expect(new Set(events.map(streamOf)).size, `seed ${seed}: one stream`).toBe(1)
    expect(messages.slice(0, -1).map(({ params }) => [params?.['progressToken'], params?.['progress']])).toEqual(
      Array.from({ length: steps }, (_, at) => [`token-${id}`, at + 1]),
    )
    const [result] = messages.slice(-1)
    expect(result?.id, `seed ${seed}: the result comes last`).toBe(id)
    expect(textOf(result ?? {})).toBe(isSlow ? `done after ${steps * 8} ms` : `sent ${steps}`)
    return resumes
  }
  const resumes = await Promise.all(Array.from({ length: 3 }, oneCall))
  await session.end()
  return resumes.reduce((sum, count) => sum + count, 0)
}

describe('the stream of a call', () => {
  test('40 trials of random cuts: every event comes exactly once, in order, and the result once', async () => {
    const seeds = Array.from({ length: 40 }, (_, at) => at + 1)
    let resumes = 0
    for (let at = 0; at < seeds.length; at += 8) {
      const counts = await Promise.all(seeds.slice(at, at + 8).map(trial))
      for (const count of counts) resumes += count
    }
    expect(resumes, 'the trials have really cut').toBeGreaterThan(40 * 3)
  })

  test('a client that goes away for the whole call finds the result when it comes back', async () => {
    const session = await openSession(mcplex.url)
    const id = session.nextId()
    const first = await session.call('slow', { ms: 200, steps: 4 }, { id, progressToken: 1 })
    const primed = await first.event('the priming event', ({ data }) => data === '')
    first.cut()
    expect(await session.text('cancelled'), 'a disconnect is no cancel').toContain('"count":0')
    const again = await session.listen(primed.id)
    expect(textOf(await responseTo(again, id))).toBe('done after 200 ms')
    await again.whole()
    expect(messagesOf(again)).toHaveLength(5)
  })

  test('a resume after the result ends at once, without an event', async () => {
    const session = await openSession(mcplex.url)
    const answered = await session.call('notify', { count: 5 }, { progressToken: 1 })
    await answered.whole()
    const again = await session.listen(answered.lastEventId)
    await again.whole()
    expect(again.events).toEqual([])
    const replay = await session.listen(answered.events[2]?.id)
    await replay.whole()
    expect(replay.events).toEqual(answered.events.slice(3))
  })

  test('a resume takes over a socket that is still half open', async () => {
    const session = await openSession(mcplex.url)
    const id = session.nextId()
    const old = await session.call('slow', { ms: 1500, steps: 15 }, { id, progressToken: 1 })
    await old.event('some progress', ({ data }) => data.includes('progress'))
    const resumed = await session.listen(old.lastEventId)
    await old.whole()
    expect(textOf(await responseTo(resumed, id))).toBe('done after 1500 ms')
    const seen = [...old.events, ...resumed.events].filter(({ data }) => data !== '')
    expect(seen.map(offsetOf)).toEqual(Array.from({ length: 16 }, (_, at) => at + 1))
  })

  test.each(['2025-03-26', '2025-06-18'])('a client of %s gets no event without data', async (version) => {
    const session = await openSession(mcplex.url, { version })
    const answered = await session.call('slow', { ms: 100, steps: 2 }, { progressToken: 1 })
    await answered.whole()
    expect(answered.events.map(({ data }) => data === '')).toEqual([false, false, false])
    expect(answered.events.every(({ id }) => id !== undefined)).toBe(true)
    const listening = await session.listen()
    await session.text('touch-list')
    await listening.event('the change', isChange)
    expect(listening.events).toHaveLength(1)
  })

  test('a client of 2025-11-25 gets an event to come back with before anything else', async () => {
    const session = await openSession(mcplex.url)
    const answered = await session.call('slow', { ms: 100 }, { progressToken: 1 })
    await answered.whole()
    expect(answered.events[0]).toMatchObject({ data: '', event: undefined })
    expect(answered.events[0]?.id).toBeTruthy()
    const replay = await session.listen(answered.events[0]?.id)
    await replay.whole()
    expect(replay.events).toEqual(answered.events.slice(1))
  })
})

describe('the stream of a session', () => {
  test('through random cuts every change comes exactly once, in order', async () => {
    const random = randomFrom(7)
    const session = await openSession(mcplex.url, { version: '2025-11-25' })
    const uris = Array.from({ length: 60 }, (_, at) => `echo://values/${at}`)
    for (const uri of uris) await session.request('resources/subscribe', { uri })
    const events: SseEvent[] = []
    let listening = await session.listen()
    for (const uri of uris) {
      expect(await session.text('update', { uri })).toBe('told 1')
      if (random() > 0.2) continue
      if (random() < 0.5) await listening.event(uri, ({ data }) => data.includes(`"${uri}"`))
      listening.cut()
      await listening.over
      events.push(...listening.events)
      listening = await session.listen(events.at(-1)?.id)
      expect(listening.status).toBe(200)
    }
    await listening.event('the last change', ({ data }) => data.includes(`"${uris.at(-1)}"`))
    events.push(...listening.events)
    const told = events.filter(({ data }) => data !== '').map((event) => messageOf(event).params?.['uri'])
    expect(told).toEqual(uris)
  })

  test('what happened before it was opened is not lost by a cut after its first event', async () => {
    const session = await openSession(mcplex.url)
    await session.text('touch-list')
    const listening = await session.listen()
    const primed = await listening.event('the first event', () => true)
    expect(primed.data).toBe('')
    listening.cut()
    const again = await session.listen(primed.id)
    await again.event('the change of before', isChange)
  })

  test('it ends with its session, without another word', async () => {
    const session = await openSession(mcplex.url)
    const listening = await session.listen()
    await session.text('touch-list')
    await listening.event('the change', isChange)
    await session.end()
    expect(await listening.over).toBe('whole')
    expect(listening.events.filter(({ data }) => data !== '')).toHaveLength(1)
    expect((await session.listen(listening.lastEventId)).status).toBe(404)
  })

  test('several may be open: each message goes to the newest, and to an older one when that breaks', async () => {
    const session = await openSession(mcplex.url)
    const first = await session.listen()
    await session.text('touch-list')
    await first.event('the first change', isChange)
    const second = await session.listen()
    await session.text('touch-list')
    await second.event('the second change', isChange)
    const changes = (stream: Answered): number => stream.events.filter(isChange).length
    expect([changes(first), changes(second)]).toEqual([1, 1])
    second.cut()
    await eventually('the older one has the turn', async () => {
      await session.text('touch-list')
      return changes(first) > 1
    })
    expect(first.isOver).toBe(false)
  })

  test('a fifth ends the oldest, and no other', async () => {
    const session = await openSession(mcplex.url)
    const streams = [await session.listen(), await session.listen(), await session.listen(), await session.listen()]
    const fifth = await session.listen()
    expect(await streams[0]?.over).toBe('whole')
    await session.text('touch-list')
    await fifth.event('the change', isChange)
    expect(streams.map(({ isOver }) => isOver)).toEqual([true, false, false, false])
    expect(streams.flatMap(({ events }) => events.filter(isChange))).toEqual([])
  })

  test('each is resumed with what it was sent and lost, and with nothing that another one was sent', async () => {
    const session = await openSession(mcplex.url)
    const first = await session.listen()
    const seenByFirst = await eventually('its first id', () => first.lastEventId)
    await session.text('touch-list')
    await first.event('the first change', isChange)
    const second = await session.listen()
    await session.text('touch-list')
    const told = await second.event('the second change', isChange)
    // The first is resumed as if it had seen nothing, while its dead connection still looks open.
    const again = await session.listen(seenByFirst)
    const repeated = await again.event('the first change, again', isChange)
    expect(repeated.id).not.toBe(told.id)
    await session.text('touch-list')
    await eventually('the third change', () => again.events.filter(isChange).length === 2)
    const ids = [...again.events, ...second.events].filter(isChange).map(({ id }) => id)
    expect(new Set(ids).size).toBe(3)
    expect([first.isOver, second.isOver]).toEqual([false, false])
  })
})
