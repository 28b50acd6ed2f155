/** The header `Retry-After` of an API: a number of seconds, or a date (RFC 9110, 10.2.3). */
import { wallMs } from '../base/clock.ts'

/** Nothing waits longer than that, whatever an API says. */
const longestMs = 24 * 3_600_000

/**
 * @param value of the header, or a number of seconds
 * @returns milliseconds from now; undefined if it says nothing of use
 */
export function retryAfterMs(value: string | number | null | undefined): number | undefined {
  if (value === null || value === undefined || value === '') return undefined
  const seconds = Number(value)
  const ms = Number.isNaN(seconds) ? Date.parse(String(value)) - wallMs() : seconds * 1000
  return Number.isNaN(ms) ? undefined : Math.min(longestMs, Math.max(0, ms))
}

/** Thrown through the code of a task: its call to the API was refused, and is to be made again. */
export class CallAgain extends Error {
  /** Undefined if the API has not said when. */
  readonly afterMs: number | undefined

  constructor(afterMs: number | undefined) {
    super('the API has refused the call for now; mcplex makes it again later. Let this error pass.')
    this.name = 'CallAgain'
    this.afterMs = afterMs
  }
}
