/**
 * The smallest thing that can stand behind HTTP: what it does with a request is named by the request's
 * `X-Act` header, and what happened to it can be looked at afterwards.
 */
import { systemClock } from '../../src/base/clock.ts'
import { silentLog, type Log, type LogFields } from '../../src/base/log.ts'
import { createMemoryBudget } from '../../src/base/memory-budget.ts'
import { Refusal, type RefusalCode } from '../../src/base/refusal.ts'
import type { HttpSettings } from '../../src/transports/http/options.ts'
import {
  listen,
  type ListenNeeds,
  type ListenSettings,
  type HttpListener,
  type Mountable,
} from '../../src/transports/http/listen.ts'
import type { HealthReport } from '../../src/protocol/health.ts'
import { header, type Inbound, type Outbound } from '../../src/protocol/inbound.ts'

export interface FakeGateway extends Mountable {
  /** Requests that got as far as the gateway. */
  readonly seen: Inbound[]
  /** What happened, in order. */
  readonly happened: string[]
  /** Pieces of streams that were pulled, in characters. */
  pulled: number
  health: () => Promise<HealthReport>
  /** Lets the streams that wait go on by one piece. */
  step(): void
}

export const wellReport: HealthReport = { status: 'ok', ready: true, live: true, checks: {}, version: '0.0.0' }

export const secret = 'secret at /srv/app/node_modules/thing/index.js:12'

const json = { 'Content-Type': 'application/json' }
const sse = { 'Content-Type': 'text/event-stream' }

export function createFakeGateway(services: Partial<Mountable['transportServices']> = {}): FakeGateway {
  const waiting: Array<() => void> = []
  const gone = (inbound: Inbound): Promise<void> =>
    new Promise((resolve) => void inbound.closed.onCancel(() => resolve()))
  const acts: Record<string, (inbound: Inbound) => Promise<Outbound> | Outbound> = {
    async echo(inbound) {
      return { status: 200, headers: json, body: await inbound.body() }
    },
    unread: () => ({ status: 401, headers: { ...json, 'WWW-Authenticate': 'Bearer' }, body: '{"unread":true}' }),
    whoami: (inbound) => ({ status: 200, headers: json, body: inbound.connection }),
    headers: async (inbound) => {
      await inbound.body()
      return { status: 200, headers: json, body: JSON.stringify(inbound.headers) }
    },
    empty: async (inbound) => {
      await inbound.body()
      return { status: 202, headers: {}, body: '' }
    },
    fault() {
      throw new Error(secret)
    },
    refuse(inbound) {
      throw new Refusal((header(inbound, 'x-code') ?? 'overloaded') as RefusalCode)
    },
    async hang(inbound) {
      gateway.happened.push('hanging')
      await gone(inbound)
      gateway.happened.push(`closed: ${inbound.closed.reason}`)
      throw new Refusal('cancelled')
    },
    large: () => ({ status: 200, headers: json, body: `"${'é'.repeat(8 * 1024 * 1024)}"` }),
    flood: (inbound) => ({ status: 200, headers: sse, body: flood(inbound) }),
    steps: (inbound) => ({ status: 200, headers: sse, body: steps(inbound) }),
    async late(inbound) {
      gateway.happened.push('waiting')
      await gone(inbound)
      return { status: 200, headers: sse, body: steps(inbound) }
    },
    deaf: () => ({ status: 200, headers: sse, body: deaf() }),
    broken: () => ({ status: 200, headers: sse, body: broken() }),
  }
  /** Twenty MiB in pieces of 64 KiB. */
  async function* flood(inbound: Inbound): AsyncGenerator<string> {
    inbound.closed.onCancel(() => gateway.happened.push(`closed: ${inbound.closed.reason}`))
    try {
      for (let i = 0; i < 320; i++) {
        gateway.pulled += 65_536
        yield 'x'.repeat(65_536)
      }
      gateway.happened.push('flood is through')
    } finally {
      gateway.happened.push('returned')
    }
  }
  /** Three pieces, each after a `step`. */
  async function* steps(inbound: Inbound): AsyncGenerator<string> {
    inbound.closed.onCancel(() => gateway.happened.push(`closed: ${inbound.closed.reason}`))
    try {
      for (let i = 1; i <= 3; i++) {
        const stepped = new Promise<void>((resolve) => void waiting.push(resolve))
        await Promise.race([stepped, gone(inbound)])
        yield `data: ${i} ✓\n\n`
      }
    } finally {
      gateway.happened.push('returned')
    }
  }
  /** An iterator that does not listen to cancellation and never comes up with a piece: only `return` ends it. */
  function deaf(): AsyncIterable<string> {
    let end = (): void => {}
    const ended = new Promise<IteratorResult<string>>((resolve) => {
      end = () => resolve({ done: true, value: undefined })
    })
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => ended,
        return: () => {
          gateway.happened.push('returned')
          end()
          return ended
        },
      }),
    }
  }
  async function* broken(): AsyncGenerator<string> {
    yield 'data: 1\n\n'
    await Promise.resolve()
    throw new Error(secret)
  }
  const gateway: FakeGateway = {
    transportServices: {
      http: httpSettings,
      slowReaderMs: 30_000,
      clock: systemClock,
      log: silentLog,
      memory: createMemoryBudget(64 * 1024 ** 2),
      ...services,
    },
    seen: [],
    happened: [],
    pulled: 0,
    async handle(inbound) {
      gateway.seen.push(inbound)
      const act = acts[header(inbound, 'x-act') ?? 'echo']
      if (!act) throw new Error('no such act')
      return act(inbound)
    },
    health: () => Promise.resolve(wellReport),
    step() {
      for (const go of waiting.splice(0)) go()
    },
  }
  return gateway
}

export const httpSettings: HttpSettings = {
  host: '127.0.0.1',
  port: 0,
  socket: undefined,
  socketMode: '600',
  tlsCert: undefined,
  tlsKey: undefined,
  maxStreams: 2_000,
  allowHosts: ['mcp.example.com'],
  allowOrigins: ['https://app.example.com'],
  maxBodyBytes: 1024 * 1024,
  sse: true,
  insecure: false,
  drainMs: 1_000,
}

export interface FakeServer {
  readonly gateway: FakeGateway
  readonly listener: HttpListener
  readonly port: number
  readonly logged: LogFields[]
}

/** A fake gateway behind a listener on a free port. */
export async function openFakeServer(
  tuning: Partial<ListenNeeds> = {},
  settings: Partial<ListenSettings> = {},
): Promise<FakeServer> {
  const gateway = createFakeGateway()
  const logged: LogFields[] = []
  const keep = (fields: LogFields): void => void logged.push(fields)
  const log: Log = { debug: () => {}, info: keep, warn: keep, error: keep }
  const listener = await listen(gateway, { ...httpSettings, ...settings }, log, { clock: systemClock, ...tuning })
  return { gateway, listener, port: listener.port, logged }
}
