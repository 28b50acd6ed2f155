/** What a connection with one worker needs. */
import type { EventSink } from '../../base/events.ts'
import type { Holder } from '../../base/transfers.ts'
import type { Caller, Update } from '../../protocol/call.ts'
import type { JsonObject } from '../../protocol/json-text.ts'
import type { UpstreamCodec } from '../../protocol/upstream-codec.ts'
import type { WorkerExit } from '../worker-exit.ts'
import type { WorkerStanding } from '../worker-states.ts'
import type { AttributorNeeds } from './attribution.ts'
import type { LineTransport } from './line-transport.ts'

export interface ConnectionNeeds extends AttributorNeeds {
  readonly transport: LineTransport
  /** The only caller that the worker is for, if there is one. */
  readonly owner?: Caller | undefined
  readonly standing: WorkerStanding
  readonly codec: UpstreamCodec
  readonly announced: JsonObject
  readonly events: EventSink
  readonly callIdleMs: number
  /** After how many calls another worker takes its place; undefined: never. */
  readonly callsInAll?: number | undefined
  /** A message outside of calls; false if there was no recipient. */
  unsolicited(update: Update): boolean
  ended(exit: WorkerExit): void
  /** An input request could not be attributed to a client. */
  unattributed(method: string): void
  /** The server keeps sending requests and does not read the responses. */
  notReading(): void
  /** The worker was unresponsive and has sent something. */
  recovered(): void
  /** A response was invalid. @param words for the operator */
  invalid(words: string): void
  /** Counts updates and results that callers have not taken yet. */
  readonly waiting: Holder
}
