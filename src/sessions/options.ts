/** The settings of sessions and their event streams. */

export interface SessionSettings {
  /** A session without a message from its client and without a call in flight ends after this time, in milliseconds. */
  readonly idleTimeoutMs: number
  /** The longest life of a session, in milliseconds. */
  readonly maxSessionMs: number
  /** A session that does not complete its handshake ends after this time, in milliseconds. */
  readonly handshakeTimeoutMs: number
  /** Events kept of one stream for a client that resumes. */
  readonly eventsPerStream: number
  /** Bytes kept of one stream for a client that resumes. */
  readonly bytesPerStream: number
  /** How long the events of a finished stream are kept, in milliseconds. */
  readonly retentionMs: number
  /** A comment is sent on an idle event stream after this time, in milliseconds. */
  readonly keepAliveMs: number
  /** A reader that takes nothing for this time is cut off, in milliseconds; its stream can be resumed. */
  readonly slowReaderMs: number
}
