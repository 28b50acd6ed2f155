import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ClientKey } from '../../protocol/call.ts'
import type { Attribution } from '../worker.ts'
import { addressee, ServedClients, type Situation } from './attribution.ts'

const attributions: readonly Attribution[] = ['session', 'principal', 'several']
const situations: readonly Situation[] = attributions.flatMap((attribution) =>
  (['input-request', 'log'] as const).flatMap((what) =>
    [true, false].flatMap((isStateless) =>
      [true, false].flatMap((hasCall) =>
        [true, false].map((hasOneClient) => ({ attribution, what, isStateless, hasCall, hasOneClient })),
      ),
    ),
  ),
)

describe('a message that names no call', () => {
  test('always goes to the session that owns the worker: to its youngest call, or else to its stream', () => {
    for (const one of situations.filter(({ attribution }) => attribution === 'session')) {
      expect(addressee(one)).toBe(one.hasCall ? 'call' : 'group')
    }
  })

  test('goes to one of several clients only if it has a call and the worker has worked for no other', () => {
    for (const one of situations.filter(({ attribution }) => attribution === 'principal')) {
      expect(addressee(one)).toBe(one.hasCall && one.hasOneClient ? 'call' : undefined)
    }
  })

  test('goes to no client where principals share a worker, except log messages of a stateless server', () => {
    for (const one of situations.filter(({ attribution }) => attribution === 'several')) {
      const mayBe = one.what === 'log' && one.isStateless && one.hasCall && one.hasOneClient
      expect(addressee(one)).toBe(mayBe ? 'call' : undefined)
    }
  })
})

describe('the clients that a worker has worked for', () => {
  const callTotalMs = 1000
  const after = (
    ...calls: ReadonlyArray<readonly [client: ClientKey | undefined, beginMs: number, endMs?: number]>
  ) => {
    const served = new ServedClients(callTotalMs)
    const steps = calls.flatMap(([client, beginMs, endMs]) => [
      { ms: beginMs, run: () => served.begin(client, beginMs) },
      ...(endMs === undefined ? [] : [{ ms: endMs, run: () => served.end(endMs) }]),
    ])
    for (const { run } of steps.toSorted((one, other) => one.ms - other.ms)) run()
    return served.isOne
  }

  test('are none at first', () => expect(after()).toBe(false))
  test('are one, however often it calls, and however many of its calls are in flight', () => {
    expect(after(['a', 0])).toBe(true)
    expect(after(['a', 0, 50], ['a', 60, 90], ['a', 70], ['a', 80])).toBe(true)
  })
  test('are several from the first call of another client on, whether or not other calls still run', () => {
    expect(after(['a', 0, 50], ['b', 10])).toBe(false)
    expect(after(['a', 0, 50], ['b', 60])).toBe(false)
    expect(after(['a', 0, 50], ['b', 60, 70], ['b', 999])).toBe(false)
    expect(after(['a', 0, 50], ['b', 60, 70], ['a', 80])).toBe(false)
  })
  test('are forgotten when there was no call for as long as one may last, and not a moment before', () => {
    expect(after(['a', 0, 50], ['b', 1049])).toBe(false)
    expect(after(['a', 0, 50], ['b', 1050])).toBe(true)
    // It is not enough that the call of the other client ended so long ago.
    expect(after(['a', 0, 50], ['b', 60, 70], ['b', 1060])).toBe(false)
    expect(after(['a', 0, 50], ['b', 40, 5000], ['b', 5500])).toBe(false)
    expect(after(['a', 0, 50], ['b', 40, 5000], ['b', 6000])).toBe(true)
  })
  test('are never forgotten while work for one of them lasts', () => {
    expect(after(['a', 0], ['b', 100_000])).toBe(false)
    expect(after(['a', 0], ['a', 100_000])).toBe(true)
  })
  test('are several if the client of some work is unknown', () => {
    expect(after([undefined, 0, 50], ['a', 60])).toBe(false)
    expect(after(['a', 0, 50], [undefined, 60, 70], ['a', 80])).toBe(false)
    expect(after([undefined, 0, 50], ['a', 1050])).toBe(true)
  })
  test('without a session are as many as their calls', () => {
    expect(after(['call 1', 0, 50], ['call 2', 60])).toBe(false)
  })

  test('are one only if there was no work for another since the last long pause, in any order of work', () => {
    const call = fc.record({ client: fc.constantFrom('a', 'b', undefined), restMs: fc.nat(2000), lastsMs: fc.nat(500) })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 20 }), (calls) => {
        const served = new ServedClients(callTotalMs)
        let [now, since]: [number, Array<string | undefined>] = [0, []]
        for (const [at, { client, restMs, lastsMs }] of calls.entries()) {
          now += restMs
          since = at > 0 && restMs >= callTotalMs ? [client] : [...since, client]
          served.begin(client, now)
          expect(served.isOne).toBe(since.every((one) => one !== undefined && one === client))
          served.end((now += lastsMs))
        }
      }),
    )
  })
})
