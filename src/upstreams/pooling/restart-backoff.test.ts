import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RestartBackoff } from './restart-backoff.ts'

const minute = 60_000
/** Times of failures, in order. */
const failures = fc.array(fc.nat(20_000), { minLength: 1, maxLength: 12 }).map((gaps) => {
  let at = 0
  return gaps.map((gap) => (at += gap))
})

const restartsAfter = (moments: readonly number[]): RestartBackoff => {
  const restarts = new RestartBackoff()
  for (const at of moments) restarts.failed(at, 'ended')
  return restarts
}

test('without a failure there is no pause', () => {
  fc.assert(
    fc.property(fc.nat(), (now) => {
      expect(new RestartBackoff().pauseMs(now)).toBe(0)
      expect(new RestartBackoff().refusesAtOnce(now)).toBe(false)
    }),
  )
})

test('after each failure there is a pause, which is never longer than 30 s and ends with time', () => {
  fc.assert(
    fc.property(failures, fc.nat(2 * minute), fc.nat(2 * minute), (moments, one, more) => {
      const restarts = restartsAfter(moments)
      const last = moments.at(-1) ?? 0
      expect(restarts.pauseMs(last)).toBeGreaterThanOrEqual(500)
      expect(restarts.pauseMs(last)).toBeLessThanOrEqual(30_000)
      expect(restarts.pauseMs(last + one + more)).toBeLessThanOrEqual(restarts.pauseMs(last + one))
      expect(restarts.pauseMs(last + 30_000)).toBe(0)
    }),
  )
})

test('the pause doubles with each failure in a row', () => {
  const restarts = new RestartBackoff()
  const pauses = Array.from({ length: 4 }, (_, at) => {
    restarts.failed(at, 'ended')
    return restarts.pauseMs(at)
  })
  expect(pauses).toEqual([500, 1000, 2000, 4000])
})

test('five failures within a minute refuse calls at once, for 30 s; four do not', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(minute - 1), { minLength: 5, maxLength: 9 }), (offsets) => {
      const moments = [...offsets].sort((a, b) => a - b)
      const last = moments.at(-1) ?? 0
      expect(restartsAfter(moments).refusesAtOnce(last)).toBe(true)
      expect(restartsAfter(moments).refusesAtOnce(last + 30_000)).toBe(false)
      expect(restartsAfter(moments.slice(-4)).refusesAtOnce(last)).toBe(false)
    }),
  )
})

test('calls are refused only while there is a pause', () => {
  fc.assert(
    fc.property(failures, fc.nat(2 * minute), (moments, later) => {
      const restarts = restartsAfter(moments)
      const now = (moments.at(-1) ?? 0) + later
      expect(restarts.refusesAtOnce(now) && restarts.pauseMs(now) === 0).toBe(false)
    }),
  )
})

test('a failure is forgotten after a minute: the next one is the first again', () => {
  fc.assert(
    fc.property(failures, fc.nat(minute), (moments, later) => {
      const restarts = restartsAfter(moments)
      const next = (moments.at(-1) ?? 0) + minute + later
      restarts.failed(next, 'ended')
      expect(restarts.pauseMs(next)).toBe(500)
    }),
  )
})

test('after a failed start calls are refused until the next one may be tried; after the end of a worker they wait', () => {
  fc.assert(
    fc.property(fc.constantFrom('start' as const, 'not_run' as const), fc.nat(3), (failure, before) => {
      const restarts = restartsAfter(Array.from({ length: before }, (_, at) => at))
      expect(restarts.refusesAtOnce(before)).toBe(false)
      restarts.failed(before, failure)
      const pauseMs = restarts.pauseMs(before)
      expect([restarts.refusesAtOnce(before), restarts.refusesAtOnce(before + pauseMs - 1)]).toEqual([true, true])
      expect(restarts.refusesAtOnce(before + pauseMs)).toBe(false)
      restarts.failed(before + pauseMs, 'ended')
      expect(restarts.refusesAtOnce(before + pauseMs)).toBe(before === 3)
    }),
  )
})
