/**
 * What the parts of a face share: its needs, and the words for what is on its way. A face serves one client over lines
 * and speaks Inbound and Outbound with whatever answers them.
 */
import { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import type { RequestMessage } from '../protocol/jsonrpc.ts'
import type { PipeMemory } from './pipe-memory.ts'

export interface ClientNeeds {
  /**
   * Answers one exchange. May reject with the refusal `endpoint_unreachable` if nothing of it was sent, and with
   * `connection_lost` if nobody knows what came of it; the pieces of a body may throw the latter.
   */
  readonly handle: (inbound: Inbound) => Promise<Outbound>
  /**
   * Writes one line to the client; resolves when it may take another, or never will. Rejects with
   * `memory_share_exceeded` or `overloaded` if the line would have to wait and there is no room to keep it.
   */
  readonly write: (text: string) => Promise<void>
  /** The same for a short line of our own, which is always kept. */
  readonly writeOwn: (text: string) => Promise<void>
  readonly memory: PipeMemory
  readonly clock: Clock
  readonly log: Log
  /**
   * How long a message waits for a server that is away, in milliseconds. 0 where the server is as close as a function
   * call: then nothing is sent anew, and nothing is waited for.
   */
  readonly waitMs: number
  /** Calls that are carried at once; more wait in line for one of them to end. */
  readonly maxCalls: number
  /** Longest message, in characters. */
  readonly maxMessageChars: number
  /** Told of an answer that says that it is of no use to go on. */
  readonly onDenied: (denied: Denied) => void
}

export interface Denied {
  /** The HTTP status. */
  readonly status: number
  /** Of the request that was answered so. */
  readonly method: string
}

export interface ClientContext extends ClientNeeds {
  /** Fires when the client is done: nothing is waited for any more. */
  readonly leaving: Cancel
}

/** One request of the client whose answer is owed. */
export interface ExpectedResponse {
  readonly request: RequestMessage
  /** `request.id` as a key. */
  readonly key: string
  isAnswered: boolean
  /** The client wants no answer any more. */
  isCancelled: boolean
}

/** What is sent in one POST, and what is known of it. */
export interface SentMessage {
  readonly text: string
  /** The requests in it: one, or those of a batch. */
  readonly expected: readonly ExpectedResponse[]
  /** Fires when nobody waits for it any more. */
  readonly closed: Cancel
  /** Whether it completes the handshake: whatever else belongs to the session follows it. */
  readonly isHandshake: boolean
  /** Whether it may have reached the server. */
  isSent: boolean
  /** The last event of its stream that the client was told: the stream can be resumed after it. */
  lastEventId: string | undefined
  /** How long the server wants us to wait before we resume, in milliseconds. */
  retryMs: number | undefined
}

export function sentMessage(text: string, expected: readonly ExpectedResponse[], isHandshake = false): SentMessage {
  return {
    text,
    expected,
    closed: new Cancel(),
    isHandshake,
    isSent: false,
    lastEventId: undefined,
    retryMs: undefined,
  }
}

/** Whether somebody still waits for an answer that has not come. */
export function isSessionOpen(sent: SentMessage): boolean {
  return !sent.closed.cancelled && sent.expected.some((one) => !one.isAnswered && !one.isCancelled)
}
