/**
 * The way in of a child: lines in a queue, written together once a turn of the event loop. Promises that what waits for a
 * child that does not read is counted; one that reads costs nothing here.
 */
import type { Writable } from 'node:stream'
import type { Kept, MemoryAccount } from '../../base/memory-budget.ts'

/** So much may wait without being counted: about what a pipe takes at once. In bytes. */
const freeBytes = 64 * 1024

export class ChildInput {
  readonly #pipe: Writable
  readonly #memory: MemoryAccount
  #queued: string[] = []
  #queuedLength = 0
  #counted = 0

  /** @param onDrained called whenever all that was written has been taken, if it was not at once */
  constructor(pipe: Writable, memory: MemoryAccount, onDrained: () => void) {
    this.#pipe = pipe
    this.#memory = memory
    pipe.on('drain', () => {
      this.#count()
      onDrained()
    })
  }

  /** What is queued and was not taken by the pipe, in bytes. */
  get backlog(): number {
    return this.#queuedLength + (this.#pipe.destroyed ? 0 : this.#pipe.writableLength)
  }

  /** Whether a line of so many bytes may wait as well. */
  roomFor(bytes: number): Kept {
    if (this.backlog + bytes <= freeBytes) return 'kept'
    const kept = this.#memory.take(bytes)
    if (kept === 'kept') this.#memory.release(bytes)
    return kept
  }

  /** Queues a line, given without its newline. Whoever may refuse it asks for room first. */
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

  /** Forgets what is queued: nobody will read it. */
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
