/**
 * Output of the command to stderr or stdout. Text that is not read yet is buffered up to a limit; text that cannot be
 * written is dropped (a full disk, a reader that is gone or does not read, a stopped terminal). Promises that nothing
 * waits for output: no request, no signal, and not the exit of the process. Once writing works again, one line reports
 * how much was lost.
 */
import { type Clock, pause, stayAwake } from '../base/clock.ts'

/** The result of a write: how many bytes were written, and Node's error code if it failed. */
export interface WriteOutcome {
  readonly taken: number
  readonly code?: string | undefined
}

/**
 * Writes bytes without blocking the calling thread, or one that Node waits for at exit. Called again only after its
 * outcome is known; never throws or rejects. `EAGAIN` means that no more can be written at the moment.
 */
export type Writer = (bytes: Buffer) => WriteOutcome | Promise<WriteOutcome>

export interface Output {
  /** Whether it is a terminal. */
  readonly isTTY: boolean
  /** The width of the terminal; 0 if it is not known. */
  readonly columns: number
  /** The height of the terminal; 0 or undefined if it is not known. */
  readonly rows?: number
  /** The number of texts lost so far. */
  readonly lost: number
  /** Writes a text after all earlier ones, now or as soon as possible; or drops it. */
  write(text: string): void
  /** Sets the text that reports a loss. */
  tellLost(tell: (lost: number) => string): void
  /** Resolves when all is written or writing fails, after `ms` milliseconds at the latest. */
  settled(ms: number): Promise<void>
}

/** Bytes that are buffered at most; beyond that texts are dropped. */
const maxHeldBytes = 1024 ** 2

/** The most bytes in one write, unless a single text is longer. */
const batchBytes = 64 * 1024

/** When to try again: after a write that took nothing, and after an error. */
const fullMs = 50
const brokenMs = 1000

interface Piece {
  readonly bytes: Buffer
  /** The number of texts that are lost if it is not written. */
  readonly texts: number
  /** The number of lost texts that it reports. */
  readonly told: number
}

/** Properties of a terminal. */
export interface Terminal {
  columns(): number | undefined
  rows?(): number | undefined
}

export function createOutput(writer: Writer, clock: Clock, terminal?: Terminal): Output {
  const queue: Piece[] = []
  let held = 0
  let lost = 0
  /** Lost texts that no pending line reports. */
  let untold = 0
  let isWriting = false
  /** Whether the last write has failed. */
  let isBroken = false
  /** Whether the last text was written only in part. */
  let isCut = false
  let waiters: Array<() => void> = []
  let tell = (count: number): string => `mcplex: ${count} lines of output could not be written\n`

  function lose(pieces: readonly Piece[]): void {
    for (const { texts, told } of pieces) {
      lost += texts
      untold += texts + told
    }
  }

  /** The next batch to write: waiting texts, or the report of lost ones. */
  function next(): Piece[] | undefined {
    if (queue.length === 0) {
      if (untold === 0) return undefined
      const bytes = Buffer.from(`${isCut ? '\n' : ''}${tell(untold)}`)
      queue.push({ bytes, texts: 0, told: untold })
      held += bytes.length
      untold = 0
    }
    let length = 0
    let count = 0
    for (const { bytes } of queue) {
      length += bytes.length
      if (count > 0 && length > batchBytes) break
      count++
    }
    return queue.splice(0, count)
  }

  /** Handles an outcome; returns how long to wait before the next write, in milliseconds. */
  function note(batch: readonly Piece[], { taken, code }: WriteOutcome): number {
    held -= taken
    let left = taken
    const rest: Piece[] = []
    for (const piece of batch) {
      const { length } = piece.bytes
      if (left < length) rest.push(left === 0 ? piece : { ...piece, bytes: piece.bytes.subarray(left) })
      if (left > 0) isCut = left < length
      left = Math.max(0, left - length)
    }
    isBroken = code !== undefined && code !== 'EAGAIN'
    if (isBroken) {
      // Texts behind it would fail in the same way.
      lose([...rest, ...queue.splice(0)])
      held = 0
      return brokenMs
    }
    queue.unshift(...rest)
    return code === undefined ? 0 : fullMs
  }

  async function run(): Promise<void> {
    isWriting = true
    for (let batch = next(); batch; batch = next()) {
      const [first] = batch
      const outcome = writer(batch.length === 1 && first ? first.bytes : Buffer.concat(batch.map(({ bytes }) => bytes)))
      // Not awaited if it is known already: other output could be printed in between.
      const waitMs = note(batch, outcome instanceof Promise ? await outcome : outcome)
      if (isBroken) release()
      if (waitMs > 0) await pause(clock, waitMs)
    }
    isWriting = false
    release()
  }

  function release(): void {
    const all = waiters
    waiters = []
    for (const waiter of all) waiter()
  }

  return {
    isTTY: terminal !== undefined,
    get columns() {
      return terminal?.columns() ?? 0
    },
    get rows() {
      return terminal?.rows?.() ?? 0
    },
    get lost() {
      return lost
    },
    write(text) {
      const piece = { bytes: Buffer.from(text), texts: 1, told: 0 }
      // A loss is reported before further text, so that no gap goes unnoticed.
      if (untold > 0 || held + piece.bytes.length > maxHeldBytes) return lose([piece])
      held += piece.bytes.length
      queue.push(piece)
      if (!isWriting) void run()
    },
    tellLost: (how) => void (tell = how),
    async settled(ms) {
      if (!isWriting || isBroken) return
      const awake = stayAwake()
      await Promise.race([new Promise<void>((resolve) => void waiters.push(resolve)), pause(clock, ms)])
      awake.stop()
    },
  }
}
