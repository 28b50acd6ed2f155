import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clientState, newLiveness, shouldPing, streamClosed, streamOpened } from './liveness.ts'

const evictIdleMs = 60_000
const idleTimeoutMs = 1_800_000
const limits = { evictIdleMs, idleTimeoutMs }

describe('a client counts as dead', () => {
  test('five seconds after it lost its stream, unless it was heard of since', () => {
    const client = newLiveness(0)
    streamOpened(client)
    streamClosed(client, 1000, true)
    expect(clientState(client, 5999, limits)).toBe('alive')
    expect(clientState(client, 6000, limits)).toBe('dead')
    client.seenAtMs = 1001
    expect(clientState(client, 6000, limits)).toBe('alive')
  })

  test('only after a longer silence if its stream ended normally or it never had one', () => {
    const client = newLiveness(0)
    streamOpened(client)
    streamClosed(client, 1000, false)
    for (const one of [client, newLiveness(0)]) {
      expect(clientState(one, evictIdleMs - 1, limits)).toBe('alive')
      expect(clientState(one, evictIdleMs, limits)).toBe('dead')
    }
  })

  test('never while it holds a stream and was not pinged', () => {
    const times = fc.record({ seen: fc.nat(200_000), now: fc.nat(400_000), streams: fc.integer({ min: 1, max: 3 }) })
    fc.assert(
      fc.property(times, ({ seen, now, streams }) => {
        const client = { ...newLiveness(seen), openStreams: streams }
        expect(clientState(client, seen + now, limits)).toBe(now >= evictIdleMs ? 'doubtful' : 'alive')
      }),
    )
  })

  test('with an open stream when it does not answer a ping in time', () => {
    const client = newLiveness(0)
    streamOpened(client)
    client.pingedAtMs = 70_000
    expect(clientState(client, 74_999, limits)).toBe('alive')
    expect(clientState(client, 75_000, limits)).toBe('dead')
    client.seenAtMs = 71_000
    expect(clientState(client, 75_000, limits)).toBe('alive')
    expect(clientState(client, 131_000, limits)).toBe('doubtful')
  })

  test('at capacity, once it has only answered pings for longer than the idle time', () => {
    const client = { ...newLiveness(0), openStreams: 1, aliveAtMs: idleTimeoutMs - 1 }
    expect(clientState(client, idleTimeoutMs - 1, limits)).toBe('alive')
    expect(clientState(client, idleTimeoutMs, limits)).toBe('dead')
  })
})

describe('a client is pinged before its session ends as idle', () => {
  test('half a minute before, once, and again only after it has answered', () => {
    const client = { ...newLiveness(0), openStreams: 1 }
    const due = idleTimeoutMs - 30_000
    expect([shouldPing(client, due - 1, idleTimeoutMs), shouldPing(client, due, idleTimeoutMs)]).toEqual([false, true])
    const pinged = { ...client, pingedAtMs: due }
    expect(shouldPing(pinged, due + 2000, idleTimeoutMs)).toBe(false)
    const answered = { ...pinged, aliveAtMs: due + 100 }
    expect(shouldPing(answered, due + 2000, idleTimeoutMs)).toBe(false)
    expect(shouldPing(answered, 2 * due + 100, idleTimeoutMs)).toBe(true)
  })

  test('unless it holds no stream', () => {
    expect(shouldPing(newLiveness(0), idleTimeoutMs, idleTimeoutMs)).toBe(false)
  })
})
