/**
 * Cuts the bytes of a pipe into lines: newline-delimited UTF-8, a carriage return before the newline tolerated, blank
 * lines skipped. This is the hot path of a busy server, so a run of whole lines is decoded in one go and the string is
 * cut; a character is never split, because only whole lines are decoded. A byte order mark before a line is skipped, since
 * some writers begin with one and no line of JSON does.
 *
 * Promises: the same lines, however the bytes were cut into chunks; memory bounded by `maxLineBytes`. What a line
 * means is left to others. A line may share the memory of its chunk (at most 64 KiB from a pipe): who keeps a line
 * for long keeps a copy of it, or what was parsed from it.
 */
import { isUtf8 } from 'node:buffer'
import type { Kept, MemoryAccount } from './memory-budget.ts'

/** What is known of a line that was dropped. */
export interface LostLine {
  /** Its length. */
  readonly bytes: number
  /** Its first and last 256 bytes, one character each: enough to tell what it answered. */
  readonly head: string
  readonly tail: string
  /** `too_long`, or whose limit it would have overstepped; `unended` if the bytes were over before its end. */
  readonly why: 'too_long' | 'unended' | Exclude<Kept, 'kept'>
}

export interface LineSink {
  /** One line, without its newline. Must not throw. */
  line(text: string): void
  /** A line longer than the limit, or one without an end, was dropped. */
  dropped(line: LostLine): void
  /** One line that is not UTF-8, with marks in the place of what is not; without this it is a line like any other. */
  garbled?(text: string): void
}

const newline = 10
const carriageReturn = 13
const byteOrderMark = 0xfeff
const nothing = Buffer.alloc(0)
/** What stands in the place of bytes that are no character. */
const mark = '\ufffd'
/** A buffer for begun lines is kept for the next one up to this size, and is not counted. */
const keepBytes = 8 * 1024
/** A line up to this size is never refused, however short memory is. */
const assuredBytes = 256 * 1024
const edgeBytes = 256

export class LineReader {
  readonly #maxLineBytes: number
  readonly #sink: LineSink
  /** The begun line is the first `#held` bytes of this. */
  #begun: Buffer = nothing
  #held = 0
  /** A begun line that is dropped already; none of it is kept but its edges. */
  #lost: { bytes: number; readonly head: string; tail: string; readonly why: LostLine['why'] } | undefined
  readonly #memory: MemoryAccount | undefined
  #counted = 0

  /**
   * @param maxLineBytes counts the bytes of a line without its newline
   * @param memory counts what is kept of a line that has begun; a line for which there is no room is dropped
   */
  constructor(maxLineBytes: number, sink: LineSink, memory?: MemoryAccount) {
    this.#maxLineBytes = maxLineBytes
    this.#sink = sink
    this.#memory = memory
  }

  /** Takes the next bytes. They are not kept: the caller may reuse them. */
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

  /** The bytes are over: a begun line is dropped. */
  end(): void {
    if (this.#held > 0) this.#lose(nothing, 0, 0, 'unended')
    this.#tellLost()
    this.#release()
  }

  /** Takes a run of whole lines. */
  #decode(bytes: Buffer, from: number, to: number): void {
    const run = bytes.toString('utf8', from, to)
    const isGarbled = this.#sink.garbled && run.includes(mark) && !isUtf8(bytes.subarray(from, to))
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

  /** The way for a run that is longer than a line may be: each line is measured before it is decoded. */
  #measureAndCut(chunk: Buffer, from: number, last: number): void {
    for (let start = from; start <= last;) {
      const end = chunk.indexOf(newline, start)
      if (end - start > this.#maxLineBytes) {
        this.#lose(chunk, start, end, 'too_long')
        this.#tellLost()
      } else this.#decode(chunk, start, end)
      start = end + 1
    }
  }

  #hold(chunk: Buffer, from: number, to: number): void {
    const total = this.#held + to - from
    if (this.#lost) return this.#lose(chunk, from, to, this.#lost.why)
    if (total > this.#maxLineBytes) return this.#lose(chunk, from, to, 'too_long')
    if (total > this.#begun.length) {
      const kept = this.#grow(total)
      if (kept !== 'kept') return this.#lose(chunk, from, to, kept)
    }
    chunk.copy(this.#begun, this.#held, from, to)
    this.#held = total
  }

  #grow(total: number): Kept {
    // Doubling keeps the cost of a line that comes byte by byte linear.
    const size = Math.min(Math.max(total, this.#begun.length * 2, 512), this.#maxLineBytes)
    if (size > keepBytes) {
      const kept = this.#count(size - this.#counted, size <= assuredBytes)
      if (kept !== 'kept') return kept
    }
    const grown = Buffer.allocUnsafeSlow(size)
    this.#begun.copy(grown, 0, 0, this.#held)
    this.#begun = grown
    return 'kept'
  }

  #count(bytes: number, isAssured: boolean): Kept {
    const kept = isAssured ? 'kept' : (this.#memory?.take(bytes) ?? 'kept')
    if (isAssured) this.#memory?.add(bytes)
    if (kept === 'kept') this.#counted += bytes
    return kept
  }

  /** Keeps no more of the line than its edges. */
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
    if (this.#lost) return this.#tellLost()
    const [bytes, length] = [this.#begun, this.#held]
    if (bytes.length > keepBytes) this.#release()
    this.#held = 0
    this.#decode(bytes, 0, length)
  }

  #tellLost(): void {
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
