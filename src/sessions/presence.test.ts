import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { absence, newPresence, streamClosed, streamOpened } from './presence.ts'

const giveWayMs = 60_000

describe('a client is taken to be gone', () => {
  test('five seconds after it left its stream, unless it was heard of since', () => {
    const client = newPresence(0)
    streamOpened(client)
    streamClosed(client, 1000, true)
    expect(absence(client, 5999, giveWayMs)).toBe('here')
    expect(absence(client, 6000, giveWayMs)).toBe('gone')
    client.seenMs = 1001
    expect(absence(client, 6000, giveWayMs)).toBe('here')
  })

  test('only after a longer silence if its stream ended in order, or it never had one', () => {
    const client = newPresence(0)
    streamOpened(client)
    streamClosed(client, 1000, false)
    for (const one of [client, newPresence(0)]) {
      expect(absence(one, giveWayMs - 1, giveWayMs)).toBe('here')
      expect(absence(one, giveWayMs, giveWayMs)).toBe('gone')
    }
  })

  test('never while it holds a stream and was not asked', () => {
    const times = fc.record({ seen: fc.nat(200_000), now: fc.nat(400_000), streams: fc.integer({ min: 1, max: 3 }) })
    fc.assert(
      fc.property(times, ({ seen, now, streams }) => {
        const client = { ...newPresence(seen), openStreams: streams }
        expect(absence(client, seen + now, giveWayMs)).toBe(now >= giveWayMs ? 'ask' : 'here')
      }),
    )
  })

  test('with an open stream when it does not answer a ping in time', () => {
    const client = newPresence(0)
    streamOpened(client)
    client.askedMs = 70_000
    expect(absence(client, 74_999, giveWayMs)).toBe('here')
    expect(absence(client, 75_000, giveWayMs)).toBe('gone')
    client.seenMs = 71_000
    expect(absence(client, 75_000, giveWayMs)).toBe('here')
    expect(absence(client, 131_000, giveWayMs)).toBe('ask')
  })
})
