/** The settings of the gates: how much at once. */

export interface GateSettings {
  /** Clients at once: sessions, and exchanges in flight of clients without a session. */
  readonly maxConnections: number
  /** How many may wait in one line (for a place as a client, or for a process). */
  readonly queue: number
  /** Longest wait in a line, in milliseconds. */
  readonly queueWaitMs: number
  /** Calls in flight of one session. */
  readonly callsPerSession: number
}
