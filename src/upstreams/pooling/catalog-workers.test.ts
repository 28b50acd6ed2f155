/** Catalog workers in a pool that calls need, too: which gets a slot, which gives it up, and what waits. */
import { expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import { asRefusal, Refusal } from '../../base/refusal.ts'
import { rawObject } from '../../protocol/json-text.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { Responsiveness } from '../responsiveness.ts'
import type { Worker } from '../worker.ts'
import { type WorkerState, WorkerStates } from '../worker-states.ts'
import type { ServerEra } from '../server-era.ts'
import { WorkerSlot } from './worker-slots.ts'
import { createCatalogWorkers, type CatalogWorkers, type CatalogWorkerSpec } from './catalog-workers.ts'

const serverDescription = rawObject({})
const serverEra: ServerEra = {
  codec: legacyUpstreamCodec,
  mode: 'session',
  statelessMode: 'session',
  serverDescription: serverDescription,
}
/** Catalog workers only hand it on: no instance is started in it. */
const slot: WorkerSlot = new WorkerSlot('catalog', new WorkerStates<WorkerSlot>(), () => {
  throw new Error('no instance')
})

/** A worker that never answers; its requests fail when it is closed. It runs no calls. */
class SilentWorker implements Worker {
  readonly id = 'instance.1'
  readonly number = 1
  readonly codec = legacyUpstreamCodec
  readonly attributor: Worker['attributor'] = { attribution: 'several' }
  readonly liveness = new Responsiveness(0)
  readonly callsInFlight = 0
  readonly callsBegun = 0
  readonly callsLeft = Infinity
  readonly idleSinceMs = 0
  readonly isExcused = false
  readonly hasInputRequests = false
  pinnedTo: undefined
  readonly #closing = new Cancel()

  get closed(): boolean {
    return this.#closing.cancelled
  }
  get state(): WorkerState {
    return this.closed ? 'ended' : 'idle'
  }

  request(): Promise<Answer> {
    return new Promise((_, reject) => this.#closing.onCancel(() => reject(new Refusal('upstream_closed'))))
  }
  async close(): Promise<void> {
    this.#closing.cancel('closed')
  }
  retire(): void {
    this.#closing.cancel('retired')
  }
  kill(): void {
    this.#closing.cancel('killed')
  }
  workFor(): () => void {
    return () => undefined
  }
  async inputRequestsAnswered(): Promise<void> {}
  reserve(): void {}
  unreserve(): void {}
  pass(): void {}
  markUnresponsive(): void {}
  finish(): void {}
  expire(): boolean {
    return false
  }
  begin(): never {
    throw new Error('no calls')
  }
  open(): never {
    throw new Error('no calls')
  }
}
const what = (source: string): CatalogWorkerSpec => ({ source, serverEra, announced: {} })

interface Fixture {
  readonly catalogWorkers: CatalogWorkers
  /** The sources with a running worker. */
  running(): string[]
  /** The number of free slots. */
  room: number
  /** Whether workers are ready at once; else when `open` is called. */
  isSlow: boolean
  open(): Promise<void>
  /** Idle workers of clients that may be ended for a new catalog worker. */
  idle: number
  pass(ms: number): Promise<void>
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The code of the refusal of a promise; undefined if it was not refused (yet). */
function codeOf(promise: Promise<unknown>): () => string | undefined {
  let code: string | undefined
  promise.catch((error: unknown) => (code = asRefusal(error)?.code))
  return () => code
}

function createFixture(bound: number, room: number): Fixture {
  const clock = manualClock()
  const running = new Set<string>()
  let openings: Array<() => void> = []
  const fixture: Fixture = {
    catalogWorkers: createCatalogWorkers({
      clock,
      bound,
      waitMs: 10_000,
      takeSlot: () => (fixture.room-- > 0 ? slot : void fixture.room++),
      endIdleWorker() {
        if (fixture.idle-- > 0) fixture.room++
      },
      isInVain: () => false,
      mayStart: () => true,
      untilAllowed: () => Promise.resolve(),
      async open({ source, cancel }) {
        running.add(source)
        const worker = new SilentWorker()
        cancel.onCancel(() => {
          worker.kill()
          running.delete(source)
          fixture.room++
        })
        if (fixture.isSlow) await new Promise<void>((resolve) => openings.push(resolve))
        if (cancel.cancelled) throw new Refusal('upstream_closed')
        return { worker, serverDescription, slot }
      },
    }),
    running: () => [...running].sort(),
    room,
    isSlow: false,
    async open() {
      const all = openings
      openings = []
      for (const opening of all) opening()
      await settled()
    },
    idle: 0,
    async pass(ms) {
      for (let passed = 0; passed < ms; passed += 250) {
        clock.advance(250)
        fixture.catalogWorkers.sweep()
        await settled()
      }
    },
  }
  return fixture
}

test('the least recently used catalog worker is ended for a call, a busy one only if there is no other', async () => {
  const { catalogWorkers, running, pass } = createFixture(3, 3)
  for (const source of ['a', 'b', 'c']) {
    await catalogWorkers.get(what(source))
    await pass(250)
  }
  catalogWorkers.touch('a')
  await pass(250)
  const code = codeOf(catalogWorkers.list(what('b'), {}, 'tools/list', undefined))
  expect(catalogWorkers.endOne()).toBe(true)
  expect(running()).toEqual(['a', 'b'])
  expect(catalogWorkers.endOne()).toBe(true)
  expect(running()).toEqual(['b'])
  expect(catalogWorkers.endOne()).toBe(true)
  await settled()
  expect([running(), code()], 'and who waits for it knows that there is no room').toEqual([[], 'overloaded'])
  expect(catalogWorkers.endOne()).toBe(false)
})

test('a catalog worker with a list in flight is not handed over to the client of one session', async () => {
  const { catalogWorkers } = createFixture(2, 2)
  await catalogWorkers.get(what('a'))
  void catalogWorkers.list(what('a'), {}, 'tools/list', undefined).catch(() => undefined)
  expect(catalogWorkers.handOver(() => true)).toBeUndefined()
  const other = await catalogWorkers.get(what('b'))
  expect(catalogWorkers.handOver(() => true)).toBe(other)
})

test('a starting catalog worker is ended for a call, too, and its handshake waits for a slot', async () => {
  const fixture = createFixture(1, 1)
  fixture.isSlow = true
  const waits = fixture.catalogWorkers.get(what('a'))
  expect(fixture.catalogWorkers.endOne()).toBe(true)
  fixture.room = 0
  await fixture.open()
  await fixture.pass(1000)
  expect(fixture.running()).toEqual([])
  fixture.room = 1
  fixture.catalogWorkers.slotFreed()
  await settled()
  await fixture.open()
  expect((await waits).serverDescription).toBe(serverDescription)
})

test('catalog workers never have more than their part of the pool; a new profile replaces another', async () => {
  const { catalogWorkers, running, pass } = createFixture(2, 10)
  for (const source of ['a', 'b', 'c', 'd']) {
    const waits = catalogWorkers.get(what(source))
    await pass(500)
    await waits
    expect(running().length).toBeLessThanOrEqual(2)
  }
  expect(running()).toEqual(['c', 'd'])
})

test('a handshake waits for a slot, takes that of an idle worker, and is refused if there is none in time', async () => {
  const fixture = createFixture(2, 0)
  const code = codeOf(fixture.catalogWorkers.get(what('a')))
  await fixture.pass(9500)
  expect(code()).toBeUndefined()
  await fixture.pass(1000)
  expect(code()).toBe('overloaded')
  fixture.idle = 1
  const waits = fixture.catalogWorkers.get(what('a'))
  await fixture.pass(500)
  await waits
  expect(fixture.running()).toEqual(['a'])
})

test('requests that wait for the same profile wait for one worker', async () => {
  const fixture = createFixture(8, 8)
  fixture.isSlow = true
  const all = Array.from({ length: 50 }, () => fixture.catalogWorkers.get(what('a')))
  await fixture.open()
  expect(new Set(await Promise.all(all)).size).toBe(1)
  expect(fixture.room).toBe(7)
})

test('a list does not wait, but ends a worker that had its slot for long, for the next request', async () => {
  const { catalogWorkers, running, pass } = createFixture(1, 10)
  await catalogWorkers.get(what('a'))
  const first = codeOf(catalogWorkers.list(what('b'), {}, 'tools/list', undefined))
  await settled()
  expect([first(), running()]).toEqual(['overloaded', ['a']])
  await pass(30_000)
  const second = codeOf(catalogWorkers.list(what('b'), {}, 'tools/list', undefined))
  await settled()
  expect([second(), running()]).toEqual(['overloaded', []])
  void codeOf(catalogWorkers.list(what('b'), {}, 'tools/list', undefined))
  expect(running()).toEqual(['b'])
})

test('a catalog worker that is unused for five minutes ends, except the first', async () => {
  const { catalogWorkers, running, pass } = createFixture(4, 4)
  const first = { worker: new SilentWorker(), serverDescription, slot }
  catalogWorkers.add(what('first'), first)
  await catalogWorkers.get(what('a'))
  await pass(4 * 60_000)
  expect(running()).toEqual(['a'])
  await pass(61_000)
  expect(running()).toEqual([])
  expect(await catalogWorkers.at(what('first'))).toBe(first)
})
