/**
 * What a child says on stderr: passed on to the log line by line, and its end kept for the operator who asks why the
 * child did not start.
 *
 * Bounded whatever comes: so many lines a second, so many characters a line, 4 KiB kept. The rest is counted and told
 * once a second. None of it ever reaches a client.
 */
import type { Clock, Timer } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import { terminalSafe } from '../../base/terminal-safe.ts'

const linesPerWindow = 50
const windowMs = 1000
/** A longer line is logged up to here. */
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
  /** The begin of a line whose end has not come. */
  #begun: Buffer = Buffer.alloc(0)
  /** Whether the rest of the line at hand is not wanted: it is being dropped, or was logged cut short. */
  #skipping = false
  #windowEndsAt = 0
  #left = linesPerWindow
  #dropped = 0
  #report: Timer | undefined

  constructor(settings: StderrSettings) {
    this.#settings = settings
  }

  push(chunk: Buffer): void {
    this.#keep(chunk)
    let start = 0
    while (start < chunk.length) {
      if (!this.#mayLog()) {
        this.#drop(chunk, start)
        return
      }
      const end = chunk.indexOf(newline, start)
      const stop = end < 0 ? chunk.length : end
      if (!this.#skipping) {
        const room = maxLineBytes - this.#begun.length
        this.#begun = Buffer.concat([this.#begun, chunk.subarray(start, Math.min(stop, start + room))])
        if (end >= 0 || stop - start >= room) this.#log()
      }
      if (end < 0) {
        this.#skipping ||= this.#begun.length === 0
        return
      }
      this.#skipping = false
      start = end + 1
    }
  }

  /** No more will come: what was begun is logged, what was dropped is told. */
  end(): void {
    if (this.#begun.length > 0) this.#log()
    this.#tell()
  }

  /** The last 4 KiB, fit to be shown in a terminal. */
  tail(): string {
    return terminalSafe(this.#tail.toString('utf8')).trim()
  }

  #keep(chunk: Buffer): void {
    // Copies: a part of a chunk would keep the whole chunk in memory.
    if (chunk.length >= tailBytes) this.#tail = Buffer.from(chunk.subarray(-tailBytes))
    else this.#tail = Buffer.concat([this.#tail.subarray(-(tailBytes - chunk.length)), chunk])
  }

  #mayLog(): boolean {
    const now = this.#settings.clock.now()
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + windowMs
      this.#left = linesPerWindow
    }
    return this.#left > 0
  }

  #log(): void {
    const line = terminalSafe(this.#begun.toString('utf8')).trimEnd()
    this.#begun = Buffer.alloc(0)
    this.#left -= 1
    if (line.length === 0) return
    this.#settings.log.debug({ worker: this.#settings.worker, line }, 'worker stderr')
  }

  /** Counts the lines from `start` on without making strings of them: a flood may cost no more than reading it. */
  #drop(chunk: Buffer, start: number): void {
    let lines = 0
    for (let at = start; at < chunk.length; at += 1) if (chunk[at] === newline) lines += 1
    const endsOpen = chunk[chunk.length - 1] !== newline
    if (endsOpen) lines += 1
    // The line that was being skipped when this chunk began was counted, or logged, before.
    if (this.#skipping) lines -= 1
    this.#begun = Buffer.alloc(0)
    this.#skipping = endsOpen
    this.#dropped += lines
    this.#report ??= this.#settings.clock.after(windowMs, () => this.#tell())
  }

  #tell(): void {
    this.#report?.stop()
    this.#report = undefined
    const count = this.#dropped
    if (count === 0) return
    this.#dropped = 0
    this.#settings.events.emit('dropped', { what: 'stderr_line', count })
    this.#settings.log.debug({ worker: this.#settings.worker, count }, 'worker stderr lines dropped')
  }
}
