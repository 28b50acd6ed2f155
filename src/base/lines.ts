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

export interface LineSink {
  /** One line, without its newline. Must not throw. */
  line(text: string): void
  /** A line longer than the limit, or one without an end, was dropped; `bytes` is its length. */
  dropped(bytes: number): void
  /** One line that is not UTF-8, with marks in the place of what is not; without this it is a line like any other. */
  garbled?(text: string): void
}

const newline = 10
const carriageReturn = 13
const byteOrderMark = 0xfeff
const nothing = Buffer.alloc(0)
/** What stands in the place of bytes that are no character. */
const mark = '\ufffd'
/** A buffer for begun lines is kept for the next one up to this size. */
const keepBytes = 8 * 1024

export class LineReader {
  readonly #maxLineBytes: number
  readonly #sink: LineSink
  /** The begun line is the first `#held` bytes of this. */
  #begun: Buffer = nothing
  #held = 0
  /** Bytes of a begun line that is too long already; none of them are kept. */
  #skipped = 0

  /** `maxLineBytes` counts the bytes of a line without its newline. */
  constructor(maxLineBytes: number, sink: LineSink) {
    this.#maxLineBytes = maxLineBytes
    this.#sink = sink
  }

  /** Takes the next bytes. They are not kept: the caller may reuse them. */
  push(chunk: Buffer): void {
    let start = 0
    if (this.#held > 0 || this.#skipped > 0) {
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
    const bytes = this.#held + this.#skipped
    this.#release()
    if (bytes > 0) this.#sink.dropped(bytes)
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
      if (end - start > this.#maxLineBytes) this.#sink.dropped(end - start)
      else this.#decode(chunk, start, end)
      start = end + 1
    }
  }

  #hold(chunk: Buffer, from: number, to: number): void {
    const more = to - from
    const total = this.#held + more
    if (this.#skipped > 0 || total > this.#maxLineBytes) {
      const skipped = this.#skipped + total
      this.#release()
      this.#skipped = skipped
      return
    }
    if (total > this.#begun.length) {
      // Doubling keeps the cost of a line that comes byte by byte linear.
      const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(total, this.#begun.length * 2, 512), this.#maxLineBytes))
      this.#begun.copy(grown, 0, 0, this.#held)
      this.#begun = grown
    }
    chunk.copy(this.#begun, this.#held, from, to)
    this.#held = total
  }

  #finish(): void {
    const skipped = this.#skipped
    const [bytes, length] = [this.#begun, this.#held]
    if (skipped > 0 || bytes.length > keepBytes) this.#release()
    this.#held = 0
    if (skipped > 0) this.#sink.dropped(skipped)
    else this.#decode(bytes, 0, length)
  }

  #release(): void {
    this.#begun = nothing
    this.#held = 0
    this.#skipped = 0
  }
}
