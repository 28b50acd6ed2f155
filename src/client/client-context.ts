/**
 * The context that the modules of client/ share. They serve one client, and send each of its messages as an exchange
 * (`Inbound`, `Outbound`) to a gateway or to a remote endpoint.
 */
import type { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import type { PipeMemory } from './pipe-memory.ts'

export interface ClientNeeds {
  /**
   * Answers one exchange. May reject with the refusal `endpoint_unreachable` if nothing of it was sent, and with
   * `connection_lost` if it may have arrived; reading a body may throw the latter.
   */
  readonly handle: (inbound: Inbound) => Promise<Outbound>
  /**
   * Writes one line to the client; resolves when it can take another, or has closed its input. Rejects with
   * `memory_share_exceeded` or `overloaded` if the line would have to wait and there is no memory to keep it.
   */
  readonly write: (text: string) => Promise<void>
  /** The same for a short line that mcplex itself writes, which is always kept. */
  readonly writeOwn: (text: string) => Promise<void>
  readonly memory: PipeMemory
  readonly clock: Clock
  readonly log: Log
  /**
   * How long a message waits for a server that cannot be reached, in milliseconds. 0 for a gateway in this process:
   * then nothing is retried and nothing waits.
   */
  readonly waitMs: number
  /** How many calls run at once; further ones wait for one of them to end. */
  readonly maxCalls: number
  /** Longest message, in characters. */
  readonly maxMessageChars: number
  /** Called for an answer that means that further attempts are useless. */
  readonly onDenied: (denied: Denied) => void
}

export interface Denied {
  /** The HTTP status. */
  readonly status: number
  /** The MCP method of the request, or `GET` for an event stream. */
  readonly method: string
}

export interface ClientContext extends ClientNeeds {
  /** Fires when the client is done: all waits end. */
  readonly leaving: Cancel
}
