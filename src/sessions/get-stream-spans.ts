/**
 * Which of a session's event streams was sent which events. A session may hold several GET streams; each event goes to
 * exactly one, so a stream that is resumed gets what was sent to it and lost, and nothing that another one was sent.
 * [2025-11-25 transports, multiple connections; resumability]
 */
import type { Position } from '../backplane/backplane.ts'

/** Events after `from`, up to `to`. */
export interface Span {
  readonly from: Position
  readonly to: number
}

/** Where a stream goes on: first what it is owed, then everything after `from`; undefined is what there is. */
export interface Begin {
  readonly owed: readonly Span[]
  readonly from: Position | undefined
}

interface Turn {
  readonly stream: string
  readonly start: number
  end: number
}

/** Older turns are forgotten: their clients have long read on. */
const maxTurns = 64

export class GetStreamSpans {
  #turns: Turn[] = []
  #sent: Position | undefined

  /** How far events were sent, to any stream. */
  get sent(): Position | undefined {
    return this.#sent
  }

  /** Notes that events up to a position were sent to a stream; undefined: events were lost, and it starts anew. */
  note(stream: string, position: Position | undefined): void {
    const start = position?.epoch === this.#sent?.epoch ? (this.#sent?.offset ?? 0) : 0
    if (position === undefined || position.epoch !== this.#sent?.epoch) this.#turns = []
    this.#sent = position
    if (position === undefined) return
    const last = this.#turns.at(-1)
    if (last?.stream === stream) last.end = position.offset
    else this.#turns.push({ stream, start, end: position.offset })
    if (this.#turns.length > maxTurns) this.#turns.shift()
  }

  /** @param seen the last event that the client of the stream has seen, if it had the stream before */
  begin(stream: string, seen: Position | undefined): Begin {
    const sent = this.#sent
    if (!seen) return { owed: [], from: sent }
    // Of another life of the journal, or made up: the journal knows what to say.
    if (!sent || seen.epoch !== sent.epoch || seen.offset > sent.offset) return { owed: [], from: seen }
    const owed = this.#turns
      .filter((turn) => turn.stream === stream && turn.end > seen.offset)
      .map(({ start, end }) => ({ from: { epoch: sent.epoch, offset: Math.max(start, seen.offset) }, to: end }))
    return { owed, from: sent }
  }
}
