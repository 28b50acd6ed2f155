/** Errors of shared resources, for the authors of tools. Match on `code`: the class need not be the one that you import. */

/** What is wrong, and what to do about it. Public: codes are never reused. */
export const resourceErrors = {
  queue_full: 'So many wait for the resource already that no more may. Try again later, or raise `maxQueue`.',
  too_late: 'The wait would be longer than `maxWait`, so it did not begin. Try again after `retryAfterMs`.',
  wait_timeout: 'The wait has taken as long as `maxWait`. Try again after `retryAfterMs`.',
  run_timeout: 'What was done with the resource has taken longer than `timeout`.',
  lock_lost: 'The lock was kept longer than `ttl`, or another process has taken it: its signal is aborted.',
  closed: 'The module is closed, or was replaced: its resources are gone. Try again.',
} as const

export type ResourceErrorCode = keyof typeof resourceErrors

export interface ResourceErrorDetails {
  /** When to try again, in milliseconds; 1 s where that is unknown. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** A handler that does not catch it gives its client the message, as the text of a tool error. */
export class ResourceError extends Error {
  readonly code: ResourceErrorCode
  /** The resource, such as `limited("weather")`. */
  readonly resource: string
  readonly retryAfterMs: number

  constructor(code: ResourceErrorCode, resource: string, words: string, details: ResourceErrorDetails = {}) {
    super(`${resource}: ${words}`, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'ResourceError'
    this.code = code
    this.resource = resource
    this.retryAfterMs = details.retryAfterMs ?? 1000
  }
}

/** Milliseconds in words: `250 ms`, `12 s`. */
export function inSeconds(ms: number): string {
  return ms < 1000 ? `${Math.ceil(ms)} ms` : `${Math.ceil(ms / 1000)} s`
}
