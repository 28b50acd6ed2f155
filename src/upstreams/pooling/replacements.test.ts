/** When workers that clients share are retired: with real slots, groups and connections, and starts that the test ends. */
import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { ManualInstance, uneventful } from '../../../test/support/manual-instance.ts'
import { manualClock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import type { ServerEra } from '../server-era.ts'
import type { Worker } from '../worker.ts'
import type { IsolationGroup } from './isolation-group.ts'
import { createIsolationGroups } from './isolation-groups.ts'
import { ownCaller } from './own-requests.ts'
import { Replacements } from './replacements.ts'
import { type WorkerSlot, WorkerSlots } from './worker-slots.ts'

const clock = manualClock()

async function createFixture(mode: 'shared' | 'session') {
  const groups = createIsolationGroups(() => 4, false)
  const serverEra: ServerEra = {
    codec: legacyUpstreamCodec,
    mode,
    statelessMode: mode,
    serverDescription: rawObject({}),
  }
  groups.serverEras.set('legacy', serverEra)
  const group = groups.of({ ...ownCaller(serverEra), session: 'a' })
  const slots: WorkerSlots<ManualInstance> = new WorkerSlots(
    () => 4,
    () => new ManualInstance(clock),
  )
  const open = async (of: IsolationGroup): Promise<readonly [WorkerSlot, Worker]> => {
    const slot = slots.take('serve')
    assert(slot)
    slot.owner.group = of
    const { worker } = await slot.open({
      codec: of.codec,
      caller: of.caller,
      attribution: of.attribution,
      ...uneventful,
      ended: (ended) => void of.workers.delete(ended),
    })
    slot.move('idle')
    of.workers.add(worker)
    return [slot, worker]
  }
  const starts: Array<PromiseWithResolvers> = []
  const may = { runBeside: true, start: true, haveSlot: true }
  const told: Worker[] = []
  const replacements = new Replacements({
    slots: () => slots.all,
    mayRunBeside: () => may.runBeside,
    mayStart: () => may.start,
    start() {
      if (!may.haveSlot) return undefined
      return new Promise((resolve, reject) => void starts.push({ resolve, reject }))
    },
    replaced: (_group, worker) => void told.push(worker),
    callsInAll: 0,
  })
  const [slot] = await open(group)
  return { group, slot, open, starts, may, told, replacements }
}

interface PromiseWithResolvers {
  readonly resolve: (worker: Worker) => void
  readonly reject: (error: unknown) => void
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a worker is retired once another one has taken its place, which is started once', async () => {
  const { group, slot, open, starts, told, replacements } = await createFixture('shared')
  for (let sweep = 0; sweep < 3; sweep++) replacements.replace([slot])
  expect([slot.state, slot.isReplaced, starts.length]).toEqual(['idle', true, 1])
  const [, next] = await open(group)
  starts[0]?.resolve(next)
  await settled()
  expect([slot.state, next.state, told]).toEqual(['ended', 'idle', [next]])
})

test('one that has others beside it is retired at once, and so is one of a client alone', async () => {
  const shared = await createFixture('shared')
  const [other] = await shared.open(shared.group)
  shared.replacements.replace([shared.slot])
  expect([shared.slot.state, other.state, shared.starts.length]).toEqual(['ended', 'idle', 0])
  const own = await createFixture('session')
  own.replacements.replace([own.slot])
  expect([own.slot.state, own.starts.length]).toEqual(['ended', 0])
})

test.each(['runBeside', 'haveSlot'] as const)(
  'one that no other may, or can, run beside is retired at once: %s',
  async (what) => {
    const { slot, may, starts, replacements } = await createFixture('shared')
    may[what] = false
    replacements.replace([slot])
    expect([slot.state, starts.length]).toEqual(['ended', 0])
  },
)

test('a start that fails leaves it in place until another one succeeds; one that is not answered does not', async () => {
  const { slot, may, starts, replacements } = await createFixture('shared')
  replacements.replace([slot])
  starts[0]?.reject(new Refusal('upstream_unavailable'))
  await settled()
  may.start = false
  replacements.replace([slot])
  expect([slot.state, starts.length]).toEqual(['idle', 1])
  may.start = true
  replacements.replace([slot])
  expect([slot.state, starts.length]).toEqual(['idle', 2])
  // It may wait for what the first one holds.
  starts[1]?.reject(new Refusal('upstream_unavailable', { cause: new Refusal('upstream_timeout') }))
  await settled()
  expect(slot.state).toBe('ended')
})
