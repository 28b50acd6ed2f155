/** A row of the table of refusals. */

/** Whether doing the same again can help: at once after a wait, never, or only after the caller has changed something. */
export type Retry = 'later' | 'never' | 'changed'

export interface RefusalRow {
  /** What happened, for a client: no internals, no names, no paths. */
  readonly message: string
  /** What the reader can do about it; printed into the documentation. */
  readonly remedy: string
  /** JSON-RPC error code. */
  readonly rpc: number
  /** HTTP status; 200 means that the refusal is the JSON-RPC answer of a request that was understood. */
  readonly status: number
  readonly retry: Retry
}

export function row(rpc: number, status: number, retry: Retry, message: string, remedy: string): RefusalRow {
  return { rpc, status, retry, message, remedy }
}
