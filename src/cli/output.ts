/**
 * What the command prints, on stderr or stdout: held back while it is not taken, up to a bound, and dropped where it
 * cannot be written (a full disk, a reader that is gone or does not read, a terminal that stands still). Promises that
 * nothing waits for it: no request, no signal, and not the end of the process. Once writing works again, one line says
 * how much was lost.
 */
import { type Clock, pause, stayAwake } from '../base/clock.ts'

/** What became of some bytes: how many were taken, and node's code of the error if there was one. */
export interface WriteOutcome {
  readonly taken: number
  readonly code?: string | undefined
}

/**
 * Writes bytes without ever waiting for a reader on the thread that it is called on, nor on one that node waits for at
 * its end. Called again only after its outcome is known, never throws or rejects. `EAGAIN` says that nothing more is
 * taken just now.
 */
export type Writer = (bytes: Buffer) => WriteOutcome | Promise<WriteOutcome>

export interface Output {
  /** Whether it is a terminal. */
  readonly isTTY: boolean
  /** The width of the terminal; 0 if it is not known. */
  readonly columns: number
  /** How many texts were lost so far. */
  readonly lost: number
  /** Writes a text after those before it, now or as soon as it can be; or drops it. */
  write(text: string): void
  /** Says how a loss is told, if not in plain words. */
  tellLost(tell: (lost: number) => string): void
  /** Resolves when all was written or there is nothing to wait for, after `ms` milliseconds at the latest. */
  settled(ms: number): Promise<void>
}

/** Bytes that are held while they are not taken; beyond that texts are dropped. */
const maxHeldBytes = 1024 ** 2

/** So many bytes are handed over at once, unless a single text is longer. */
const batchBytes = 64 * 1024

/** When to try again: after nothing was taken, and after an error. */
const fullMs = 50
const brokenMs = 1000

interface Piece {
  readonly bytes: Buffer
  /** How many texts are lost if it is not written. */
  readonly texts: number
  /** How many lost texts are told of if it is. */
  readonly told: number
}

/** What is known of a terminal. */
export interface Terminal {
  columns(): number | undefined
}

export function createOutput(writer: Writer, clock: Clock, terminal?: Terminal): Output {
  const queue: Piece[] = []
  let held = 0
  let lost = 0
  /** Those of them of which no line that is on its way tells. */
  let untold = 0
  let isWriting = false
  /** Whether the last write has failed. */
  let isBroken = false
  /** Whether the last text was cut off in its middle. */
  let isCut = false
  let waiters: Array<() => void> = []
  let tell = (count: number): string => `mcplex: ${count} lines of output could not be written\n`

  function lose(pieces: readonly Piece[]): void {
    for (const { texts, told } of pieces) {
      lost += texts
      untold += texts + told
    }
  }

  /** What is to be written next, in one go: the texts that wait, or how many were lost. */
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

  /** Takes note of an outcome; says how long to wait before the next one, in milliseconds. */
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
      // What waits behind it would fare no better.
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
      // Not awaited if it is there: what is printed in other ways meanwhile would come before it.
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
    get lost() {
      return lost
    },
    write(text) {
      const piece = { bytes: Buffer.from(text), texts: 1, told: 0 }
      // What is lost is told of first: a gap that is not seen would be taken for silence.
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
