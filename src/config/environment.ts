/** What configuration takes from the machine. Handed in, for tests; `load.ts` reads the real one. */

export interface Environment {
  /** Our environment. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Bytes of memory that we may use, the limit of our container included. */
  readonly memoryBytes: number
  /** Bytes to which the heap of this process may grow. */
  readonly heapLimitBytes: number
}
