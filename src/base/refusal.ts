/**
 * A refusal: the only error that passes from one module to another on purpose. The table in refusals.ts says what each code
 * means. The HTTP status of a row is a default: the codec of an era decides how a refusal is encoded.
 */
import type { RefusalRow } from './refusal-row.ts'
import { type RefusalCode, refusals } from './refusals.ts'

export type { RefusalCode }

/** What a refusal can carry beyond its row. All of it but `cause` may be shown to the client. */
export interface RefusalDetails {
  /** Replaces the row's message with a more exact one. Never contains internals. */
  readonly message?: string
  /** More members of `error.data`. */
  readonly data?: Readonly<Record<string, unknown>>
  /** When to try again, in milliseconds; rows of 429 and 503 have one second by default. */
  readonly retryAfterMs?: number
  /** More HTTP headers of the response. */
  readonly headers?: Readonly<Record<string, string>>
  /** The error that caused it: for the log, never for the client. */
  readonly cause?: unknown
}

/** A refusal as a thrown error. Match on `code`, not on the class. */
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

/** The error as a refusal if it is one, else undefined. */
export function asRefusal(error: unknown): Refusal | undefined {
  return error instanceof Refusal ? error : undefined
}
