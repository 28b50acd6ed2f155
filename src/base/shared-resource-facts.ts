/** What operators are shown of one thing that a module shares among its sessions: a lock, a pool, a limit. */
export interface SharedResourceFacts {
  readonly kind: 'lock' | 'pool' | 'limited'
  /** The name, or the path of a file, that the module has given it. */
  readonly name: string
  /** 1 if a lock is held; resources of a pool in use; calls that run. */
  readonly inUse: number
  /** How many wait for it, and how long the first of them has waited, in milliseconds. */
  readonly waiting: number
  readonly oldestWaitMs: number
  /** How many resources a pool has. */
  readonly size?: number
}
