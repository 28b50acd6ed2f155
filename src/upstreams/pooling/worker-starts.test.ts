/** Workers of one session that are replaced: what its calls get and what its client is told. */
import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { ManualInstance } from '../../../test/support/manual-instance.ts'
import { manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { silentLog } from '../../base/log.ts'
import { asRefusal } from '../../base/refusal.ts'
import type { Caller } from '../../protocol/call.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import type { Worker } from '../worker.ts'
import { NoRoom } from '../upstream.ts'
import { IdleChecks } from './idle-checks.ts'
import { createIsolationGroups } from './isolation-groups.ts'
import { createNotificationRouter } from './notification-router.ts'
import { createSingleInstance } from './single-instance.ts'
import { WorkerSlots } from './worker-slots.ts'
import { WorkerStarts } from './worker-starts.ts'

const caller: Caller = {
  principal: { tenant: '', subject: '' },
  client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
  session: 'a',
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** @param resourceUris what the session has subscribed to: no instance confirms it, so that starts wait */
function createFixture(resourceUris: readonly string[] = []) {
  const clock = manualClock()
  const groups = createIsolationGroups(() => 4, false)
  const serverDescription = rawObject({ capabilities: { tools: {} } })
  const serverEra = {
    codec: legacyUpstreamCodec,
    mode: 'session',
    statelessMode: 'session',
    serverDescription,
  } as const
  groups.serverEras.set('legacy', serverEra)
  const group = groups.of(caller)
  const notifications = createNotificationRouter(clock, (key) => groups.find(key))
  const told: string[] = []
  void notifications.subscribe(
    group.key,
    caller,
    {
      toolsListChanged: true,
      promptsListChanged: false,
      resourcesListChanged: false,
      resourceUris: new Set(resourceUris),
    },
    { deliver: (update) => void (update.kind === 'notification' && told.push(update.method)), isRead: () => true },
  )
  const instances: ManualInstance[] = []
  const slots = new WorkerSlots(
    () => 4,
    () => {
      const instance = new ManualInstance(clock)
      instances.push(instance)
      return instance
    },
  )
  const starts = new WorkerStarts({
    slots,
    notifications,
    onlyOne: createSingleInstance({ clock, log: silentLog, changed() {} }),
    idleChecks: new IdleChecks({ clock, log: silentLog, checked() {} }),
    serverEras: groups.serverEras,
    clock,
    log: silentLog,
    events: createEvents(),
    slotForTest: () => undefined,
    expectsEnds: () => false,
    fillSpares() {},
    endedForNotReading() {},
    slotFreed() {},
    recovered() {},
    described() {},
  })
  const start = (): { readonly slot: NonNullable<ReturnType<typeof slots.take>>; readonly worker: Promise<Worker> } => {
    const slot = slots.take('serve')
    assert(slot)
    return { slot, worker: starts.start(group, serverEra, slot) }
  }
  /** An instance ends by itself, and the back-off pause after that is over. */
  const crash = async (at: number): Promise<void> => {
    instances[at]?.exit(false)
    await settled()
    clock.advance(1000)
  }
  return { group, crash, told, start }
}

const changed = 'notifications/tools/list_changed'

test('calls that wait for a worker that is replaced before it has served any are not refused: they wait on', async () => {
  const { group, start } = createFixture(['file:///a'])
  const { slot, worker } = start()
  const failure = worker.catch((error: unknown) => error)
  slot.retire()
  await settled()
  expect([slot.state, slot.isReplaced]).toEqual(['idle', true])
  slot.retire()
  expect(await failure).toBeInstanceOf(NoRoom)
  expect(group.workers.size).toBe(0)
})

test('calls that wait for a worker that crashes, or whose session ends, are refused', async () => {
  for (const isEnded of [false, true]) {
    const { group, crash, start } = createFixture(['file:///a'])
    const { slot, worker } = start()
    const failure = worker.catch((error: unknown) => error)
    await settled()
    group.ended = isEnded
    if (isEnded) slot.retire()
    else await crash(0)
    expect(asRefusal(await failure)?.code).toBe('upstream_closed')
  }
})

test('a session is told once that its worker is replaced, when the next one starts beside it', async () => {
  const { crash, told, start } = createFixture()
  const first = start()
  const old = await first.worker
  expect(told).toEqual([])
  old.reserve()
  first.slot.retire()
  expect(old.state).toBe('retiring')
  await start().worker
  expect([told, old.state]).toEqual([[changed], 'retiring'])
  old.unreserve()
  await settled()
  expect(first.slot.ended).toBe(true)
  // Another one that is needed beside it has lost nothing.
  await start().worker
  expect(told).toEqual([changed])
  await crash(2)
  await start().worker
  expect(told).toEqual([changed, changed])
})

test('a session is told once that its worker is replaced, if the old one crashes or ends before the next one starts', async () => {
  const { crash, told, start } = createFixture()
  const first = start()
  ;(await first.worker).reserve()
  first.slot.retire()
  await start().worker
  await crash(0)
  const third = start()
  await third.worker
  expect([first.slot.ended, told]).toEqual([true, [changed]])
  third.slot.retire()
  expect(third.slot.ended).toBe(true)
  await start().worker
  expect(told).toEqual([changed, changed])
})
