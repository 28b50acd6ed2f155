/** The settings of an upstream: what to start, who shares it, and how long things may take. */

/** Who shares upstream processes: a session, a principal, a tenant, everybody, or nobody even for two calls at once. */
export type Mode = 'session' | 'principal' | 'tenant' | 'shared' | 'call'

export interface UpstreamSettings {
  /** The program to start; found through PATH, run without a shell. */
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the child; nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  /** Undefined: `session` for servers of the session-based era, `shared` for stateless ones. */
  readonly mode: Mode | undefined
  /** Processes at most. */
  readonly pool: number
  /** Calls in flight on one shared process before another is started or calls wait. */
  readonly callsPerProcess: number
  /** Processes started ahead, so that a first call does not wait for a cold start. */
  readonly spares: number
  /** Longest time from start to the answer of the handshake, in milliseconds. */
  readonly startTimeoutMs: number
  /** A call without an answer or progress for this time is ended, in milliseconds. */
  readonly callIdleMs: number
  /** A call without an answer for this time is ended, in milliseconds, progress or not. */
  readonly callTotalMs: number
  /** A process without calls for this time is ended, in milliseconds. */
  readonly processIdleMs: number
  /** When the pool is full, a process of another unit may be ended for a waiting call once idle for this long, in milliseconds. */
  readonly evictIdleMs: number
  /** Longest line taken from a child, in bytes: the limit of a result. */
  readonly maxLineBytes: number
}
