/** A row of the table of refusals. */

/** Whether the same request can succeed again: `later`, `never`, or only once the caller has `changed` something. */
export type Retry = 'later' | 'never' | 'changed'

export interface RefusalRow {
  /** What happened, for a client: without internals, names or paths. */
  readonly message: string
  /** What the reader can do about it; printed into the documentation. */
  readonly remedy: string
  /** JSON-RPC error code. */
  readonly rpc: number
  /** HTTP status; 200 means that the refusal answers a valid JSON-RPC request. */
  readonly status: number
  readonly retry: Retry
}

export function row(rpc: number, status: number, retry: Retry, message: string, remedy: string): RefusalRow {
  return { rpc, status, retry, message, remedy }
}
