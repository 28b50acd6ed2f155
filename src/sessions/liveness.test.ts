import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { absence, newLiveness, shouldAsk, streamClosed, streamOpened } from './liveness.ts'

const evictIdleMs = 60_000
const idleTimeoutMs = 1_800_000
const limits = { evictIdleMs: evictIdleMs, idleTimeoutMs }

describe('a client is taken to be gone', () => {
  test('five seconds after it left its stream, unless it was heard of since', () => {
    const client = newLiveness(0)
    streamOpened(client)
    streamClosed(client, 1000, true)
    expect(absence(client, 5999, limits)).toBe('here')
    expect(absence(client, 6000, limits)).toBe('gone')
    client.seenMs = 1001
    expect(absence(client, 6000, limits)).toBe('here')
  })

  test('only after a longer silence if its stream ended in order, or it never had one', () => {
    const client = newLiveness(0)
    streamOpened(client)
    streamClosed(client, 1000, false)
    for (const one of [client, newLiveness(0)]) {
      expect(absence(one, evictIdleMs - 1, limits)).toBe('here')
      expect(absence(one, evictIdleMs, limits)).toBe('gone')
    }
  })

  test('never while it holds a stream and was not asked', () => {
    const times = fc.record({ seen: fc.nat(200_000), now: fc.nat(400_000), streams: fc.integer({ min: 1, max: 3 }) })
    fc.assert(
      fc.property(times, ({ seen, now, streams }) => {
        const client = { ...newLiveness(seen), openStreams: streams }
        expect(absence(client, seen + now, limits)).toBe(now >= evictIdleMs ? 'ask' : 'here')
      }),
    )
  })

  test('with an open stream when it does not answer a ping in time', () => {
    const client = newLiveness(0)
    streamOpened(client)
    client.askedMs = 70_000
    expect(absence(client, 74_999, limits)).toBe('here')
    expect(absence(client, 75_000, limits)).toBe('gone')
    client.seenMs = 71_000
    expect(absence(client, 75_000, limits)).toBe('here')
    expect(absence(client, 131_000, limits)).toBe('ask')
  })

  test('at capacity, once it has only answered pings for longer than the idle time', () => {
    const client = { ...newLiveness(0), openStreams: 1, aliveMs: idleTimeoutMs - 1 }
    expect(absence(client, idleTimeoutMs - 1, limits)).toBe('here')
    expect(absence(client, idleTimeoutMs, limits)).toBe('gone')
  })
})

describe('before its idle end a client is sent a ping', () => {
  test('half a minute before, once, and again only after it has answered', () => {
    const client = { ...newLiveness(0), openStreams: 1 }
    const due = idleTimeoutMs - 30_000
    expect([shouldAsk(client, due - 1, idleTimeoutMs), shouldAsk(client, due, idleTimeoutMs)]).toEqual([false, true])
    const asked = { ...client, askedMs: due }
    expect(shouldAsk(asked, due + 2000, idleTimeoutMs)).toBe(false)
    const answered = { ...asked, aliveMs: due + 100 }
    expect(shouldAsk(answered, due + 2000, idleTimeoutMs)).toBe(false)
    expect(shouldAsk(answered, 2 * due + 100, idleTimeoutMs)).toBe(true)
  })

  test('unless it holds no stream', () => {
    expect(shouldAsk(newLiveness(0), idleTimeoutMs, idleTimeoutMs)).toBe(false)
  })
})
