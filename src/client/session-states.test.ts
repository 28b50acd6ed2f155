import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import { manualClock } from '../base/clock.ts'
import { SessionStates, type SessionState } from './session-states.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Written out here once more, so that no move can be added by mistake. */
const allowed = new Set([
  'absent opening',
  'opening open',
  'opening absent',
  'opening renewing',
  'open renewing',
  'renewing open',
  'renewing absent',
  'absent ended',
  'opening ended',
  'open ended',
  'renewing ended',
])

test('a session makes the moves of the model and no other, and each wakes those that wait for it', async () => {
  const state = fc.constantFrom<SessionState>('absent', 'opening', 'open', 'renewing', 'ended')
  await fc.assert(
    fc.asyncProperty(fc.array(state, { maxLength: 20 }), async (wanted) => {
      const states = new SessionStates(manualClock(0), new Cancel())
      let session: SessionState = 'absent'
      for (const to of wanted) {
        let isReached: boolean | undefined
        void states.until((now) => now === to, 1000).then((result) => (isReached = result))
        const isAllowed = allowed.has(`${session} ${to}`)
        if (isAllowed) states.move(to)
        else assert.throws(() => states.move(to))
        const isThere: boolean = isAllowed || session === to
        if (isAllowed) session = to
        await settled()
        assert.equal(states.session, session)
        assert.equal(isReached, isThere ? true : undefined)
      }
    }),
  )
})

describe('a wait for a state', () => {
  test('ends at its deadline, however often the state changes until then', async () => {
    const clock = manualClock(0)
    const states = new SessionStates(clock, new Cancel())
    const waits = states.until((session) => session === 'open', 1000)
    states.move('opening')
    clock.advance(600)
    await settled()
    states.setHandshake('sending')
    await settled()
    let isOver = false
    void waits.then(() => (isOver = true))
    clock.advance(399)
    await settled()
    expect(isOver).toBe(false)
    clock.advance(1)
    expect(await waits).toBe(false)
  })

  test('ends when the client leaves, and never begins after that', async () => {
    const leaving = new Cancel()
    const states = new SessionStates(manualClock(0), leaving)
    const waits = states.until((_, handshake) => handshake === 'complete', 1000)
    leaving.cancel('the client is done')
    expect(await waits).toBe(false)
    expect(await states.until((session) => session === 'open', 1000)).toBe(false)
    expect(await states.until((session) => session === 'absent', 1000)).toBe(true)
  })
})
