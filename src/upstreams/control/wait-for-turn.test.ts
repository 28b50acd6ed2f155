/** A call that waits for its turn, and a client that does not read what it is told meanwhile. */
import { beforeEach, expect, test } from 'vitest'
import type { Cancel } from '../../base/cancel.ts'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import type { Call } from '../../protocol/call.ts'
import { waitingCall } from '../../../test/support/waiting-call.ts'
import { CallLine } from './call-line.ts'
import type { CallTurn, LineMember } from './call-turn.ts'
import { waitForTurn } from './wait-for-turn.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const member: LineMember = { name: 'mine', isHeld: false, heldForMs: 0, heldUntilMs: 0, room: Infinity }

let clock: ManualClock
let line: CallLine
let running: CallTurn | undefined

beforeEach(() => {
  clock = manualClock()
  line = new CallLine({ queue: 4, queueWaitMs: 600_000, clock })
  line.concurrency = 1
  running = line.take(member, callOf('first'))
})

const callOf = (session: string, tenant = 'default'): Call => waitingCall(tenant, session, { progressToken: '1' })

function wait(session: string, tenant?: string): [ReturnType<typeof waitForTurn>, Cancel] {
  const call = callOf(session, tenant)
  return [waitForTurn(call, (cancel) => line.wait(member, call, cancel), clock), call.cancel]
}

test('a turn goes to the next call if its client has not read its last notice for 2 s', async () => {
  const [unread] = wait('unread')
  const notice = unread.next()
  const [other] = wait('other')
  const turn = other.next()
  clock.advance(5000)
  expect(await notice).toMatchObject({ value: { method: 'notifications/progress' } })
  running?.end(true)
  await settled()
  clock.advance(1999)
  await settled()
  expect([line.running, line.waiting(member)]).toEqual([1, 1])
  clock.advance(1)
  // The other one is told its place, too, and then has its turn.
  expect(await turn).toMatchObject({ value: { method: 'notifications/progress' } })
  const { value } = await other.next()
  expect(value).toHaveProperty('turn')
  await expect(unread.next()).rejects.toMatchObject({ code: 'overloaded' })
  expect([line.running, line.waiting(member)]).toEqual([1, 0])
})

test('a client that reads in time has its turn', async () => {
  const [slow] = wait('slow')
  const notice = slow.next()
  clock.advance(5000)
  await notice
  running?.end(true)
  await settled()
  clock.advance(1000)
  await settled()
  const { value } = await slow.next()
  clock.advance(10_000)
  await settled()
  expect(line.running).toBe(1)
  expect(value).toHaveProperty('turn')
  if (value && 'turn' in value) value.turn.end(true)
  expect(line.running).toBe(0)
})

test('calls of two tenants with the same ids and keys are two calls: one leaves the line, the other has its turn', async () => {
  const [a, cancelA] = wait('same', 'a')
  const [b] = wait('same', 'b')
  const [turnOfA, turnOfB] = [a.next(), b.next()]
  await settled()
  expect(line.waiting(member)).toBe(2)
  cancelA.cancel('it has left')
  await expect(turnOfA).rejects.toMatchObject({ code: 'cancelled' })
  expect(line.waiting(member)).toBe(1)
  running?.end(true)
  expect(await turnOfB).toMatchObject({ done: true })
})
