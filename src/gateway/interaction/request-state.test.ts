import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import type { JsonObject } from '../../protocol/json-text.ts'
import { createRequestStateCodec, type OpenedState } from './request-state.ts'

const minute = 60_000
const refused = expect.objectContaining({ code: 'invalid_params' })
const anonymous = { tenant: '', subject: '' }

const name = fc.oneof(fc.string(), fc.constantFrom('a', 'b', ''))
interface Request {
  readonly what: OpenedState
  readonly principal: typeof anonymous
  readonly method: string
  readonly params: JsonObject
}
const request: fc.Arbitrary<Request> = fc.record({
  what: fc.oneof(
    fc.record({
      kind: fc.constant('server' as const),
      state: fc.string(),
      worker: fc.option(fc.string(), { nil: undefined }),
    }),
    fc.record({ kind: fc.constant('suspended' as const), callId: fc.string(), round: fc.nat() }),
    fc.record({ kind: fc.constant('again' as const), client: fc.string() }),
  ),
  principal: fc.record({ tenant: name, subject: name }),
  method: fc.constantFrom('tools/call', 'prompts/get', 'resources/read'),
  params: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
})

const clock = manualClock(0)
const waitMs = 10 * minute
const codec = createRequestStateCodec(clock, waitMs)
const close = ({ what, principal, method, params }: Request): string => codec.close(what, principal, method, params)
const server = (state: string): OpenedState => ({ kind: 'server', state, worker: 'instance.7' })
const open = (sealed: string, { principal, method, params }: Request): OpenedState =>
  codec.open(sealed, principal, method, params)

describe('a sealed state', () => {
  test('opens for the request that it was sealed for, in the next round of it', () => {
    const round = fc.record(
      { inputResponses: fc.jsonValue(), _meta: fc.jsonValue(), requestState: fc.string() },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(request, round, (one, further) => {
        const sealed = close(one)
        // Clients write members in any order, and the next round has members that the first had not.
        const params = { ...(further as JsonObject), ...Object.fromEntries(Object.entries(one.params).toReversed()) }
        expect(open(sealed, { ...one, params })).toEqual(one.what)
      }),
    )
  })

  test('opens for no other tenant, subject, method or arguments', () => {
    fc.assert(
      fc.property(request, request, (one, other) => {
        const sealed = close(one)
        const { principal, method } = other
        const isSame = JSON.stringify(principal) === JSON.stringify(one.principal)
        fc.pre(!isSame && method !== one.method)
        expect(() => open(sealed, { ...one, principal })).toThrow(refused)
        expect(() => open(sealed, { ...one, method })).toThrow(refused)
        expect(() => open(sealed, { ...one, params: { ...one.params, 'one more': 1 } })).toThrow(refused)
      }),
    )
    const call: Request = {
      what: server('s'),
      principal: anonymous,
      method: 'tools/call',
      params: { arguments: { a: [1, 2] } },
    }
    for (const changed of [{}, { a: [2, 1] }, { a: ['1', '2'] }, { a: [1, 2], b: null }]) {
      expect(() => open(close(call), { ...call, params: { arguments: changed } })).toThrow(refused)
    }
  })

  test('does not open once a bit of it was changed, or some of it is missing', () => {
    fc.assert(
      fc.property(request, fc.nat(), fc.nat(7), (one, at, bit) => {
        const bytes = Buffer.from(close(one), 'base64url')
        const index = at % bytes.length
        const changed = Buffer.from(bytes)
        changed[index] = (changed[index] ?? 0) ^ (1 << bit)
        expect(() => open(changed.toString('base64url'), one)).toThrow(refused)
        expect(() => open(bytes.subarray(0, index).toString('base64url'), one)).toThrow(refused)
        expect(() => open(bytes.subarray(index + 1).toString('base64url'), one)).toThrow(refused)
      }),
    )
  })

  test('that mcplex did not seal does not open', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64url')),
        ),
        request,
        (sealed, one) => {
          expect(() => open(sealed, one)).toThrow(refused)
        },
      ),
    )
    expect(() =>
      createRequestStateCodec(clock, waitMs).open(
        close({ what: server(''), principal: anonymous, method: 'm', params: {} }),
        anonymous,
        'm',
        {},
      ),
    ).toThrow(refused)
  })

  test('does not show its content, and differs each time it is sealed', () => {
    const secret = { what: server('plain secret'), principal: anonymous, method: 'tools/call', params: {} }
    const [one, other] = [close(secret), close(secret)]
    expect(one).not.toBe(other)
    expect(Buffer.from(one, 'base64url').toString('latin1')).not.toContain('plain secret')
  })

  test('opens for a day, also after the key was replaced', () => {
    const time = manualClock(0)
    const here = createRequestStateCodec(time, waitMs)
    const opens = (sealed: string): OpenedState => here.open(sealed, anonymous, 'tools/call', {})
    time.advance(1439 * minute)
    const late = here.close(server('late'), anonymous, 'tools/call', {})
    time.advance(minute)
    const later = here.close(server('later'), anonymous, 'tools/call', {})
    expect(opens(later)).toEqual(server('later'))
    time.advance(1439 * minute - 1)
    expect(opens(late)).toEqual(server('late'))
    time.advance(1)
    expect(() => opens(late)).toThrow(refused)
    expect(opens(later)).toEqual(server('later'))
  })

  test('of a suspended call opens for as long as the call is suspended, and then reports that the call is gone', () => {
    const time = manualClock(0)
    const here = createRequestStateCodec(time, waitMs)
    const state: OpenedState = { kind: 'suspended', callId: 'c', round: 1 }
    const sealed = here.close(state, anonymous, 'tools/call', {})
    time.advance(waitMs - 1)
    expect(here.open(sealed, anonymous, 'tools/call', {})).toEqual(state)
    time.advance(1)
    const lost = expect.objectContaining({ code: 'suspended_call_gone' })
    expect(() => here.open(sealed, anonymous, 'tools/call', {})).toThrow(lost)
    // A forged state, or one for another request, is refused without that information.
    expect(() => here.open(sealed, anonymous, 'prompts/get', {})).toThrow(refused)
    expect(() => here.open(sealed, { ...anonymous, tenant: 'other' }, 'tools/call', {})).toThrow(refused)
    expect(() => here.open(`${sealed.slice(0, -4)}AAAA`, anonymous, 'tools/call', {})).toThrow(refused)
  })

  test('opens only in the exact form in which it was given, with no characters before, after or within it', () => {
    const sealed = close({ what: server('s'), principal: anonymous, method: 'tools/call', params: {} })
    const middle = sealed.length >> 1
    const junk = ['=', '==', ' ', '\n', '\0', '!', '.', 'é', '%3D']
    const changed = junk.flatMap((one) => [
      `${one}${sealed}`,
      `${sealed}${one}`,
      `${sealed.slice(0, middle)}${one}${sealed.slice(middle)}`,
    ])
    changed.push(Buffer.from(sealed, 'base64url').toString('base64'))
    const same = changed.filter(
      (one) => one !== sealed && Buffer.from(one, 'base64url').toString('base64url') === sealed,
    )
    expect(same.length, 'a lenient decoder would take them').toBeGreaterThan(10)
    for (const one of changed.filter((text) => text !== sealed)) {
      expect(() => codec.open(one, anonymous, 'tools/call', {}), one).toThrow(refused)
    }
    expect(codec.open(sealed, anonymous, 'tools/call', {})).toEqual(server('s'))
  })
})
