/** What `pool` of `mcplex/tools` takes and returns. */
import type { Awaitable } from '../base/awaitable.ts'
import { type LimitedSettings, wholeNumber } from './limited-options.ts'

export interface PoolOptions<Resource> {
  /** Makes one, such as a connection to a database. What it throws is what `run` rejects with. */
  create(this: void): Awaitable<Resource>
  /** Ends one. What it throws is ignored. */
  destroy(this: void, resource: Resource): unknown
  /**
   * Whether one can still be used: asked before each use, unless it was just made. One is ended if this throws, or takes
   * longer than 5 s. By default it can be used.
   */
  validate?(this: void, resource: Resource): Awaitable<boolean>
  /** How many there are at most. One that is being made or ended counts. */
  readonly max: number
  /** How many are kept while they are idle, once they were made: none by default. */
  readonly min?: number
  /** How long one may be idle before it is ended, in milliseconds: 30,000 by default. */
  readonly idle?: number
  /** Longest wait for a turn, in milliseconds: 60,000 by default. A task that would wait longer is refused at once. */
  readonly maxWait?: number
  /** How many tasks may wait: 1,000 by default. */
  readonly maxQueue?: number
  /** Longest run of a task, in milliseconds, once it has its turn: 60,000 by default. Then what it has used is ended. */
  readonly timeout?: number
}

export interface SharedPool<Resource> {
  /**
   * Lends one to a task, and gives what the task returns. Turns are fair: between tenants, then between the sessions of each
   * tenant. Rejects with what the task or `create` throws, with a `ResourceError`, or with the reason of the signal if the
   * call is cancelled while it waits.
   */
  run<Value>(
    task: (resource: Resource, lent: { readonly signal: AbortSignal }) => Awaitable<Value>,
    options?: PoolRunOptions,
  ): Promise<Value>
}

export interface PoolRunOptions {
  /** Aborts the wait and the task, as the end of the tool call does. */
  readonly signal?: AbortSignal
  /** Instead of the `maxWait` of the pool. */
  readonly maxWait?: number
}

export interface PoolSettings {
  readonly turns: LimitedSettings
  readonly max: number
  readonly min: number
  readonly idleMs: number
}

/** The options with defaults. Throws a `TypeError` that names what is wrong. */
export function poolSettings(
  resource: string,
  options: Readonly<Partial<Record<keyof PoolOptions<unknown>, unknown>>>,
): PoolSettings {
  const { create, destroy, validate, max, min, idle, maxWait, maxQueue, timeout } = options
  for (const [name, value] of Object.entries({ create, destroy, validate: validate ?? create }))
    if (typeof value !== 'function') throw new TypeError(`${resource}: ${name} is a function`)
  const most = wholeNumber(resource, 'max', max, 1)
  const least = wholeNumber(resource, 'min', min ?? 0, 0)
  if (least > most) throw new TypeError(`${resource}: min is at most max`)
  return {
    turns: {
      rate: undefined,
      concurrency: most,
      maxWaitMs: wholeNumber(resource, 'maxWait', maxWait ?? 60_000, 0),
      maxQueue: wholeNumber(resource, 'maxQueue', maxQueue ?? 1000, 0),
      timeoutMs: wholeNumber(resource, 'timeout', timeout ?? 60_000, 1),
    },
    max: most,
    min: least,
    idleMs: wholeNumber(resource, 'idle', idle ?? 30_000, 1),
  }
}
