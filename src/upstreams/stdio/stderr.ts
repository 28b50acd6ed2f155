/**
 * The stderr of a child: logged line by line, with the last 4 KiB kept to show the operator why a child did not start.
 *
 * Lines per second, bytes per line and the bytes kept are bounded. Dropped lines are counted and reported once a second.
 * Clients never see any of it.
 */
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import { LineLimit } from '../../base/line-limit.ts'
import type { Log } from '../../base/log.ts'
import { terminalSafe } from '../../base/terminal-safe.ts'

const linesPerSecond = 50
/** Longer lines are cut here in the log. */
const maxLineBytes = 2048
const tailBytes = 4096
const newline = 10

export interface StderrSettings {
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  readonly worker: number
}

export class Stderr {
  readonly #settings: StderrSettings
  #tail: Buffer = Buffer.alloc(0)
  /** The beginning of a line whose end has not come yet. */
  #partial: Buffer = Buffer.alloc(0)
  /** Whether the rest of the current line is skipped: the line is dropped, or its beginning was logged already. */
  #skipping = false
  readonly #limit: LineLimit<'line'>

  constructor(settings: StderrSettings) {
    const { clock, log, events, worker } = settings
    this.#settings = settings
    this.#limit = new LineLimit(clock, linesPerSecond, (_, count) => {
      events.emit('dropped', { what: 'stderr_line', count })
      log.debug({ worker, count }, 'worker stderr lines dropped')
    })
  }

  push(chunk: Buffer): void {
    this.#keep(chunk)
    let start = 0
    while (start < chunk.length) {
      if (!this.#limit.hasRoom('line')) {
        this.#drop(chunk, start)
        return
      }
      const end = chunk.indexOf(newline, start)
      const stop = end < 0 ? chunk.length : end
      if (!this.#skipping) {
        const room = maxLineBytes - this.#partial.length
        this.#partial = Buffer.concat([this.#partial, chunk.subarray(start, Math.min(stop, start + room))])
        if (end >= 0 || stop - start >= room) this.#log()
      }
      if (end < 0) {
        this.#skipping ||= this.#partial.length === 0
        return
      }
      this.#skipping = false
      start = end + 1
    }
  }

  /** The end of stderr: logs an unfinished line and reports what was dropped. */
  end(): void {
    if (this.#partial.length > 0) this.#log()
    this.#limit.flush()
  }

  /** The last 4 KiB, safe to show in a terminal. */
  tail(): string {
    return terminalSafe(this.#tail.toString('utf8')).trim()
  }

  #keep(chunk: Buffer): void {
    // A copy: a view of a chunk would keep the whole chunk in memory.
    if (chunk.length >= tailBytes) this.#tail = Buffer.from(chunk.subarray(-tailBytes))
    else this.#tail = Buffer.concat([this.#tail.subarray(-(tailBytes - chunk.length)), chunk])
  }

  #log(): void {
    const line = terminalSafe(this.#partial.toString('utf8')).trimEnd()
    this.#partial = Buffer.alloc(0)
    this.#limit.allows('line')
    if (line.length === 0) return
    this.#settings.log.debug({ worker: this.#settings.worker, line }, 'worker stderr')
  }

  /** Counts the lines from `start` on without making strings, so that a flood costs little more than reading it. */
  #drop(chunk: Buffer, start: number): void {
    let lines = 0
    for (let at = start; at < chunk.length; at += 1) if (chunk[at] === newline) lines += 1
    const endsOpen = chunk[chunk.length - 1] !== newline
    if (endsOpen) lines += 1
    // The line that was being skipped when this chunk began has been counted or logged already.
    if (this.#skipping) lines -= 1
    this.#partial = Buffer.alloc(0)
    this.#skipping = endsOpen
    this.#limit.skip('line', lines)
  }
}
