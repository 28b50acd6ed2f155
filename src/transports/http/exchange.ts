/**
 * One request and its answer, in any version of HTTP. The gateway sees only its `Inbound`; the transport uses the rest.
 * There are two implementations: h1-exchange.ts, and h2-exchange.ts for streams that share a connection.
 */
import type { Clock } from '../../base/clock.ts'
import type { Transfer } from '../../base/transfers.ts'
import type { IncomingRequest } from './entry.ts'

export interface Exchange extends IncomingRequest {
  /** The host that the request names. */
  readonly host: string | undefined
  /** The local address of the connection; undefined on a Unix socket. */
  readonly localAddress: string | undefined
  /** Whether no other exchange is in flight on its connection, so that the answer may close the connection. */
  readonly isAlone: boolean
  /**
   * Whether too much of the request is still to come to read past it to the next request: the answer must then end the
   * connection.
   */
  readonly leavesTooMuch: boolean
  /** Whether all that was written is sent. If not, the reader must be watched. */
  readonly isFlushed: boolean
  /** Bytes of the answer that were written and are not sent yet. */
  readonly unsentBytes: number
  /** Whether all of the answer is sent, or the client has disconnected. */
  readonly isOver: boolean
  /** Whether it waits for an earlier answer on the same connection, whose reader is watched already. */
  readonly isBehindAnother: boolean

  /** @throws Refusal if the headers are ambiguous, or leave the end of the request in doubt */
  check(): void
  /** Called when there is an answer: releases the body and its memory. */
  bodyServed(): void
  /** Counts the memory of the answer until its reader takes it; the exchange is cut if others need that memory. */
  transfer(): Transfer
  /** From now on, further input of the connection is not taken for requests. */
  distrust(): void
  /**
   * Begins the answer with its status and headers.
   * @param lines header names and values, alternating
   */
  begin(status: number, lines: string[]): void
  /** Sends the headers without waiting for a piece of the body. */
  flush(): void
  /** Returns false if the reader is behind: then wait for `onDrain`. */
  write(text: string): boolean
  end(text?: string): void
  /** Calls `listener` whenever the reader has caught up. The returned function removes it. */
  onDrain(listener: () => void): () => void
  /** Calls `listener` once `isOver` holds. */
  onOver(listener: () => void): void
  /** Drops further input of the request. Calls `listener` at its end, if the end is known. */
  drop(listener: () => void): void
  /** Ends the exchange at once because its reader takes nothing. */
  cut(): void
  /** Cuts the answer off: the only way left to show that it is incomplete. */
  breakOff(clock: Clock, lingerMs: number): void
  /** Called when the exchange is answered, or cannot be. */
  settle(isDraining: boolean): void
}
