/**
 * Cuts the bytes of a pipe into lines: UTF-8 ended by newlines; a carriage return before the newline is tolerated, blank
 * lines are skipped. This is the hot path of a busy server, so a run of whole lines is decoded at once and the string is
 * cut; no character is split, because only whole lines are decoded. A byte order mark before a line is skipped: some
 * programs write one at the start, and no line of JSON begins with it.
 *
 * Promises: the same lines, however the bytes were cut into chunks; memory bounded by `maxLineBytes`. A line may share the
 * memory of its chunk (at most 64 KiB from a pipe): to keep a line for long, keep a copy of it or the parsed value.
 */
import { isUtf8 } from 'node:buffer'
import type { Reservation, MemoryAccount } from './memory-budget.ts'

/** What is reported of a line that was dropped. */
export interface LostLine {
  /** Its length. */
  readonly bytes: number
  /** Its first and last 256 bytes, one character for each byte: enough to find the request that it answers. */
  readonly head: string
  readonly tail: string
  /** `too_long`; `share` or `budget` if that memory limit left no room; `unended` if the bytes ended before the line did. */
  readonly why: 'too_long' | 'unended' | Exclude<Reservation, 'reserved'>
}

export interface LineSink {
  /** One line, without its newline. Must not throw. */
  line(text: string): void
  /** A line was dropped; `why` says for what reason. */
  dropped(line: LostLine): void
  /** A line that is not valid UTF-8, with U+FFFD for each invalid sequence. Without this method such lines go to `line`. */
  garbled?(text: string): void
}

const newline = 10
const carriageReturn = 13
const byteOrderMark = 0xfeff
const nothing = Buffer.alloc(0)
/** Decoding puts this in the place of bytes that are not UTF-8. */
const replacement = '\ufffd'
/** Up to this size the buffer of a begun line is reused for the next one, and its memory is not counted. */
const keepBytes = 8 * 1024
/** A line up to this size is never dropped for want of memory. */
const assuredBytes = 256 * 1024
const edgeBytes = 256

export class LineReader {
  readonly #maxLineBytes: number
  readonly #sink: LineSink
  /** The begun line is the first `#held` bytes of this. */
  #begun: Buffer = nothing
  #held = 0
  /** A begun line that is dropped already; only its first and last bytes are kept. */
  #lost: { bytes: number; readonly head: string; tail: string; readonly why: LostLine['why'] } | undefined
  readonly #memory: MemoryAccount | undefined
  #counted = 0

  /**
   * @param maxLineBytes counts the bytes of a line without its newline
   * @param memory counts the bytes kept of a begun line; a line for which it has no room is dropped
   */
  constructor(maxLineBytes: number, sink: LineSink, memory?: MemoryAccount) {
    this.#maxLineBytes = maxLineBytes
    this.#sink = sink
    this.#memory = memory
  }

  /** Takes the next bytes. The chunk is not kept: the caller may reuse it. */
  push(chunk: Buffer): void {
    let start = 0
    if (this.#held > 0 || this.#lost) {
      const end = chunk.indexOf(newline)
      if (end < 0) {
        this.#hold(chunk, 0, chunk.length)
        return
      }
      this.#hold(chunk, 0, end)
      this.#finish()
      start = end + 1
    }
    const last = chunk.lastIndexOf(newline)
    if (last >= start) {
      if (last - start <= this.#maxLineBytes) this.#decode(chunk, start, last)
      else this.#measureAndCut(chunk, start, last)
      start = last + 1
    }
    if (start < chunk.length) this.#hold(chunk, start, chunk.length)
  }

  /** No more bytes follow: a begun line is dropped. */
  end(): void {
    if (this.#held > 0) this.#lose(nothing, 0, 0, 'unended')
    this.#reportLost()
    this.#release()
  }

  /** Decodes a run of whole lines. */
  #decode(bytes: Buffer, from: number, to: number): void {
    const run = bytes.toString('utf8', from, to)
    const isGarbled = this.#sink.garbled && run.includes(replacement) && !isUtf8(bytes.subarray(from, to))
    if (!isGarbled) return this.#cut(run)
    for (let start = from; start <= to;) {
      const found = bytes.indexOf(newline, start)
      const end = found < 0 || found > to ? to : found
      if (isUtf8(bytes.subarray(start, end))) this.#cut(bytes.toString('utf8', start, end))
      else this.#sink.garbled?.(bytes.toString('utf8', start, end))
      start = end + 1
    }
  }

  #cut(run: string): void {
    let start = 0
    for (;;) {
      const end = run.indexOf('\n', start)
      this.#emit(run, start, end < 0 ? run.length : end)
      if (end < 0) return
      start = end + 1
    }
  }

  #emit(run: string, start: number, end: number): void {
    const stop = end > start && run.charCodeAt(end - 1) === carriageReturn ? end - 1 : end
    const from = run.charCodeAt(start) === byteOrderMark ? start + 1 : start
    if (stop > from) this.#sink.line(run.slice(from, stop))
  }

  /** For a run longer than `maxLineBytes`: measures each line before it is decoded. */
  #measureAndCut(chunk: Buffer, from: number, last: number): void {
    for (let start = from; start <= last;) {
      const end = chunk.indexOf(newline, start)
      if (end - start > this.#maxLineBytes) {
        this.#lose(chunk, start, end, 'too_long')
        this.#reportLost()
      } else this.#decode(chunk, start, end)
      start = end + 1
    }
  }

  #hold(chunk: Buffer, from: number, to: number): void {
    const total = this.#held + to - from
    if (this.#lost) return this.#lose(chunk, from, to, this.#lost.why)
    if (total > this.#maxLineBytes) return this.#lose(chunk, from, to, 'too_long')
    if (total > this.#begun.length) {
      const reservation = this.#grow(total)
      if (reservation !== 'reserved') return this.#lose(chunk, from, to, reservation)
    }
    chunk.copy(this.#begun, this.#held, from, to)
    this.#held = total
  }

  #grow(total: number): Reservation {
    // Doubling keeps the cost linear for a line that arrives byte by byte.
    const size = Math.min(Math.max(total, this.#begun.length * 2, 512), this.#maxLineBytes)
    if (size > keepBytes) {
      const reservation = this.#count(size - this.#counted, size <= assuredBytes)
      if (reservation !== 'reserved') return reservation
    }
    const grown = Buffer.allocUnsafeSlow(size)
    this.#begun.copy(grown, 0, 0, this.#held)
    this.#begun = grown
    return 'reserved'
  }

  #count(bytes: number, isAssured: boolean): Reservation {
    const reservation = isAssured ? 'reserved' : (this.#memory?.take(bytes) ?? 'reserved')
    if (isAssured) this.#memory?.add(bytes)
    if (reservation === 'reserved') this.#counted += bytes
    return reservation
  }

  /** Drops the line, except for its first and last bytes. */
  #lose(chunk: Buffer, from: number, to: number, why: LostLine['why']): void {
    const begun = this.#begun.subarray(0, this.#held)
    const tail = latin(chunk, Math.max(from, to - edgeBytes), to)
    if (this.#lost) {
      this.#lost.bytes += to - from
      this.#lost.tail = (this.#lost.tail + tail).slice(-edgeBytes)
      return
    }
    const head = (latin(begun, 0, edgeBytes) + latin(chunk, from, Math.min(to, from + edgeBytes))).slice(0, edgeBytes)
    const before = latin(begun, Math.max(0, begun.length - edgeBytes), begun.length)
    this.#lost = { bytes: begun.length + to - from, head, tail: (before + tail).slice(-edgeBytes), why }
    this.#release()
  }

  #finish(): void {
    if (this.#lost) return this.#reportLost()
    const [bytes, length] = [this.#begun, this.#held]
    if (bytes.length > keepBytes) this.#release()
    this.#held = 0
    this.#decode(bytes, 0, length)
  }

  #reportLost(): void {
    const lost = this.#lost
    this.#lost = undefined
    if (lost) this.#sink.dropped(lost)
  }

  #release(): void {
    this.#begun = nothing
    this.#held = 0
    this.#memory?.release(this.#counted)
    this.#counted = 0
  }
}

function latin(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('latin1', from, to)
}
