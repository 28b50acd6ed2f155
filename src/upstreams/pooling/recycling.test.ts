/** When workers are replaced for their memory. */
import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { ManualInstance, uneventful } from '../../../test/support/manual-instance.ts'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { Recycling } from './recycling.ts'
import { Replacements } from './replacements.ts'
import { WorkerSlots, type WorkerSlot } from './worker-slots.ts'

const client = { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined } as const
const principal = { tenant: '', subject: '' }

function createFixture() {
  const clock = manualClock()
  const slots: WorkerSlots<ManualInstance> = new WorkerSlots(
    () => 4,
    () => new ManualInstance(clock),
  )
  const replacements = new Replacements({
    slots: () => slots.all,
    mayRunBeside: () => true,
    mayStart: () => true,
    start: () => undefined,
    replaced() {},
    callsInAll: 0,
  })
  const recycling = new Recycling({
    slots,
    clock,
    ageMs: () => 0,
    memoryBytes: 1000,
    replacements,
    replaceOthers() {},
  })
  /** A worker that takes more than it should. */
  const startBig = async (): Promise<WorkerSlot<ManualInstance>> => {
    const slot = slots.take('serve')
    assert(slot)
    slot.start().memoryBytes = 1001
    await slot.open({
      codec: legacyUpstreamCodec,
      caller: { principal, client, session: undefined },
      attribution: 'several',
      ...uneventful,
    })
    slot.move('idle')
    return slot
  }
  return { clock, slots, recycling, startBig }
}

test('a spare, or another worker without a call, is not replaced for its memory again and again', async () => {
  const { clock, slots, recycling, startBig } = createFixture()
  const unused = await startBig()
  const spare = slots.take('spare')
  assert(spare)
  spare.start().memoryBytes = 1001
  spare.move('spare')
  for (let minute = 0; minute < 9; minute++) {
    clock.advance(60_000)
    recycling.sweep()
  }
  expect([unused.state, spare.state]).toEqual(['idle', 'spare'])
  // One that has grown by itself is replaced in the end.
  clock.advance(60_000)
  recycling.sweep()
  expect([unused.ended, spare.ended]).toEqual([true, true])
  expect([unused.replacedFor, spare.replacedFor]).toEqual(['recycled_memory', 'recycled_memory'])
})

test('a worker that has had a call is replaced as soon as it is too big, and its call goes on', async () => {
  const { recycling, startBig } = createFixture()
  const { worker } = await startBig()
  assert(worker)
  const call = worker.begin(
    {
      id: '1',
      method: 'tools/call',
      params: undefined,
      client,
      principal,
      session: undefined,
      fairnessKey: 'a',
      clientKey: 'a',
      progressToken: undefined,
      logLevel: undefined,
      worker: undefined,
      cancel: new Cancel(),
    },
    true,
  )
  recycling.sweep()
  expect(worker.state).toBe('retiring')
  worker.finish(call, undefined)
  expect(worker.closed).toBe(true)
})
