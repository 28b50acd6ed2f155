/**
 * The stdin of a child. Lines queue up and are written together once per iteration of the event loop. What waits for a
 * child that does not read is counted in the memory budget; a child that reads costs nothing here.
 */
import type { Writable } from 'node:stream'
import type { Reservation, MemoryAccount } from '../../base/memory-budget.ts'

/** This much may wait uncounted: about what a pipe takes at once. In bytes. */
const freeBytes = 64 * 1024

export class ChildInput {
  readonly #pipe: Writable
  readonly #memory: MemoryAccount
  #queued: string[] = []
  #queuedLength = 0
  #counted = 0

  /** @param onDrained called when the pipe has taken everything after it had not at once */
  constructor(pipe: Writable, memory: MemoryAccount, onDrained: () => void) {
    this.#pipe = pipe
    this.#memory = memory
    pipe.on('drain', () => {
      this.#count()
      onDrained()
    })
  }

  /** Bytes that are queued or that the pipe has not taken. */
  get backlog(): number {
    return this.#queuedLength + (this.#pipe.destroyed ? 0 : this.#pipe.writableLength)
  }

  /** Whether a line of `bytes` bytes may wait as well. */
  roomFor(bytes: number): Reservation {
    if (this.backlog + bytes <= freeBytes) return 'reserved'
    const reservation = this.#memory.take(bytes)
    if (reservation === 'reserved') this.#memory.release(bytes)
    return reservation
  }

  /** Queues a line, given without its newline. A caller that can refuse the line calls `roomFor` first. */
  send(line: string): void {
    if (!this.#pipe.writable) return
    if (this.#queued.length === 0) setImmediate(() => this.flush())
    this.#queued.push(line)
    this.#queuedLength += line.length + 1
    if (this.#queuedLength > freeBytes) this.#count()
  }

  flush(): void {
    if (this.#queued.length === 0) return
    const lines = this.#queued
    this.#queued = []
    this.#queuedLength = 0
    if (this.#pipe.writable) this.#pipe.write(lines.join('\n') + '\n')
    if (this.#counted > 0 || this.#pipe.writableLength > freeBytes) this.#count()
  }

  /** Discards the queue: the child will not read it. */
  drop(): void {
    this.#queued = []
    this.#queuedLength = 0
    this.#pipe.destroy()
    this.#count()
  }

  #count(): void {
    const { backlog } = this
    const counted = backlog > freeBytes ? backlog : 0
    if (counted > this.#counted) this.#memory.add(counted - this.#counted)
    else this.#memory.release(this.#counted - counted)
    this.#counted = counted
  }
}
