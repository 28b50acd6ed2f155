/** A part of the turns is kept for sessions without a running call, while there are several sessions. */
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import type { Call } from '../../protocol/call.ts'
import { CallLine } from './call-line.ts'
import type { CallTurn, LineMember } from './call-turn.ts'
import { KeptTurns } from './kept-turns.ts'

const member: LineMember = { name: 'mine', isHeld: false, heldForMs: 0, heldUntilMs: 0, room: Infinity }

let clock: ManualClock
let line: CallLine

beforeEach(() => {
  clock = manualClock()
  line = new CallLine({ queue: 1000, queueWaitMs: 600_000, clock })
  line.concurrency = 10
})

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Makes a call of a session. Its turn is there as soon as it has one. */
function make(session: string): { turn: CallTurn | undefined } {
  const call = { principal: { tenant: 't', subject: 's' }, fairnessKey: session } as Call
  const made = { turn: line.take(member, call) }
  if (!made.turn) void line.wait(member, call, new Cancel()).turn.then((turn) => (made.turn = turn))
  return made
}

const withTurn = (calls: ReadonlyArray<{ turn: CallTurn | undefined }>): number =>
  calls.filter(({ turn }) => turn).length

test('a session that is alone has all turns; beside another one, all but one of ten', async () => {
  const busy = Array.from({ length: 30 }, () => make('busy'))
  expect(withTurn(busy)).toBe(10)
  const first = make('quiet')
  for (const { turn } of busy.slice(0, 10)) turn?.end(true)
  await settled()
  expect([withTurn(busy), first.turn === undefined]).toEqual([18, false])
  for (let call = 0; call < 20; call++) {
    first.turn?.end(true)
    const next = make('quiet')
    await settled()
    expect(next.turn, 'it never waits for a call of the other one').toBeDefined()
    next.turn?.end(true)
    clock.advance(1000)
  }
  expect(line.running).toBe(9)
  clock.advance(10_001)
  await settled()
  expect(line.running, 'the other one has not called for ten seconds').toBe(10)
})

test('of fewer than five turns none is kept', async () => {
  line.concurrency = 4
  make('quiet').turn?.end(true)
  expect(withTurn(Array.from({ length: 9 }, () => make('busy')))).toBe(4)
})

test('as many calls run as may, whatever sessions call: no turn is kept where a session without one waits', () => {
  const sessions = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 60 })
  fc.assert(
    fc.property(sessions, fc.integer({ min: 1, max: 40 }), (calls, concurrency) => {
      const kept = new KeptTurns(clock)
      const running: string[] = []
      for (const session of calls.map(String)) {
        kept.called(session)
        const others = Math.ceil(concurrency / 10)
        const may = kept.mayBegin(session, running.length, concurrency)
        expect(may && running.length >= concurrency).toBe(false)
        expect(!may && running.length < concurrency - others).toBe(false)
        expect(!may && running.length < concurrency && !running.includes(session)).toBe(false)
        if (!may) continue
        kept.begun(session)
        running.push(session)
        if (running.length % 3 === 0) kept.ended(running.shift() ?? '')
      }
    }),
  )
})
