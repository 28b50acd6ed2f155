/**
 * One request and the way back to its client, whatever version of HTTP brought it. The core sees the `Inbound` of it;
 * the edge and `respond` see the rest. There are two: messages on a connection of their own (`h1-exchange.ts`)
 * and streams of a connection that they share (`h2-exchange.ts`).
 */
import type { Clock } from '../../base/clock.ts'
import type { Transfer } from '../../base/transfers.ts'
import type { IncomingRequest } from './entry.ts'

export interface Exchange extends IncomingRequest {
  /** The host that the request names. */
  readonly host: string | undefined
  /** The address that the connection came in at; undefined on a Unix socket. */
  readonly localAddress: string | undefined
  /** Whether nothing else is under way on its connection, so that the answer may be the connection's last. */
  readonly isAlone: boolean
  /**
   * Whether too much of the request is still to come for another one to follow it on its connection: the answer must
   * end the connection.
   */
  readonly leavesTooMuch: boolean
  /** Whether all that was written is on its way. If not, somebody must watch the reader. */
  readonly isFlushed: boolean
  /** Bytes of the answer that were written and are not on their way. */
  readonly unsentBytes: number
  /** Whether all of the answer is on its way, or the client is gone. */
  readonly isOver: boolean
  /** Whether it waits for an earlier answer on the same connection, which is watched itself. */
  readonly isBehindAnother: boolean

  /** @throws Refusal if the head means two things, or leaves in doubt where the request ends */
  check(): void
  /** There is an answer: the body is forgotten, and what was counted of it is given back. */
  bodyServed(): void
  /** Counts what is kept of the answer until its reader takes it; the exchange is cut if others need the memory. */
  transfer(): Transfer
  /** From now on nothing that its connection sends is taken for what it seems. */
  distrust(): void
  /**
   * The head of the answer.
   * @param lines names and values in turn
   */
  begin(status: number, lines: string[]): void
  /** Sends the head without waiting for a piece of the body. */
  flush(): void
  /** False if the reader is behind: `onDrain` tells when to go on. */
  write(text: string): boolean
  end(text?: string): void
  /** Calls `listener` whenever the reader has caught up. Returns how to stop listening. */
  onDrain(listener: () => void): () => void
  /** Calls `listener` once `isOver` holds. */
  onOver(listener: () => void): void
  /** Drops what the client still sends. `listener` is called at the end of it, if there can be one. */
  drop(listener: () => void): void
  /** Ends it without a further word, as its reader takes nothing. */
  cut(): void
  /** Cuts the answer off: the only way left to say that it is not whole. */
  breakOff(clock: Clock, patienceMs: number): void
  /** To be called when it was answered, or cannot be. */
  settle(isDraining: boolean): void
}
