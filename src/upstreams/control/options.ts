/** The settings of what stands in front of the calls of an upstream. */
import type { OptionTable } from '../../base/option.ts'

export interface ControlSettings {
  /** Calls that run at once on all workers together; more wait. 0: as many as come. */
  readonly concurrency: number
  /** The concurrency adapts to what the server can handle, and is at most this; 0: it does not. */
  readonly adaptiveMax: number
  /** It is at least this then. */
  readonly adaptiveMin: number
  /** The name of a limit that it shares with other upstreams; empty: it has its own. */
  readonly limit: string
  /** The breaker opens when so many of a hundred calls fail. 0: it never does. */
  readonly breakerErrorPercent: number
  /** It never does with fewer calls within the window. */
  readonly breakerMinCalls: number
  /** How long a call counts, in milliseconds. */
  readonly breakerWindowMs: number
  /** How long calls are refused at first, in milliseconds. */
  readonly breakerOpenMs: number
  /** A call that takes longer counts as failed, in milliseconds. 0: however long it takes. */
  readonly breakerSlowMs: number
  /** Whether a call runs once more whose worker has ended, if its tool says that this has no further effect. */
  readonly retryIdempotent: boolean
}

export const controlOptions: OptionTable<ControlSettings> = {
  concurrency: {
    path: 'upstream.concurrency',
    kind: 'count',
    about:
      'Calls at once to the server, on all of its processes together (`pool.concurrency` is for each process); 0: as many as come. Further calls wait in line, fair between clients, and one that would wait for longer than `limits.queue.maxWait` is refused at once.',
    default: 0,
    min: 0,
    max: 1_000_000,
    why: 'Most servers are limited by their processes alone. One in front of something with a limit of its own, such as an API with a rate or a database with few connections, needs a number.',
  },
  adaptiveMax: {
    path: 'upstream.adaptiveConcurrency.max',
    kind: 'count',
    about:
      'Has `concurrency` adapt to what the server can handle: it grows while calls take no longer than they take when few run, and falls when they take longer. This is the highest limit, or `concurrency` if that is set and lower; 0: it does not adapt.',
    default: 0,
    min: 0,
    max: 10_000,
    why: 'A fixed number is easier to understand. Where the right one is not known, or changes with what is behind the server, try 200.',
  },
  adaptiveMin: {
    path: 'upstream.adaptiveConcurrency.min',
    kind: 'count',
    about: 'The least to which `concurrency` falls when it adapts.',
    default: 1,
    min: 1,
    max: 10_000,
    why: 'A server that gets slower and slower is called one at a time.',
  },
  limit: {
    path: 'upstream.limit',
    kind: 'text',
    about:
      'The name of a limit that several servers share: those that name the same one share one count, and the lowest `concurrency` above 0 among them applies, or it adapts if one of them has `adaptiveConcurrency`.',
    default: '',
    shape: {
      accepted: 'a name, or nothing for a limit of its own',
      test: (text) => /^[\w-]{0,64}$/.test(text),
    },
    why: 'Servers that use the same API or database count together.',
  },
  breakerErrorPercent: {
    path: 'upstream.breaker.errorPercent',
    kind: 'count',
    about:
      'The circuit breaker: when this percentage of calls fails, calls are refused with `breaker_open` for a while, and then one is let through. A number without `%`; 0: it never opens. A call fails if the server ends, does not answer in time, cannot be started, or sends what is not valid; any answer counts as answered, also an error of a tool.',
    default: 0,
    min: 0,
    max: 100,
    why: 'Where each session has a process, one session can break only its own. For a shared server that hangs on something behind it, 50 keeps callers from waiting for it.',
  },
  breakerMinCalls: {
    path: 'upstream.breaker.minCalls',
    kind: 'count',
    about: 'The breaker opens only if there were at least this many calls within `breaker.window`.',
    default: 20,
    min: 1,
    max: 100_000,
    why: 'A few calls say little.',
  },
  breakerWindowMs: {
    path: 'upstream.breaker.window',
    kind: 'duration',
    about: 'How long a call counts for the breaker.',
    default: 30_000,
    min: 1000,
    max: 3_600_000,
    why: 'Long enough for what clients do within a turn, and short enough to open while it helps.',
  },
  breakerOpenMs: {
    path: 'upstream.breaker.openFor',
    kind: 'duration',
    about:
      'How long the breaker refuses calls before one is let through. The time doubles with each further failure, up to 16 times this one, and is up to a quarter longer by chance.',
    default: 15_000,
    min: 100,
    max: 3_600_000,
    why: 'A server that restarts is back by then.',
  },
  breakerSlowMs: {
    path: 'upstream.breaker.slowAfter',
    kind: 'duration',
    about:
      'A call that takes longer counts as failed for the breaker, even if it is answered. Waiting for a process, for a turn or for the answer of a user does not count. 0: however long it takes.',
    default: 0,
    min: 0,
    max: 24 * 3_600_000,
    why: 'Many tools work for minutes. For a server whose calls are quick, a number finds out that it hangs before it fails.',
  },
  retryIdempotent: {
    path: 'upstream.retry.idempotent',
    kind: 'switch',
    about:
      'When a process ends during a call, the call runs once more on another one, if its tool has `annotations` with `readOnlyHint` or `idempotentHint` true and nothing of the call has reached its client. Both runs together have the time limits of one call.',
    default: false,
    why: 'What a process keeps in memory ends with it: where sessions rely on that, an error says so, and an answer of a new process does not. Switch it on for servers that keep no state in memory.',
  },
}
