/**
 * A refusal: the only error that crosses rooms on purpose. What each code means is the table of refusals.ts; the
 * HTTP status of a row is a hint, an era has the last word on how a refusal is worded on its wire.
 */
import type { RefusalRow } from './refusal-row.ts'
import { type RefusalCode, refusals } from './refusals.ts'

export type { RefusalCode }

/** What a refusal can carry beyond its row. All of it may be shown to the client. */
export interface RefusalDetails {
  /** Replaces the row's message where a closer one helps. Never holds internals. */
  readonly message?: string
  /** Further members of `error.data`. */
  readonly data?: Readonly<Record<string, unknown>>
  /** When to try again, in milliseconds; rows of 429 and 503 have one second by default. */
  readonly retryAfterMs?: number
  /** Further HTTP headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>
  /** The error behind it: for the log, never for the client. */
  readonly cause?: unknown
}

/** A refusal on its way to whoever asked. Match on `code`, not on the class. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly details: RefusalDetails

  constructor(code: RefusalCode, details: RefusalDetails = {}) {
    super(details.message ?? refusals[code].message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'Refusal'
    this.code = code
    this.details = details
  }

  get row(): RefusalRow {
    return refusals[this.code]
  }

  /** Milliseconds until a retry makes sense; undefined where waiting does not help. */
  get retryAfterMs(): number | undefined {
    return this.details.retryAfterMs ?? (this.row.status === 429 || this.row.status === 503 ? 1000 : undefined)
  }
}

/** The refusal that an unknown error is: itself if it is one, else nothing. */
export function asRefusal(error: unknown): Refusal | undefined {
  return error instanceof Refusal ? error : undefined
}
