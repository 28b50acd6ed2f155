/**
 * The states of all workers of an upstream, whatever happens: calls, starts that fail, crashes, silence, workers that are
 * replaced, pauses, sessions that end, an operator who pauses, resumes, disables, enables and recycles, in any order. No
 * move happens that is not in the table, the figures of /metrics are what is there, every call ends, none runs twice, and
 * none that comes while the upstream is held runs before that is over.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { readState, type ReadGateway } from '../src/admin/metrics/read-state.ts'
import { createMetrics } from '../src/admin/metrics/scrape.ts'
import { Cancel } from '../src/base/cancel.ts'
import { manualClock } from '../src/base/clock.ts'
import { createEvents } from '../src/base/events.ts'
import { silentLog } from '../src/base/log.ts'
import { createMemoryBudget } from '../src/base/memory-budget.ts'
import { asRefusal } from '../src/base/refusal.ts'
import { fillSettings } from '../src/config/assemble.ts'
import { thisMachine } from '../src/config/load.ts'
import type { Call } from '../src/protocol/call.ts'
import { rawObject } from '../src/protocol/json-text.ts'
import type { LineListener, LineTransport } from '../src/upstreams/connection/line-transport.ts'
import { CallLine } from '../src/upstreams/control/call-line.ts'
import { UpstreamControl } from '../src/upstreams/control/upstream-control.ts'
import { PooledUpstream } from '../src/upstreams/pooled/pooled-upstream.ts'
import type { ServerProgram } from '../src/upstreams/pooled/server-program.ts'
import { WorkerSlot } from '../src/upstreams/pooling/worker-slots.ts'
import { UpstreamStartError } from '../src/upstreams/upstream.ts'
import { allowedMoves, type WorkerState } from '../src/upstreams/worker-states.ts'
import { onlyUpstream } from './support/only-upstream.ts'

afterEach(() => void vi.restoreAllMocks())

const memory = createMemoryBudget(Infinity)
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A server in memory: it answers all but calls, which the test answers. */
class MemoryServer implements LineTransport {
  readonly id: string
  readonly worker: number
  readonly backlog = 0
  readonly memory = memory.account()
  readonly inputRequestMemory = memory.account()
  /** The ids of requests that it has not answered, and of the calls that they are. */
  readonly pending = new Map<unknown, string>()
  readonly #all: Servers
  #listener: LineListener | undefined
  #onExited: (() => void) | undefined
  #exited = false

  constructor(all: Servers) {
    this.#all = all
    this.worker = all.list.push(this)
    this.id = `instance.${this.worker}`
  }

  get exited(): boolean {
    return this.#exited
  }
  roomFor(): 'reserved' {
    return 'reserved'
  }
  hold(): void {}
  listen(listener: LineListener): void {
    this.#listener = listener
  }
  whenExited(listener: () => void): void {
    this.#onExited = listener
    if (this.#exited) listener()
  }
  async close(): Promise<void> {
    this.exit(true)
  }
  kill(): void {
    this.exit(true)
  }

  exit(expected: boolean): void {
    if (this.#exited) return
    this.#exited = true
    this.#onExited?.()
    queueMicrotask(() => this.#listener?.exit({ code: 1, signal: null, expected, stderr: '' }))
  }

  answer(id: unknown, result: object): void {
    this.pending.delete(id)
    const text = JSON.stringify({ jsonrpc: '2.0', id, result })
    queueMicrotask(() => this.#exited || this.#listener?.line(text))
  }

  send(line: string): void {
    const { id, method, params } = JSON.parse(line) as {
      readonly id?: number
      readonly method: string
      readonly params?: { readonly requestId?: number; readonly arguments?: { readonly id: string } }
    }
    if (method === 'notifications/cancelled') this.pending.delete(params?.requestId)
    if (this.#exited || id === undefined) return
    if (method === 'tools/call') {
      const call = params?.arguments?.id ?? ''
      this.#all.ran.push(call)
      this.pending.set(id, call)
    } else if (method === 'initialize' && this.#all.failures > 0) {
      this.#all.failures--
      this.exit(false)
    } else if (method !== 'ping' || !this.#all.isSilent)
      this.answer(id, {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'model', version: '1' },
        tools: [],
      })
  }
}

interface Servers {
  readonly list: MemoryServer[]
  /** The calls that were sent, by id. */
  readonly ran: string[]
  /** How many of the next starts fail. */
  failures: number
  /** Whether pings are not answered. */
  isSilent: boolean
}

const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('call' as const), client: fc.constantFrom('a', 'b', 'c') }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('answer', 'crash', 'cancel'), at: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('recycle', 'fail', 'silence', 'list'), at: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), client: fc.constantFrom('a', 'b', 'c') }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(500, 1500, 6000, 40_000, 120_000) }),
  },
)

/** What an operator does. */
const operation = fc.oneof(
  fc.record({ do: fc.constant('pause' as const), ms: fc.constantFrom(300, 5000, 60_000) }),
  fc.record({ do: fc.constantFrom('resume' as const, 'disable' as const, 'enable' as const) }),
)

const states = Object.keys(allowedMoves) as WorkerState[]

test('no worker moves as the table does not say, the figures are the truth, and every call ends and runs once at most', async () => {
  const wrong: string[] = []
  const move = WorkerSlot.prototype.move
  vi.spyOn(WorkerSlot.prototype, 'move').mockImplementation(function (this: WorkerSlot, to: WorkerState) {
    if (!allowedMoves[this.state].includes(to)) wrong.push(`${this.state} to ${to}`)
    move.call(this, to)
  })
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        mode: fc.constantFrom('session' as const, 'shared' as const, 'call' as const),
        pool: fc.integer({ min: 2, max: 4 }),
        spares: fc.nat(1),
        poolMin: fc.nat(2),
        poolReserve: fc.nat(1),
        recycleCalls: fc.constantFrom(0, 0, 2),
        recycleAgeMs: fc.constantFrom(0, 0, 50_000),
        callsPerProcess: fc.integer({ min: 1, max: 3 }),
      }),
      fc.array(fc.oneof({ weight: 8, arbitrary: act }, { weight: 1, arbitrary: operation }), { maxLength: 30 }),
      async (shape, acts) => {
        const clock = manualClock()
        const servers: Servers = { list: [], ran: [], failures: 0, isSilent: false }
        const live = (): readonly MemoryServer[] => servers.list.filter(({ exited }) => !exited)
        const program: ServerProgram = {
          onlyEra: 'legacy',
          start: () => new MemoryServer(servers),
          answered: async () => undefined,
          startError: () => new UpstreamStartError('it did not start'),
          close: async () => live().forEach((server) => server.exit(true)),
        }
        const given = { command: 'model', ...shape }
        const settings = onlyUpstream(fillSettings({ upstream: given }, thisMachine()))
        const common = { queue: 10, queueWaitMs: 10_000, clock, log: silentLog, events: createEvents() }
        const upstream = new PooledUpstream(
          { ...common, settings, hasOneClient: false, memory, endSuspendedCalls: () => undefined },
          program,
        )
        const control = new UpstreamControl({
          ...common,
          name: 'model',
          line: new CallLine(common),
          current: () => upstream,
          isIdempotent: () => false,
        })
        const watched = watchedGateway(upstream, control)
        const metrics = createMetrics({ ...watched, events: common.events }, clock)
        await upstream.start(() => undefined)
        let made = 0
        const open = new Map<Call, Promise<void>>()
        const ends: string[] = []
        const run = async (call: Call): Promise<void> => {
          const reply = control.call(call, upstream)
          try {
            while ((await reply.next()).done !== true);
            ends.push('answered')
          } catch (error) {
            ends.push(asRefusal(error)?.code ?? String(error))
          }
          open.delete(call)
        }
        const recycled: Array<Promise<void>> = []
        const listing = new Set<Promise<unknown>>()
        /** Until when it is paused, and whether it is disabled, as the operator has said. */
        const held = { untilMs: 0, isDisabled: false }
        const access = (): string => (held.isDisabled ? 'disabled' : clock.now() < held.untilMs ? 'paused' : 'open')
        /** The calls that have come since it is held. */
        const heldBack = new Set<string>()
        const isTrue = (): void => {
          assert.deepEqual(wrong, [])
          assert.equal(control.state().access, access())
          if (access() === 'open') heldBack.clear()
          assert.deepEqual(
            servers.ran.filter((id) => heldBack.has(id)),
            [],
            'no call runs while it is held',
          )
          const all = upstream.slots.all
          for (const state of states)
            assert.deepEqual(
              new Set(upstream.slots.in(state)),
              new Set(all.filter((slot) => slot.state === state)),
              state,
            )
          const counts = upstream.counts()
          const running = all.flatMap(({ instance }) => (instance ? [instance.transport] : []))
          assert.deepEqual(new Set(running), new Set(live()), 'every server is in a slot')
          assert.equal(counts['workers'], all.length)
          assert(all.length <= shape.pool + Math.max(shape.poolReserve, shape.mode === 'shared' ? 1 : 0))
          assert.equal(
            counts['workerCalls'],
            live().reduce((sum, { pending }) => sum + pending.size, 0),
          )
          assert.equal(counts['retiringWorkers'], all.filter(({ state }) => state === 'retiring').length)
          assert.equal(counts['spareWorkers'], all.filter(({ purpose }) => purpose === 'spare').length)
          assert.equal(upstream.workers().length, all.length)
          const waiting = [...open.keys()].filter((call) => !servers.ran.includes(nameOf(call)))
          const { mcplex_pool_waiting: inLine, ...samples } = samplesOf(watched)
          // A list of workers that clients share waits in line for one, as calls do.
          const lists = (inLine?.[''] ?? 0) - waiting.length
          assert(lists >= 0 && lists <= listing.size)
          assert.deepEqual(samples, {
            mcplex_pool_size: { '': all.length },
            mcplex_worker_calls: { '': live().reduce((sum, { pending }) => sum + pending.size, 0) },
            mcplex_pool_workers: countsOf(all.map(({ state }) => state)),
            mcplex_upstream_access: { [access()]: 1 },
          })
          assert.equal(new Set(servers.ran).size, servers.ran.length, 'no call runs twice')
        }
        for (const one of acts) {
          const pending = live().flatMap((server) => [...server.pending.keys()].map((id) => [server, id] as const))
          if (one.do === 'call') {
            const call = callOf(one.client, ++made)
            if (access() !== 'open') heldBack.add(nameOf(call))
            open.set(call, run(call))
          } else if (one.do === 'pass') clock.advance(one.ms)
          else if (one.do === 'end') upstream.endSession(callOf(one.client, 0))
          else if (one.do === 'answer') {
            const [server, id] = pending[one.at % Math.max(1, pending.length)] ?? []
            server?.answer(id, { content: [] })
          } else if (one.do === 'crash') live()[one.at]?.exit(false)
          else if (one.do === 'cancel') [...open.keys()][one.at]?.cancel.cancel('enough')
          else if (one.do === 'recycle') recycled.push(control.recycle())
          else if (one.do === 'pause') {
            held.untilMs = clock.now() + one.ms
            control.pause(one.ms)
          } else if (one.do === 'resume') {
            held.untilMs = 0
            control.resume()
          } else if (one.do === 'disable' || one.do === 'enable') {
            held.isDisabled = one.do === 'disable'
            control[one.do]()
          } else if (one.do === 'fail') servers.failures = one.at
          else if (one.do === 'silence') servers.isSilent = !servers.isSilent
          else {
            const caller = callOf('a', 0)
            const source = upstream.catalog.commonSourceOf(caller, 'tools/list')
            const listed = upstream.catalog.list(caller, source, 'tools/list', undefined).catch(() => undefined)
            listing.add(listed)
            void listed.finally(() => listing.delete(listed))
          }
          await settled()
          isTrue()
        }
        servers.failures = 0
        servers.isSilent = false
        Object.assign(held, { untilMs: 0, isDisabled: false })
        control.enable()
        control.resume()
        for (let turn = 0; turn < 200 && (open.size > 0 || turn < 3); turn++) {
          for (const server of live()) for (const id of server.pending.keys()) server.answer(id, { content: [] })
          clock.advance(1000)
          await settled()
        }
        assert.equal(open.size, 0, 'every call has ended')
        await Promise.all(recycled)
        isTrue()
        const { text } = await metrics.scrape()
        for (const [name, values] of Object.entries(samplesOf(watched)))
          for (const [label, value] of Object.entries(values)) assert(hasSample(text, name, label, value), name)
        control.close()
        await upstream.close()
        await settled()
        assert.deepEqual([live().length, upstream.slots.taken, upstream.counts()['workers']], [0, 0, 0])
        const codes = [
          'answered',
          'cancelled',
          'overloaded',
          'upstream_closed',
          'upstream_unavailable',
          'upstream_timeout',
          'upstream_disabled',
        ]
        assert.deepEqual(
          ends.filter((end) => !codes.includes(end)),
          [],
        )
      },
    ),
    { numRuns: 80 },
  )
  expect(wrong).toEqual([])
})

/** What /metrics reads, of this upstream alone. */
function watchedGateway(upstream: PooledUpstream, control: UpstreamControl): ReadGateway {
  return {
    operations: () => control,
    overview: {
      sessions: () => ({ sessions: [], total: 0 }),
      session: () => [],
      closeSession: () => Promise.resolve(false),
      purgeTenant: () => Promise.reject(new Error('not asked for')),
      calls: () => [],
      sessionTotals: () => ({ count: 0, oldestMs: 0, heldBytes: 0 }),
      tenantLimits: () => [],
      tenants: () => [],
      explain: () => ({ runs: true, waits: false, refusal: undefined, upstream: undefined, steps: [] }),
      tenantUse: () => [],
      upstreamCounts: () => [[control.name, { ...upstream.counts(), ...control.counts() }]],
      counts: () => ({}),
      memory: { heldBytes: 0, limitBytes: 0 },
      limits: { maxConnections: 0 },
      isDraining: false,
      drainingForMs: undefined,
    },
  }
}

type Samples = Readonly<Record<string, Readonly<Record<string, number>>>>

const compared = [
  'mcplex_pool_size',
  'mcplex_pool_waiting',
  'mcplex_worker_calls',
  'mcplex_pool_workers',
  'mcplex_upstream_access',
]

/** The values of /metrics that are compared, by name, and by the label beside the upstream. */
function samplesOf(gateway: ReadGateway): Samples {
  const found: Record<string, Record<string, number>> = {}
  for (const { name, values } of readState(gateway)) {
    if (!compared.includes(name)) continue
    const samples = Array.from(values, ({ labels, value }) => {
      const { upstream, ...others } = labels
      assert.equal(upstream, 'model')
      return [Object.values(others).join(), value] as const
    })
    found[name] = Object.fromEntries(samples)
  }
  return found
}

/** Whether the text of /metrics has a sample. */
function hasSample(text: string, name: string, label: string, value: number): boolean {
  return text
    .split('\n')
    .some(
      (line) =>
        line.startsWith(`${name}{`) && line.endsWith(`} ${value}`) && (label === '' || line.includes(`="${label}"`)),
    )
}

function countsOf(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

/** How the servers know a call. */
function nameOf({ id }: Pick<Call, 'id'>): string {
  return `call ${id}`
}

function callOf(client: string, id: number): Call {
  return {
    id: String(id),
    method: 'tools/call',
    params: rawObject({ name: 'run', arguments: { id: nameOf({ id: String(id) }) } }),
    client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
    principal: { tenant: '', subject: '' },
    session: client,
    fairnessKey: client,
    clientKey: client,
    progressToken: undefined,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
  }
}
