/** The state of a worker, whatever happens to its connection, in any order. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { holderOf, Transfers } from '../../base/transfers.ts'
import type { Call } from '../../protocol/call.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import type { LineListener } from './line-transport.ts'
import type { WorkerCall } from '../worker.ts'
import { type TrackedWorker, WorkerStates, type WorkerState } from '../worker-states.ts'
import { UpstreamConnection } from './connection.ts'

interface Fixture {
  readonly connection: UpstreamConnection
  readonly sets: WorkerStates<TrackedWorker>
  /** How often it was told that the worker responds again. */
  readonly recovered: () => number
  says(): void
  exits(): void
}

function createFixture(): Fixture {
  const sets = new WorkerStates<TrackedWorker>()
  const tracked: TrackedWorker = { state: 'starting', previous: undefined, index: 0, purpose: 'serve' }
  sets.add(tracked)
  sets.move(tracked, 'idle')
  const memory = createMemoryBudget(Infinity)
  const clock = manualClock()
  let listener: LineListener | undefined
  let recovered = 0
  const connection = new UpstreamConnection({
    transport: {
      id: 'instance.1',
      worker: 1,
      backlog: 0,
      memory: memory.account(),
      inputRequestMemory: memory.account(),
      roomFor: () => 'reserved',
      exited: false,
      whenExited() {},
      send() {},
      listen: (one) => void (listener = one),
      hold() {},
      close: () => Promise.resolve(),
      kill() {},
    },
    standing: {
      get state() {
        return tracked.state
      },
      move: (to) => sets.move(tracked, to),
    },
    codec: legacyUpstreamCodec,
    announced: {},
    attribution: 'several',
    hasOneClient: false,
    clock,
    events: createEvents(),
    callIdleMs: 1000,
    callTotalMs: 5000,
    unsolicited: () => true,
    ended() {},
    unattributed() {},
    notReading() {},
    recovered: () => void recovered++,
    invalid() {},
    waiting: holderOf(new Transfers(memory, clock, Infinity, () => {}), memory.account()),
  })
  return {
    connection,
    sets,
    recovered: () => recovered,
    says: () => listener?.line('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'),
    exits() {
      sets.move(tracked, 'ended')
      listener?.exit({ code: 0, signal: null, expected: false, stderr: '' })
    },
  }
}

const call: Call = {
  id: '1',
  method: 'tools/call',
  params: undefined,
  client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
  principal: { tenant: '', subject: '' },
  session: undefined,
  fairnessKey: '',
  clientKey: '',
  progressToken: undefined,
  logLevel: undefined,
  worker: undefined,
  cancel: new Cancel(),
}

test('a worker is idle, busy, unresponsive, ending or ended as its calls, silence, lines and end say, in any order', () => {
  const acts = [
    'begin',
    'begin',
    'finish',
    'finish',
    'reserve',
    'unreserve',
    'silence',
    'line',
    'retire',
    'close',
    'kill',
    'exit',
  ] as const
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...acts), { maxLength: 60 }), (steps) => {
      const { connection, sets, recovered, says, exits } = createFixture()
      const calls: WorkerCall[] = []
      let [reserved, recoveries] = [0, 0]
      let [isUnresponsive, isRetiring, isEnding, hasEnded] = [false, false, false, false]
      for (const step of steps) {
        const isOver = isEnding || hasEnded
        if (step === 'begin' && isOver) assert.throws(() => connection.begin(call, false), { code: 'upstream_closed' })
        else if (step === 'begin') calls.push(connection.begin(call, false))
        else if (step === 'finish') {
          const one = calls.shift()
          if (one) connection.finish(one, 'enough')
        } else if (step === 'reserve') {
          connection.reserve()
          reserved++
        } else if (step === 'unreserve' && reserved > 0) {
          connection.unreserve()
          reserved--
        } else if (step === 'silence' && !isOver && !isUnresponsive && !isRetiring) {
          connection.markUnresponsive()
          isUnresponsive = true
        } else if (step === 'line' && !hasEnded) {
          says()
          if (isUnresponsive && !isEnding) recoveries++
          isUnresponsive &&= isEnding
        } else if (step === 'retire' && !isOver) {
          connection.retire('recycled')
          isRetiring = true
          isUnresponsive = false
        } else if (step === 'close' || step === 'kill') {
          void connection[step]('idle')
          isEnding = true
        } else if (step === 'exit' && !hasEnded) {
          exits()
          hasEnded = true
        }
        // It ends with its last call.
        if (isRetiring && calls.length + reserved === 0) isEnding = true
        const used = calls.length + reserved > 0 ? 'busy' : 'idle'
        const expected: WorkerState = hasEnded
          ? 'ended'
          : isEnding
            ? 'ending'
            : isRetiring
              ? 'retiring'
              : isUnresponsive
                ? 'unresponsive'
                : used
        expect(connection.state).toBe(expected)
        expect(connection.closed).toBe(isEnding || hasEnded)
        expect(sets.in(expected).size).toBe(hasEnded ? 0 : 1)
        expect(recovered()).toBe(recoveries)
      }
    }),
    { numRuns: 300 },
  )
})
