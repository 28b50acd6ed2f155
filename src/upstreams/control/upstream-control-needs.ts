/** What the control of an upstream needs, and what it controls. */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import type { Call } from '../../protocol/call.ts'
import type { Upstream } from '../upstream.ts'
import type { CallLine } from './call-line.ts'

export interface UpstreamControlNeeds {
  /** The name of the upstream. */
  readonly name: string
  /** How many calls may wait, here and in the line of the upstream itself. */
  readonly queue: number
  /** The line of its calls until it is given another one. */
  readonly line: CallLine
  /** The upstream that has the name now; undefined if there is none any more. */
  readonly current: () => ControlledUpstream | undefined
  /** Whether the server says of the tool of a call that a second run changes nothing more. */
  readonly isIdempotent: (call: Call) => boolean
  readonly clock: Clock
  /** Its lines name the upstream already. */
  readonly log: Log
  readonly events: EventSink
}

/** What calls run on. */
export type ControlledUpstream = Pick<Upstream, 'call' | 'counts' | 'recycle' | 'workers'>
