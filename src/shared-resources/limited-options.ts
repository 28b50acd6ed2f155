/** What `limited` of `mcplex/tools` takes and returns. */
import type { Awaitable } from '../base/awaitable.ts'
import type { Rate } from './rate-window.ts'

export interface LimitedOptions {
  /** How many calls the API allows: a number is calls a second; `per` is in milliseconds. By default as many as come. */
  readonly rate?: number | { readonly calls: number; readonly per: number }
  /** How many calls may run at once. By default as many as come. */
  readonly concurrency?: number
  /**
   * From when a call counts for the rate. `end`, the default: until the time of `rate` after its end, so that the API never
   * sees more, however requests are delayed on their way. `start`: from its start alone, for an API that is slow and counts
   * requests as they come.
   */
  readonly countFrom?: 'end' | 'start'
  /** Longest wait for a turn, in milliseconds: 60,000 by default. A call that would wait longer is refused at once. */
  readonly maxWait?: number
  /** How many calls may wait: 1,000 by default. */
  readonly maxQueue?: number
  /** Longest run of a task, in milliseconds, once it has its turn: 60,000 by default. */
  readonly timeout?: number
}

export interface Limited {
  /**
   * Runs a task when it is its turn, and gives what it returns. Turns are fair: between tenants, then between the sessions of
   * each tenant. Rejects with what the task throws, with a `ResourceError`, or with the reason of the signal if the call is
   * cancelled while it waits.
   */
  run<Value>(task: (attempt: LimitedAttempt) => Awaitable<Value>, options?: LimitedRunOptions): Promise<Value>
}

export interface LimitedRunOptions {
  /** Aborts the wait and the task, as the end of the tool call does. */
  readonly signal?: AbortSignal
  /** Instead of the `maxWait` of the resource. */
  readonly maxWait?: number
}

export interface LimitedAttempt {
  /** Aborted when the tool call is cancelled, or the task takes longer than `timeout`: give it to `fetch`. */
  readonly signal: AbortSignal
  /**
   * The API has refused the call for now (429): no call begins before the time it names, and then the task runs again, within
   * `maxWait`. Throws, to leave the task.
   * @param value the header `Retry-After`, or a number of seconds; without one the pauses grow from 1 s to a minute
   */
  readonly retryAfter: (value?: string | number | null) => never
}

export interface LimitedSettings {
  readonly rate: Rate | undefined
  readonly concurrency: number
  readonly maxWaitMs: number
  readonly maxQueue: number
  readonly timeoutMs: number
}

/** The options with defaults. Throws a `TypeError` that names what is wrong. */
export function limitedSettings(resource: string, options: LimitedOptions): LimitedSettings {
  const { rate, concurrency, countFrom, maxWait, maxQueue, timeout } = options
  if (rate === undefined && concurrency === undefined)
    throw new TypeError(`${resource} needs a rate, a concurrency, or both`)
  const { calls, per } = typeof rate === 'object' ? rate : { calls: rate, per: 1000 }
  if (countFrom !== undefined && !['end', 'start'].includes(countFrom))
    throw new TypeError(`${resource}: countFrom is "end" or "start"`)
  return {
    rate:
      rate === undefined
        ? undefined
        : {
            calls: wholeNumber(resource, 'rate (calls)', calls, 1),
            perMs: wholeNumber(resource, 'rate.per', per, 1),
            isFromStart: countFrom === 'start',
          },
    concurrency: wholeNumber(resource, 'concurrency', concurrency ?? maxNumber, 1),
    maxWaitMs: wholeNumber(resource, 'maxWait', maxWait ?? 60_000, 0),
    maxQueue: wholeNumber(resource, 'maxQueue', maxQueue ?? 1000, 0),
    timeoutMs: wholeNumber(resource, 'timeout', timeout ?? 60_000, 1),
  }
}

/** The longest time of a timer. */
const maxNumber = 2 ** 31 - 1

/** Throws a `TypeError` unless it is a whole number within its bounds. */
export function wholeNumber(resource: string, name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= maxNumber) return value
  throw new TypeError(`${resource}: ${name} is a whole number from ${least} to ${maxNumber}`)
}
