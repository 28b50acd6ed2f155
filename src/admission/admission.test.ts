import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import { manualClock } from '../base/clock.ts'
import type { Lease } from '../base/lease.ts'
import { asRefusal } from '../base/refusal.ts'
import { byTenant } from '../protocol/fairness.ts'
import { createAdmission } from './admission.ts'

const settings = { maxConnections: 2, queue: 3, queueWaitMs: 1000, callsPerSession: 64 }

type Step =
  | { readonly do: 'take' }
  | { readonly do: 'wait'; readonly client: string }
  | { readonly do: 'release'; readonly at: number }
  | { readonly do: 'cancel'; readonly at: number }
  | { readonly do: 'pass'; readonly ms: number }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('wait' as const), client: fc.constantFrom('a', 'b', 'c') }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), at: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), at: fc.nat(10) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 400, 1000) }) },
  ),
  { maxLength: 50 },
)

interface Waiting {
  readonly cancel: Cancel
  readonly untilMs: number
  lease: Lease | undefined
  refused: string | undefined
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('places and the queue stay within their bounds, and every wait ends exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const clock = manualClock(0)
      const admission = createAdmission(settings, clock)
      const held: Lease[] = []
      const waiting: Waiting[] = []
      for (const step of sequence) {
        if (step.do === 'take') {
          const isFree = admission.held < settings.maxConnections && admission.waiting === 0
          const lease = admission.take()
          assert.equal(lease !== undefined, isFree)
          if (lease) held.push(lease)
        } else if (step.do === 'wait') {
          const one: Waiting = {
            cancel: new Cancel(),
            untilMs: clock.now() + settings.queueWaitMs,
            lease: undefined,
            refused: undefined,
          }
          waiting.push(one)
          const isFull = admission.waiting >= settings.queue
          admission.wait(['t', step.client], one.cancel).lease.then(
            (lease) => void held.push((one.lease = lease)),
            (error: unknown) => (one.refused = asRefusal(error)?.code ?? String(error)),
          )
          await settled()
          if (isFull) assert.equal(one.refused, 'overloaded')
        } else if (step.do === 'release') {
          const [lease] = held.splice(step.at, 1)
          lease?.release()
          lease?.release()
        } else if (step.do === 'cancel') waiting[step.at]?.cancel.cancel('gone')
        else clock.advance(step.ms)
        await settled()
        assert.equal(admission.held, held.length)
        assert(admission.held <= settings.maxConnections && admission.waiting <= settings.queue)
        const pending = waiting.filter(({ lease, refused }) => lease === undefined && refused === undefined)
        assert.equal(admission.waiting, pending.length)
        // No client waits while a place is free, beyond the deadline, or after being cancelled.
        if (pending.length > 0) assert.equal(admission.held, settings.maxConnections)
        for (const { untilMs, cancel } of pending) assert(untilMs > clock.now() && !cancel.cancelled)
        for (const { refused } of waiting)
          assert(refused === undefined || ['overloaded', 'cancelled'].includes(refused))
      }
    }),
    { numRuns: 200 },
  )
})

describe('a client that disconnects', () => {
  const full = async (): Promise<ReturnType<typeof createAdmission>> => {
    const admission = createAdmission({ ...settings, maxConnections: 1 }, manualClock(0))
    await admission.wait(['t', 'a'], new Cancel()).lease
    return admission
  }

  test('while it waits is refused at once and leaves the queue', async () => {
    const admission = await full()
    const cancel = new Cancel()
    const waits = admission.wait(['t', 'b'], cancel).lease
    expect(admission.waiting).toBe(1)
    cancel.cancel('gone')
    await expect(waits).rejects.toMatchObject({ code: 'cancelled' })
    expect(admission.waiting).toBe(0)
  })

  test('before it waits is refused in the same way and never enters the queue', async () => {
    const admission = await full()
    const cancel = new Cancel()
    cancel.cancel('gone')
    await expect(admission.wait(['t', 'b'], cancel).lease).rejects.toMatchObject({ code: 'cancelled' })
    expect(admission.waiting).toBe(0)
  })
})

test('free places go to the clients in turn, so many waits of one client delay the others by one place', async () => {
  const admission = createAdmission({ ...settings, maxConnections: 1, queue: 100 }, manualClock(0))
  let held = await admission.wait(['t', 'first'], new Cancel()).lease
  const order: string[] = []
  const all = [...Array.from({ length: 10 }, () => 'crowd'), 'b', 'c'].map((client) =>
    admission.wait(['t', client], new Cancel()).lease.then((lease) => {
      order.push(client)
      held = lease
    }),
  )
  for (let i = 0; i < all.length; i++) {
    held.release()
    await settled()
  }
  await Promise.all(all)
  expect(order.slice(0, 3)).toEqual(['crowd', 'b', 'c'])
  expect(order).toHaveLength(12)
})

test('after close all waiting clients are refused, and so is every later wait', async () => {
  const admission = createAdmission({ ...settings, maxConnections: 1 }, manualClock(0))
  const held = await admission.wait(['t', 'first'], new Cancel()).lease
  const waiting = admission.wait(['t', 'second'], new Cancel()).lease
  admission.close()
  await expect(waiting).rejects.toMatchObject({ code: 'draining' })
  await expect(admission.wait(['t', 'third'], new Cancel()).lease).rejects.toMatchObject({ code: 'draining' })
  held.release()
  expect([admission.held, admission.waiting]).toEqual([0, 0])
})

test('places that become free are shared by the weights of tenants, however many clients each has', async () => {
  const weights: Readonly<Record<string, number>> = { big: 3, small: 1 }
  const admission = createAdmission(
    { ...settings, maxConnections: 1, queue: 100 },
    manualClock(0),
    () => {},
    byTenant((tenant) => weights[tenant] ?? 1),
  )
  const served: string[] = []
  let lease = await admission.wait(['big', 'first'], new Cancel()).lease
  const next = (tenant: string, client: string): Promise<void> =>
    admission.wait([tenant, client], new Cancel()).lease.then((free) => {
      served.push(tenant)
      lease = free
    })
  const waits = Array.from({ length: 24 }, (_, at) => [next('small', `s${at}`), next('big', 'b')]).flat()
  for (let turn = 0; turn < 16; turn++) {
    const before = served.length
    lease.release()
    while (served.length === before) await Promise.resolve()
  }
  expect(served.filter((tenant) => tenant === 'big')).toHaveLength(12)
  admission.close()
  await Promise.allSettled(waits)
})
