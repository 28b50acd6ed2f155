import { describe, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import type { LogFields } from '../base/log.ts'
import { asRefusal, type Refusal } from '../base/refusal.ts'
import { tenantOptions, type TenantSettings } from './options.ts'
import { periodAt, QuotaTable } from './quota-table.ts'
import { type Operation, RateLimits } from './rate-limits.ts'

const nothing = Object.fromEntries(
  Object.entries(tenantOptions).map(([key, option]) => [key, option.default]),
) as unknown as TenantSettings

const call = (own = 'search', upstream = 'github'): Operation => ({
  method: 'tools/call',
  upstreams: [upstream],
  own,
  names: () => [`${upstream}__${own}`],
})
const list: Operation = { method: 'tools/list', upstreams: [], own: undefined, names: () => [] }

function limitsOf(tenants: Readonly<Record<string, Partial<TenantSettings>>>, wall = Date.UTC(2026, 0, 31, 23)) {
  const clock = manualClock()
  const logged: LogFields[] = []
  const log = (fields: LogFields): void => void logged.push(fields)
  const given = (of: typeof tenants): Record<string, TenantSettings> =>
    Object.fromEntries(Object.entries(of).map(([name, own]) => [name, { ...nothing, ...own }]))
  const startMs = clock.now()
  const limits = new RateLimits(given(tenants), {
    clock,
    log: { trace: log, debug: log, info: log, warn: log, error: log } as never,
    wallMs: () => wall + clock.now() - startMs,
  })
  /** The refusal of the operations, or undefined. */
  const charge = (tenant: string, operations: readonly Operation[] = [call()], subject = 'u'): Refusal | undefined => {
    try {
      limits.charge({ tenant, subject }, operations)
      return undefined
    } catch (error) {
      return asRefusal(error)
    }
  }
  const allowed = (tenant: string, times: number, operations?: readonly Operation[], subject?: string): number =>
    Array.from({ length: times }, () => charge(tenant, operations, subject)).filter((one) => one === undefined).length
  return { clock, limits, logged, charge, allowed, replace: (of: typeof tenants) => limits.replace(given(of)) }
}

test('without limits nothing is looked up, and a tenant without one is never refused', () => {
  expect(limitsOf({ a: {} }).limits.isActive).toBe(false)
  const { limits, allowed } = limitsOf({ a: { rate: '1/s' }, b: {} })
  expect([limits.isActive, allowed('b', 50), allowed('stranger', 50)]).toEqual([true, 50, 50])
})

test('tenants that share limits take from one rate and one quota, and their own have no effect', () => {
  const shares = { limitsOf: 'group', rate: '1000/s' }
  const group = { rate: '60/min, burst 5', subjectRate: '60/min, burst 2' }
  const { limits, charge, allowed } = limitsOf({ a: shares, b: shares, group, own: group })
  expect([allowed('a', 5, [call()], 'ann'), allowed('a', 5, [call()], 'bo'), allowed('b', 5)]).toEqual([2, 2, 1])
  expect(charge('b', [call()], 'new')).toMatchObject({ code: 'rate_limited', details: { data: { scope: 'tenant' } } })
  expect(allowed('own', 5)).toBe(2)
  expect(limits.view().map(({ tenant }) => tenant)).toEqual(['group', 'group', 'own', 'own'])
})

test('a tenant has its rate, and is told exactly when the next call is possible', () => {
  const { clock, charge, allowed } = limitsOf({ a: { rate: '60/min, burst 5' }, b: { rate: '60/min', burst: 3 } })
  expect([allowed('a', 10), allowed('b', 10)]).toEqual([5, 3])
  const refusal = charge('a')
  expect(refusal).toMatchObject({ code: 'rate_limited', retryAfterMs: 1000 })
  expect(refusal?.message).toBe('Rate limit of tenant a reached: 60/min, burst 5. The next call is possible in 1 s.')
  expect(refusal?.details.headers).toEqual({
    'RateLimit-Policy': '"tenant";q=60;w=60',
    RateLimit: '"tenant";r=0;t=1',
  })
  clock.advance(999)
  expect(charge('a')).toMatchObject({ retryAfterMs: 1 })
  clock.advance(1)
  expect(charge('a')).toBeUndefined()
})

test('limits of tenant, subject, tool and upstream take all or nothing', () => {
  const { limits, allowed, charge } = limitsOf({
    a: {
      rate: '100/min',
      subjectRate: '4/min',
      toolRates: ['github__search=2/min'],
      upstreamRates: ['files=1/min'],
    },
  })
  expect(allowed('a', 9)).toBe(2)
  expect(charge('a')?.details.data).toEqual({ scope: 'tool', limit: '2/min, burst 2' })
  expect(allowed('a', 9, [call('read', 'files')])).toBe(1)
  // Three tokens of the subject are gone: what was refused by a tool has cost nothing else.
  expect(allowed('a', 9, [list])).toBe(1)
  expect(charge('a', [list])?.details.data).toMatchObject({ scope: 'subject' })
  expect(allowed('a', 9, [list], 'other')).toBe(4)
  const left = Object.fromEntries(limits.view().map(({ scope, left: tokens }) => [scope, tokens]))
  expect(left).toEqual({ tenant: 92, subject: undefined, tool: 0, upstream: 0 })
})

test('operations cost what the file says, and a batch as much as its messages', () => {
  const { allowed, charge } = limitsOf({
    a: { rate: '10/min', costs: ['github__search=5', 'tools/list=0', 'tools/call=2'] },
  })
  expect(allowed('a', 50, [list])).toBe(50)
  expect(allowed('a', 1, [call(), call('get')])).toBe(1)
  expect(allowed('a', 5, [call('get')])).toBe(1)
  expect(charge('a', [call('get')])).toMatchObject({ retryAfterMs: 6000 })
  // More than the whole burst counts as that.
  expect(limitsOf({ a: { rate: '2/min', costs: ['tools/call=9'] } }).allowed('a', 3)).toBe(1)
})

describe('a batch', () => {
  const batchOf = (size: number): readonly Operation[] => Array.from({ length: size }, () => call())

  test.each<[string, Partial<TenantSettings>, string]>([
    ['tenant', { rate: '10/h' }, 'Rate limit of tenant a: 10/h, burst 10, which is at most 10 at once'],
    ['subject', { subjectRate: '600/min, burst 20' }, 'Rate limit of each user: 600/min, burst 20'],
    ['tool', { toolRates: ['github__search=3/h'] }, 'Rate limit of the tools github__search: 3/h'],
    ['upstream', { upstreamRates: ['github=3/h'] }, 'Rate limit of the server github: 3/h'],
    ['quota', { quota: ['20/day'] }, 'Quota of tenant a: 20/day'],
  ])('that costs more than a limit of the %s ever has is refused, and takes nothing', (_, settings, words) => {
    const { charge, allowed, limits } = limitsOf({ a: settings })
    const refusal = charge('a', batchOf(60))
    expect(refusal?.code).toBe('rate_limited')
    expect(refusal?.message).toContain('This batch of 60 requests costs 60. ')
    expect(refusal?.message).toContain(words)
    expect(refusal?.message).toContain('Split the batch.')
    expect(limits.view()).toMatchObject([{ allowed: 0, refused: 1 }])
    expect(allowed('a', 1, batchOf(3))).toBe(1)
  })

  test('is told when one of its parts is possible', () => {
    const { charge } = limitsOf({ default: { rate: '6/min, burst 10' } })
    expect(charge('a', batchOf(11))?.retryAfterMs).toBe(1000)
    charge('a', batchOf(10))
    expect(charge('a', batchOf(11))).toMatchObject({
      retryAfterMs: 10_000,
      message: expect.stringContaining('Rate limit of tenant a: 6/min, burst 10'),
    })
  })

  test('pays for each operation that costs more than the burst as for a whole one', () => {
    const { allowed, charge } = limitsOf({ a: { rate: '4/h', costs: ['tools/list=9'] } })
    expect(charge('a', [list, list])?.message).toContain('This batch of 2 requests costs 8.')
    expect([allowed('a', 9, [list]), allowed('a', 1)]).toEqual([1, 0])
  })

  test('of a limit that is tried out is counted, and not refused', () => {
    const { allowed, limits } = limitsOf({ a: { rate: '2/h', dryRun: true } })
    expect(allowed('a', 1, batchOf(3))).toBe(1)
    expect(limits.view()).toMatchObject([{ allowed: 0, wouldRefuse: 1, left: 2 }])
  })
})

test('no name of a method or tool gets the charge that another one has', () => {
  const costly = (method: string, upstreams: readonly string[], own: string | undefined): Operation => ({
    method,
    upstreams,
    own,
    names: () => [],
  })
  const { allowed } = limitsOf({ a: { rate: '2/h', costs: ['tools/call=0'] } })
  // Joined by spaces, both are the same text.
  expect(allowed('a', 9, [costly('tools/call', ['x y'], 'z')])).toBe(9)
  expect(allowed('a', 9, [costly('tools/call x', ['y'], 'z')])).toBe(2)
})

test('a quota comes back if the clock was set far ahead, and not if it was a little', () => {
  let wall = Date.UTC(2036, 5, 15)
  const table = new QuotaTable({ points: 1, period: 'day' }, 10, () => wall)
  table.take('a', 0, 1)
  wall = Date.UTC(2036, 5, 14, 23)
  expect(table.waitMs('a', 0, 1)).toBe(25 * 3_600_000)
  wall = Date.UTC(2026, 5, 15)
  expect(table.waitMs('a', 0, 1)).toBe(0)
  table.take('a', 0, 1)
  expect(table.waitMs('a', 0, 1)).toBe(24 * 3_600_000)
})

test('tenants without a name have what default has, each for itself, and any name is only a key', () => {
  const { allowed } = limitsOf({ default: { rate: '2/min' }, a: {} })
  expect(['x', 'y', '__proto__', 'a', 'x'].map((tenant) => allowed(tenant, 5))).toEqual([2, 2, 2, 5, 0])
})

test('a quota is for a day or month of UTC', () => {
  const { clock, allowed, charge } = limitsOf({ a: { quota: ['3/day', '4/month'] } })
  expect(allowed('a', 9)).toBe(3)
  expect(charge('a')).toMatchObject({ retryAfterMs: 3_600_000 })
  expect(charge('a')?.message).toContain('Quota of tenant a reached: 3/day. The next call is possible in 1 h.')
  clock.advance(3_600_000)
  // The month has ended with the day.
  expect(allowed('a', 9)).toBe(3)
  clock.advance(24 * 3_600_000)
  expect(allowed('a', 9)).toBe(1)
  expect(periodAt(Date.UTC(2026, 11, 31, 23, 59), 'month').endMs).toBe(Date.UTC(2027, 0, 1))
})

describe('a limit that is tried out', () => {
  test('refuses nothing, counts what it would refuse, and logs that seldom', () => {
    const { clock, limits, logged, allowed } = limitsOf({ a: { rate: '60/min, burst 2', dryRun: true } })
    expect(allowed('a', 100)).toBe(100)
    expect(limits.view()).toMatchObject([{ tenant: 'a', dryRun: true, allowed: 2, refused: 0, wouldRefuse: 98 }])
    expect(logged).toEqual([{ tenant: 'a', scope: 'tenant', limit: '60/min, burst 2', count: 1 }])
    clock.advance(10_000)
    allowed('a', 100)
    expect(logged).toHaveLength(2)
  })
})

test('a reload keeps what is left of a limit that is the same', () => {
  const { allowed, replace } = limitsOf({ a: { rate: '60/min', subjectRate: '50/min' } })
  allowed('a', 55)
  replace({ a: { rate: '60/min', subjectRate: '100/min' } })
  expect(allowed('a', 100)).toBe(10)
  replace({})
  expect(allowed('a', 100)).toBe(100)
})

test('a name of megabytes counts, but is neither compared nor remembered', () => {
  const { allowed } = limitsOf({ a: { rate: '3/h', toolRates: ['*=1/h'] } })
  const huge: Operation = {
    ...call('x'.repeat(4 * 1024 ** 2)),
    names: () => {
      throw new Error('it was compared')
    },
  }
  expect(allowed('a', 9, [huge])).toBe(3)
})
