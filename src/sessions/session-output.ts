/** The way to the client of a session. Chosen when the session opens; callers do not ask which one it is. */
export interface SessionOutput {
  /** `journalled`: events are stored first and can be read again by their ids. `live`: each event is sent once, on one stream. */
  readonly kind: 'journalled' | 'live'
  /** Sends a message that belongs to no call. Never throws: the client is told of messages that could not be kept. */
  send(text: string): void
  /** Whether the client reads such messages at this moment. */
  readonly isRead: boolean
  /** The session has ended: ends the client's streams. Calling it again does nothing. */
  end(): void
}

/** Where a session is opened. */
export interface OpenedAt {
  /** The name of the endpoint; empty, as by default, for that of all upstreams. */
  readonly endpoint?: string
  readonly output?: SessionOutput | undefined
}
