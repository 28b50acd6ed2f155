/** What configuration reads from the machine. Passed in, so that tests can replace it; `thisMachine` in load.ts reads the real one. */

export interface Environment {
  /** The environment variables of this process. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Bytes of memory that this process may use: of the machine, or the limit of its container. */
  readonly memoryBytes: number
  /** Bytes to which the heap of this process may grow. */
  readonly heapLimitBytes: number
}
