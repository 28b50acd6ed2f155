/** A call of a session that has ended, as its history and its tools see it: without arguments and results. */
export interface PastCall {
  /** A method of the specification, or `unknown`. */
  readonly method: string
  /** The tool or prompt that was called for, if the server lists it; else `unknown`. Undefined for other methods. */
  readonly tool: string | undefined
  /** When it began, in milliseconds since the epoch. */
  readonly at: number
  readonly durationMs: number
  /** `ok`, `tool_error`, `error`, `cancelled` or the code of a refusal. */
  readonly outcome: string
}
