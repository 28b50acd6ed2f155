import { expect, test } from 'vitest'
import { type Admission, createAdmission } from '../admission/admission.ts'
import { Cancel } from '../base/cancel.ts'
import { type ManualClock, manualClock } from '../base/clock.ts'
import type { Lease } from '../base/lease.ts'
import { Refusal } from '../base/refusal.ts'
import type { Call, Outcome, Reply } from '../protocol/call.ts'
import { rawObject } from '../protocol/json-text.ts'
import { waitingCall } from '../../test/support/waiting-call.ts'
import { createPendingPlace, type PendingPlace, upstreamBehind } from './placed-call.ts'

const outcome: Outcome = {
  era: 'modern',
  answer: { kind: 'error', error: rawObject({ code: 1, message: 'x' }) },
  worker: undefined,
}

interface Line {
  readonly clock: ManualClock
  readonly admission: Admission
  /** The only place, which another client has. */
  readonly held: Lease
  /** The connection of the call. */
  readonly closed: Cancel
  readonly cancel: Cancel
  readonly pending: PendingPlace
  readonly reply: Reply
  /** The calls that have reached the upstream. */
  readonly ran: readonly Call[]
}

/** A call that waits for the only place, behind `others` clients. A place takes two seconds. */
async function line(others = 0, given = (): void => {}): Promise<Line> {
  const clock = manualClock()
  const admission = createAdmission({ maxConnections: 1, queue: 100, queueWaitMs: 60_000 }, clock)
  let held = await admission.wait(['t', 'a'], new Cancel()).lease
  for (let at = 0; at < 10; at++) {
    const next = admission.wait(['t', 'a'], new Cancel()).lease
    clock.advance(2000)
    held.release()
    held = await next
  }
  for (let at = 0; at < others; at++) void admission.wait(['t', 'a'], new Cancel()).lease
  const [closed, cancel, ran]: [Cancel, Cancel, Call[]] = [new Cancel(), new Cancel(), []]
  const pending = createPendingPlace(closed, (ended) => admission.wait(['t', 'a'], ended), given)
  const upstream = {
    async *call(call: Call): Reply {
      ran.push(call)
      yield* []
      return outcome
    },
  }
  const reply = upstreamBehind(pending, upstream, clock).call(waitingCall('t', 'a', { progressToken: '"p"', cancel }))
  return { clock, admission, held, closed, cancel, pending, reply, ran }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a call in line for a place tells its client where it stands and for how long, and runs once it has the place', async () => {
  const { clock, admission, held, pending, reply, ran } = await line(2)
  const told = reply.next()
  clock.advance(5000)
  expect(admission.oldestWaitMs).toBe(5000)
  const message = 'The call waits for its turn: place 3 in line, about 6 s from now.'
  expect(await told).toMatchObject({ value: { method: 'notifications/progress', params: { value: { message } } } })
  const rest = reply.next()
  held.release()
  await settled()
  expect([admission.held, admission.waiting, ran.length]).toEqual([1, 2, 0])
  pending.release()
  await expect(rest).rejects.toMatchObject({ code: 'cancelled' })
  expect([admission.waiting, ran.length]).toEqual([1, 0])
})

test('its place is given back once, and what it was told counts for what it is told in the next line', async () => {
  const { clock, admission, held, pending, reply, ran } = await line()
  const told = reply.next()
  clock.advance(5000)
  await told
  const rest = reply.next()
  held.release()
  expect(await rest).toEqual({ done: true, value: outcome })
  expect(ran).toMatchObject([{ waitNotices: 1 }])
  expect([admission.held, admission.waiting]).toEqual([1, 0])
  pending.release()
  pending.release()
  await settled()
  expect(admission.held).toBe(0)
})

test.each(['closed', 'cancel'] as const)(
  'a call leaves the line when %s fires, and its place goes to nobody',
  async (how) => {
    const one = await line()
    const end = one.reply.next()
    one[how].cancel('gone')
    await expect(end).rejects.toMatchObject({ code: 'cancelled' })
    expect([one.admission.held, one.admission.waiting, one.ran.length]).toEqual([1, 0, 0])
  },
)

test('a place that comes too late for the call is given back', async () => {
  const { admission, held, reply, ran } = await line(0, () => {
    throw new Refusal('draining')
  })
  const end = reply.next()
  held.release()
  await expect(end).rejects.toMatchObject({ code: 'draining' })
  expect([admission.held, ran.length]).toEqual([0, 0])
})

test('a call whose client has gone before its first step leaves nothing in line', async () => {
  const { admission, held, pending } = await line()
  pending.release()
  expect(admission.waiting).toBe(0)
  held.release()
  await settled()
  expect(admission.held).toBe(0)
})
