import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endReason, fromRecord, type Session, sessionKey, toRecord, withStored } from './session.ts'

const ms = fc.nat(1_000_000)
const limits = fc.record({
  idleTimeoutMs: fc.integer({ min: 1, max: 500_000 }),
  maxSessionMs: fc.integer({ min: 1, max: 500_000 }),
  handshakeTimeoutMs: fc.integer({ min: 1, max: 500_000 }),
})
/** Three times in order: created, last seen, now. */
const times = fc.tuple(fc.tuple(ms, ms, ms), fc.boolean(), fc.boolean()).map(([moments, ready, busy]) => {
  const [createdAtMs = 0, seenAtMs = 0, nowMs = 0] = [...moments].sort((a, b) => a - b)
  return { createdAtMs, seenAtMs, nowMs, ready, busy }
})

describe('the end of a session', () => {
  test('is due exactly when one of its time limits is reached', () => {
    fc.assert(
      fc.property(times, limits, (at, bound) => {
        const age = at.nowMs - at.createdAtMs
        const isOld = age >= bound.maxSessionMs
        const isSilent = !at.busy && at.nowMs - at.seenAtMs >= bound.idleTimeoutMs
        const isUnfinished = !at.busy && !at.ready && age >= bound.handshakeTimeoutMs
        const due = endReason(at, bound)
        expect(due !== undefined).toBe(isOld || isSilent || isUnfinished)
        const isTrue = { max_age: isOld, idle: isSilent, no_handshake: isUnfinished }
        expect(due === undefined || isTrue[due]).toBe(true)
      }),
    )
  })

  test('once due stays due as time goes by', () => {
    fc.assert(
      fc.property(times, limits, ms, (at, bound, later) => {
        fc.pre(endReason(at, bound) !== undefined)
        expect(endReason({ ...at, nowMs: at.nowMs + later }, bound)).toBeDefined()
      }),
    )
  })

  test('is delayed by a call in flight, but not beyond the longest life', () => {
    fc.assert(
      fc.property(times, limits, (at, bound) => {
        const due = endReason({ ...at, busy: true }, bound)
        expect(due).toBe(at.nowMs - at.createdAtMs >= bound.maxSessionMs ? 'max_age' : undefined)
      }),
    )
  })
})

const name = fc.oneof(fc.string(), fc.constantFrom('a/b', 'a', 'b', '', '%2F', '/', 'a%2Fb'))
const principal = fc.record({ tenant: name, issuer: name, subject: name })
const id = fc.string({ unit: fc.constantFrom(...'azAZ09-_'.split('')), minLength: 43, maxLength: 43 })

test('the key of a session differs for any other tenant, issuer, subject or id', () => {
  fc.assert(
    fc.property(principal, id, principal, id, (one, its, other, theirs) => {
      const isSame =
        one.tenant === other.tenant && one.issuer === other.issuer && one.subject === other.subject && its === theirs
      expect(sessionKey(one, its) === sessionKey(other, theirs)).toBe(isSame)
    }),
    { numRuns: 1000 },
  )
})

test('the key of a session stays the same when the credentials of its principal are renewed', () => {
  const who = { tenant: 'acme', issuer: 'https://login.example.com', subject: 'ann' }
  const renewed = { ...who, scopes: ['mcp:tools'], expiresAtMs: 2 }
  expect(sessionKey({ ...who, scopes: [], expiresAtMs: 1 }, 'id')).toBe(sessionKey(renewed, 'id'))
})

const anyJson = fc
  .dictionary(fc.string(), fc.jsonValue())
  .map((value) => JSON.parse(JSON.stringify(value)) as Session['client']['capabilities'])
const anySession: fc.Arbitrary<Session> = fc.record({
  id,
  principal,
  client: fc.record({
    era: fc.constant('legacy' as const),
    version: fc.constantFrom('2025-03-26', '2025-11-25'),
    capabilities: anyJson,
    info: fc.option(anyJson, { nil: undefined }),
  }),
  endpoint: fc.constantFrom('', 'github', '__proto__'),
  createdAtMs: ms,
  ready: fc.boolean(),
  logLevel: fc.option(fc.constantFrom('debug', 'emergency'), { nil: undefined }),
  uris: fc.array(fc.string()),
})

test('a session is restored from its record unchanged, even from a store that keeps JSON', () => {
  fc.assert(
    fc.property(anySession, (one) => {
      const stored = JSON.parse(JSON.stringify(toRecord(one))) as ReturnType<typeof toRecord>
      expect(fromRecord(one.principal, one.id, stored)).toEqual(one)
    }),
  )
})

test('a session takes over what another instance has stored, and stays the same object if that is nothing new', () => {
  fc.assert(
    fc.property(anySession, anySession, (one, other) => {
      const changed = { ...one, ready: other.ready, logLevel: other.logLevel, uris: other.uris }
      const { client, ...taken } = withStored(one, toRecord(changed))
      expect({ ...taken, client }).toEqual(changed)
      expect(client).toBe(one.client)
      expect(withStored(one, toRecord(one))).toBe(one)
    }),
  )
})

test('any other record gives no session, and never throws', () => {
  const record = fc.record(
    {
      createdAtMs: fc.jsonValue(),
      version: fc.jsonValue(),
      capabilities: fc.jsonValue(),
      uris: fc.jsonValue(),
      info: fc.jsonValue(),
      endpoint: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(record, (stored) => {
      const session = fromRecord({ tenant: '', subject: '' }, 'id', stored)
      const isOurs = typeof stored.createdAtMs === 'number' && typeof stored.version === 'string'
      expect(session === undefined || isOurs).toBe(true)
      expect(typeof (session?.endpoint ?? '')).toBe('string')
      for (const uri of session?.uris ?? []) expect(typeof uri).toBe('string')
    }),
  )
})
