/** The settings `limits`: how much is served at once, and how much memory may be kept for it. */
import type { OptionTable } from '../base/option.ts'

export interface LimitSettings {
  /** Clients at once: sessions, and exchanges in flight of clients without a session. */
  readonly maxConnections: number
  /** How many may wait in one queue (for admission, or for a process). */
  readonly queue: number
  /** Longest wait in a queue, in milliseconds. */
  readonly queueWaitMs: number
  /** Where the answer is made of several servers: how long the others wait for one, in milliseconds. */
  readonly upstreamWaitMs: number
  /** Calls in flight of one session. */
  readonly callsPerSession: number
  /** What becomes of callers whose tenant has no settings, where tenants are told apart. */
  readonly unknownTenants: 'refuse' | 'default'
  /** Whether features are switched off under overload, in the order of overload-steps.ts. */
  readonly hasOverloadSteps: boolean
  /** The delay of the event loop from which new sessions are refused, in milliseconds. */
  readonly overloadLoopDelayMs: number
  /** How full memory and queues are when new sessions are refused, in percent. */
  readonly overloadMemoryPercent: number
  readonly overloadQueuePercent: number
  /** How long pressure lasts before a step is taken, and calm before it is taken back, in milliseconds. */
  readonly overloadHoldMs: number
  /** The memory budget: bytes that may be kept on behalf of all clients and servers together. */
  readonly memoryBytes: number
}

const mebibyte = 1024 ** 2
const leastMemory = 4 * mebibyte

/**
 * The default memory budget in bytes: a quarter of the available memory, in whole mebibytes.
 * @param memoryBytes memory that this process may use: of the machine, or the limit of its container
 * @param heapLimitBytes the size to which V8 lets the heap grow
 */
export function autoMemory(memoryBytes: number, heapLimitBytes: number): number {
  const quarter = Math.min(memoryBytes, heapLimitBytes) / 4
  return Math.max(leastMemory, Math.floor(quarter / mebibyte) * mebibyte)
}

export const limitOptions: OptionTable<LimitSettings> = {
  maxConnections: {
    path: 'limits.maxConnections',
    aliases: ['maxConnections'],
    kind: 'count',
    flag: 'max-connections',
    env: 'MCP_MAX_CONNECTIONS',
    about:
      'Clients at once: sessions, and exchanges in flight of clients without a session. Further clients wait in a queue.',
    default: 1000,
    min: 1,
    max: 1_000_000,
    why: 'A session costs no process until it calls and a few kilobytes while idle; 1,000 clients fit any machine that can run a few servers.',
  },
  queue: {
    path: 'limits.queue.max',
    kind: 'count',
    flag: 'queue',
    about:
      'How many may wait in one queue: for admission, for a process, or for a turn at a server. Further ones are refused at once, or take the place of the last one of a session with more.',
    default: 500,
    min: 0,
    max: 1_000_000,
    why: 'Half of the clients may come at the same moment; a longer queue only turns refusals into time-outs.',
  },
  queueWaitMs: {
    path: 'limits.queue.maxWait',
    kind: 'duration',
    flag: 'queue-wait',
    about:
      'Longest wait in one queue; after it comes the refusal `overloaded` with Retry-After. A call may wait in two, for its turn at a server with `concurrency` and then for a process; a pause of the server is not counted.',
    default: 10_000,
    min: 0,
    max: 600_000,
    why: 'Clients give a request about 60 s; a wait of 10 s leaves most of that for the call itself.',
  },
  upstreamWaitMs: {
    path: 'limits.upstreamWait',
    kind: 'duration',
    about:
      'Where several servers are one endpoint: how long a list, a handshake or a subscription waits for a server that does not answer. It is then named as missing, and the others are served without it.',
    default: 2000,
    min: 100,
    max: 60_000,
    why: 'A third of what impatient clients give a list, and more than a server needs that works. A longer wait is for servers behind a slow network that list anew with each request.',
  },
  callsPerSession: {
    path: 'limits.callsPerSession',
    kind: 'count',
    about: 'Calls in flight of one session. The next one is refused with `too_many_calls`.',
    default: 64,
    min: 1,
    max: 100_000,
    why: 'Agents run a few calls in parallel; 64 leaves room and keeps one client from filling a process.',
  },
  unknownTenants: {
    path: 'limits.unknownTenants',
    kind: 'choice',
    about:
      'Where there are `tenants`: what becomes of callers of a tenant that has no name there. `refuse` refuses them with `unknown_tenant`; `default` gives each such tenant what `tenants.default` has.',
    choices: ['refuse', 'default'],
    default: 'refuse',
    why: 'A tenant that the operator has not named may be a mistake in the credentials.',
  },
  hasOverloadSteps: {
    path: 'limits.overload.enabled',
    kind: 'switch',
    about:
      'Switches features off under overload, one after the other, and back on: work in the background, new sessions, new calls of the busiest sessions, all new work.',
    default: true,
    why: 'Calls in flight and sessions that are open stay well, while a process without free time or memory would fail all of them.',
  },
  overloadLoopDelayMs: {
    path: 'limits.overload.loopDelay',
    kind: 'duration',
    about: 'New sessions are refused if the event loop is later than this (99th percentile of each second).',
    default: 250,
    min: 10,
    max: 60_000,
    why: 'A loop that is well is late by a few milliseconds; a quarter of a second, again and again, is added to every message of every client.',
  },
  overloadMemoryPercent: {
    path: 'limits.overload.memory',
    kind: 'count',
    about:
      'New sessions are refused if more memory is in use than this, in percent: of the heap of Node, or the resident memory of mcplex itself as a part of the memory of the machine or container. Processes of servers do not count.',
    default: 85,
    min: 10,
    max: 100,
    why: 'What is left is for the calls of sessions that are open. A heap that is nearly full spends its time collecting garbage.',
  },
  overloadQueuePercent: {
    path: 'limits.overload.queue',
    kind: 'count',
    about:
      'New sessions are refused if a queue for admission or processes is fuller than this, in percent. Queues with a bound below 50 do not count.',
    default: 85,
    min: 10,
    max: 100,
    why: 'The rest of the queue is for clients that have a session already.',
  },
  overloadHoldMs: {
    path: 'limits.overload.hold',
    kind: 'duration',
    about: 'How long pressure must last before the next step is taken, and calm before the last one is taken back.',
    default: 5000,
    min: 1000,
    max: 600_000,
    why: 'Shorter peaks pass by themselves, and clients are not refused and admitted by turns.',
  },
  memoryBytes: {
    path: 'limits.memory',
    kind: 'bytes',
    flag: 'memory',
    word: 'auto',
    about:
      'How much mcplex itself keeps in memory on behalf of all clients and servers together (`limits.memory` below a server limits its processes): events, bodies, waiting calls, subscriptions, lists. Beyond it, events kept for clients that resume are dropped, slow readers are cut, and new work is refused with `overloaded`.',
    default: {
      derived: 'auto: a quarter of the memory of the machine, its container or the heap of Node, whichever is least',
    },
    min: leastMemory,
    max: 1024 ** 4,
    why: 'Data costs up to twice its size for a moment while it is read and written; the rest is for Node, code and connections. To keep more, raise the heap limit as well (`NODE_OPTIONS=--max-old-space-size=…`).',
  },
}
