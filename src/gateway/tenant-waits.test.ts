/** How many of a tenant wait, in the line for places and in those of pools together. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callOf, createPoolFixture, type PoolFixture, settled } from '../../test/support/pool-fixture.ts'
import { type Admission, createAdmission } from '../admission/admission.ts'
import { Cancel } from '../base/cancel.ts'
import { manualClock } from '../base/clock.ts'
import { asRefusal } from '../base/refusal.ts'
import { byTenant } from '../protocol/fairness.ts'
import { TenantUse } from '../tenants/tenant-use.ts'

const caps = { maxConnections: 100, maxCalls: 100, maxWorkers: 0, maxWaiting: 0, limitsOf: '', weight: 1 }

interface Lines {
  readonly use: TenantUse
  readonly admission: Admission
  readonly pool: PoolFixture
}

/** A place and a worker, both taken. */
async function takenLines(): Promise<Lines> {
  const clock = manualClock()
  const use = new TenantUse({ bound: { ...caps, maxWaiting: 3 }, free: caps })
  const fairness = byTenant(() => 1, use.waits)
  const limits = { maxConnections: 1, queue: 100, queueWaitMs: 10_000 }
  const admission = createAdmission(limits, clock, () => {}, fairness)
  const pool = createPoolFixture('session', 1, 0, fairness, undefined, clock)
  admission.take()
  const first = callOf('first')
  await pool.pool.wait(pool.groups.of(first), first)
  return { use, admission, pool }
}

/** A call or client that waits; its cancel ends the wait. */
function wait(
  { admission, pool }: Lines,
  line: string,
  tenant: string,
): { cancel: Cancel; code: () => string | undefined } {
  const call = callOf(`of ${tenant}`, tenant)
  const { cancel } = call
  let code: string | undefined
  const waits =
    line === 'place' ? admission.wait([tenant, 'c'], cancel).lease : pool.pool.wait(pool.groups.of(call), call)
  waits.catch((error: unknown) => (code = asRefusal(error)?.code))
  return { cancel, code: () => code }
}

test('no more of a tenant wait than may, in whichever lines, and those of another tenant are not refused', async () => {
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        line: fc.constantFrom('place', 'worker'),
        tenant: fc.constantFrom('bound', 'free'),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), at: fc.nat(8) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const lines = await takenLines()
      let waiting: Array<{ readonly tenant: string; readonly cancel: Cancel }> = []
      for (const one of steps) {
        if (one.do === 'cancel') {
          const [gone] = waiting.splice(one.at, 1)
          gone?.cancel.cancel('gone')
        } else {
          const before = waiting.filter(({ tenant }) => tenant === 'bound').length
          const { cancel, code } = wait(lines, one.line, one.tenant)
          await settled()
          const isRefused = one.tenant === 'bound' && before === 3
          assert.equal(code(), isRefused ? 'tenant_at_capacity' : undefined)
          if (!isRefused) waiting = [...waiting, { tenant: one.tenant, cancel }]
        }
        assert.equal(lines.admission.waiting + lines.pool.pool.waiting, waiting.length)
        for (const tenant of ['bound', 'free']) {
          const counted = lines.use.view().find((use) => use.tenant === tenant)?.waiting ?? 0
          assert.equal(counted, waiting.filter((other) => other.tenant === tenant).length)
        }
      }
      lines.admission.close()
      lines.pool.pool.close()
      await settled()
      assert.deepEqual(lines.use.view(), [])
    }),
    { numRuns: 60 },
  )
})

test('a client that may not wait is told so, of which bound, and leaves nothing in line', async () => {
  const lines = await takenLines()
  for (const line of ['place', 'worker', 'worker']) wait(lines, line, 'bound')
  const refused = lines.admission.wait(['bound', 'x'], new Cancel()).lease
  await expect(refused).rejects.toMatchObject({
    code: 'tenant_at_capacity',
    details: { data: { scope: 'waiting', limit: 3 } },
  })
  expect([lines.admission.waiting, lines.pool.pool.waiting]).toEqual([1, 2])
})
