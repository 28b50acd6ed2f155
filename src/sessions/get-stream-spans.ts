/**
 * Which events of a session were sent on which GET stream. A session may hold several GET streams and each event is sent on
 * exactly one of them, so a resumed stream gets the events that were sent on it and lost, and none that were sent on another.
 * [2025-11-25 transports, multiple connections; resumability]
 */
import type { Position } from '../backplane/backplane.ts'

/** The events after `from`, up to `to`. */
export interface Span {
  readonly from: Position
  readonly to: number
}

/** Where a stream starts or continues: the spans that its client missed are sent again, then all events after `from`; without `from`, all events that are kept. */
export interface StreamStart {
  readonly resend: readonly Span[]
  readonly from: Position | undefined
}

interface SentRange {
  readonly stream: string
  readonly start: number
  end: number
}

/** Older ranges are forgotten: their clients have read on long ago. */
const maxRanges = 64

export class GetStreamSpans {
  #ranges: SentRange[] = []
  #sent: Position | undefined

  /** The position of the last event that was sent, on any stream. */
  get sent(): Position | undefined {
    return this.#sent
  }

  /** Notes that the events up to a position were sent on a stream; undefined means that events were lost, and forgets all ranges. */
  note(stream: string, position: Position | undefined): void {
    const start = position?.epoch === this.#sent?.epoch ? (this.#sent?.offset ?? 0) : 0
    if (position === undefined || position.epoch !== this.#sent?.epoch) this.#ranges = []
    this.#sent = position
    if (position === undefined) return
    const last = this.#ranges.at(-1)
    if (last?.stream === stream) last.end = position.offset
    else this.#ranges.push({ stream, start, end: position.offset })
    if (this.#ranges.length > maxRanges) this.#ranges.shift()
  }

  /**
   * Where a stream begins.
   * @param seen the last event of the stream that its client has seen, if it resumes
   */
  startOf(stream: string, seen: Position | undefined): StreamStart {
    const sent = this.#sent
    if (!seen) return { resend: [], from: sent }
    // From another epoch of the journal, or forged: the journal reports it as expired.
    if (!sent || seen.epoch !== sent.epoch || seen.offset > sent.offset) return { resend: [], from: seen }
    const resend = this.#ranges
      .filter((range) => range.stream === stream && range.end > seen.offset)
      .map(({ start, end }) => ({ from: { epoch: sent.epoch, offset: Math.max(start, seen.offset) }, to: end }))
    return { resend, from: sent }
  }
}
