/** The line in front of an upstream, by random trials: weights, deadlines and clients that leave, all together. */
import { describe, expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import { asRefusal } from '../../base/refusal.ts'
import { byTenant } from '../../protocol/fairness.ts'
import { randomFrom } from '../../../test/support/random.ts'
import { waitingCall } from '../../../test/support/waiting-call.ts'
import { CallLine } from './call-line.ts'
import type { CallTurn, LineMember } from './call-turn.ts'

const member: LineMember = { name: 'mine', isHeld: false, heldForMs: 0, heldUntilMs: 0, room: Infinity }
const weights: ReadonlyMap<string, number> = new Map([
  ['small', 1],
  ['middle', 2],
  ['large', 4],
])
const fairness = byTenant((tenant) => weights.get(tenant) ?? 1)
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Waited {
  readonly tenant: string
  readonly session: string
  readonly number: number
  readonly sinceMs: number
  readonly cancel: Cancel
  became: 'waits' | 'turn' | 'cancelled' | 'overloaded'
  atMs: number
}

describe.each([1, 2, 3, 4, 5, 6, 7, 8])('trial %i', (seed) => {
  test('each call gets one turn, leaves or is refused in time, and the calls of a session keep their order', async () => {
    const random = randomFrom(seed)
    const below = (bound: number): number => Math.floor(random() * bound)
    const clock = manualClock()
    const [queue, queueWaitMs, concurrency] = [20 + below(60), 500 + below(2000), 1 + below(4)]
    const line = new CallLine({ queue, queueWaitMs, fairness, clock })
    line.concurrency = concurrency
    const all: Waited[] = []
    const running: CallTurn[] = []
    const begin = (one: Waited, turn: CallTurn): void => {
      Object.assign(one, { became: 'turn', atMs: clock.now() })
      running.push(turn)
      clock.after(20 + below(200), () => {
        running.splice(running.indexOf(turn), 1)
        turn.end(true)
      })
    }
    for (let step = 0; step < 400; step++) {
      const tenant = ['small', 'middle', 'large'][below(3)] ?? ''
      const one: Waited = {
        ...{ tenant, session: `${tenant}-${below(4)}`, number: all.length, sinceMs: clock.now() },
        ...{ cancel: new Cancel(), became: 'waits', atMs: 0 },
      }
      all.push(one)
      const call = waitingCall(one.tenant, one.session)
      const atOnce = line.take(member, call)
      if (atOnce) begin(one, atOnce)
      else {
        line.wait(member, call, one.cancel).turn.then(
          (turn) => begin(one, turn),
          (error: unknown) => {
            const code = asRefusal(error)?.code
            Object.assign(one, { became: code, atMs: clock.now() })
          },
        )
      }
      await settled()
      expect(running.length).toBeLessThanOrEqual(concurrency)
      expect(line.running).toBe(running.length)
      expect(line.waiting(member)).toBe(all.filter(({ became }) => became === 'waits').length)
      expect(line.waiting(member)).toBeLessThanOrEqual(queue)
      // While one waits, as many run as may.
      expect(line.waiting(member) > 0 && running.length < concurrency).toBe(false)
      const leaving = all[below(all.length)]
      if (leaving?.became === 'waits' && random() < 0.2) leaving.cancel.cancel('gone')
      clock.advance(below(60))
      await settled()
    }
    for (let wait = 0; wait < 200 && line.running > 0; wait++) {
      clock.advance(100)
      await settled()
    }
    expect([line.running, line.waiting(member)]).toEqual([0, 0])
    const counted = new Set(all.map(({ became }) => became))
    expect(counted.has('turn')).toBe(true)
    expect([...counted].every((became) => ['turn', 'cancelled', 'overloaded'].includes(became))).toBe(true)
    // A step of the clock is 60 ms at most, and 100 at the end.
    for (const one of all) expect(one.atMs - one.sinceMs).toBeLessThanOrEqual(queueWaitMs + 100)
    const order = all.filter(({ became }) => became === 'turn').toSorted((one, other) => one.atMs - other.atMs)
    for (const session of new Set(order.map((one) => one.session))) {
      const numbersOf = order.filter((one) => one.session === session).map(({ number }) => number)
      expect(numbersOf).toEqual(numbersOf.toSorted((one, other) => one - other))
    }
  })

  test('tenants that always wait have turns by their weights, and no session of theirs is passed over', async () => {
    const random = randomFrom(seed + 100)
    const clock = manualClock()
    const line = new CallLine({ queue: 10_000, queueWaitMs: 1e9, fairness, clock })
    line.concurrency = 1
    const turns = new Map<string, number>()
    const lastTurn = new Map<string, number>()
    let [given, longestGap] = [0, 0]
    let current: CallTurn | undefined
    const join = (tenant: string, session: string): void => {
      const call = waitingCall(tenant, session)
      void line.wait(member, call, call.cancel).turn.then((turn) => {
        current = turn
        given++
        turns.set(tenant, (turns.get(tenant) ?? 0) + 1)
        longestGap = Math.max(longestGap, given - (lastTurn.get(session) ?? given))
        lastTurn.set(session, given)
      })
    }
    const sessions = [...weights.keys()].flatMap((tenant) =>
      [0, 1, 2].map((one) => [tenant, `${tenant}-${one}`] as const),
    )
    current = line.take(member, waitingCall('large', 'first'))
    // Some sessions bring far more calls than others: that gives them no more turns.
    for (const [tenant, session] of sessions) for (let call = 0; call < 3 + random() * 30; call++) join(tenant, session)
    const rounds = 40
    const together = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
    for (let turn = 0; turn < rounds * together; turn++) {
      const ending = current
      current = undefined
      clock.advance(1 + Math.floor(random() * 50))
      ending?.end(true)
      await settled()
      // Each session has a call in line again before its next turn.
      for (const [tenant, session] of sessions) if (line.waiting(member) < 500 && random() < 0.9) join(tenant, session)
    }
    for (const [tenant, weight] of weights)
      expect(Math.abs((turns.get(tenant) ?? 0) - rounds * weight)).toBeLessThanOrEqual(2 * weight)
    // The three sessions of the smallest tenant have one turn each in three rounds.
    expect(longestGap).toBeLessThanOrEqual(2 * 3 * together)
  })
})
