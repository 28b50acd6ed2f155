/**
 * The two pipes of a client: lines in, lines out. A client that does not read is waited for, and while it is, nothing
 * more is read from it. Lines that wait for it count in its memory.
 */
import type { Readable, Writable } from 'node:stream'
import { LineReader } from '../../base/lines.ts'
import { bytesOf, keep, type MemoryAccount } from '../../base/memory-budget.ts'

export interface LineWriter {
  /**
   * Writes a line; resolves when it was handed over, or when nobody reads any more.
   * @throws Refusal `memory_share_exceeded` or `overloaded`: it would have to wait, and there is no room to keep it
   */
  write(text: string): Promise<void>
  /** The same for a short line of our own, which is always kept. */
  writeOwn(text: string): Promise<void>
  /** Resolves when the reader has caught up; undefined while it has. */
  readonly blocked: Promise<void> | undefined
  /** Resolves when all that was written is out of our hands. */
  flush(): Promise<void>
}

/** A shorter line is not counted: how many of them wait is bounded by the number of requests. */
const smallChars = 1024

/**
 * @param memory counts the lines that wait for the client
 * @param onGone told once when nobody reads any more
 */
export function createLineWriter(output: Writable, memory: MemoryAccount, onGone: () => void): LineWriter {
  let blocked: Promise<void> | undefined
  let isGone = false
  let free = (): void => {}
  const gone = (): void => {
    if (isGone) return
    isGone = true
    free()
    onGone()
  }
  output.on('error', gone)
  output.on('close', gone)
  output.on('drain', () => free())

  /** @param counted bytes that are given back when the line is out of our hands */
  const put = async (text: string, counted = 0): Promise<void> => {
    while (blocked && !isGone) await blocked
    if (isGone) return memory.release(counted)
    const onWritten = counted === 0 ? undefined : () => memory.release(counted)
    if (output.write(`${text}\n`, onWritten)) return
    blocked = new Promise((resolve) => {
      free = () => {
        blocked = undefined
        free = () => {}
        resolve()
      }
    })
  }

  return {
    get blocked() {
      return blocked
    },
    async write(text) {
      if (text.length <= smallChars) return put(text)
      const bytes = bytesOf(text)
      keep(memory, bytes)
      return put(text, bytes)
    },
    async writeOwn(text) {
      if (text.length <= smallChars) return put(text)
      const bytes = bytesOf(text)
      memory.add(bytes)
      return put(text, bytes)
    },
    flush: () => new Promise((resolve) => (isGone ? resolve() : output.write('', () => resolve()))),
  }
}

export interface LineTaker {
  line(text: string): void
  /** One line that is not UTF-8, with marks in the place of what is not. */
  garbled(text: string): void
  /** A line was too long to be taken. */
  dropped(): void
  /** There will be no more. */
  ended(): void
}

/**
 * Begins to read; returns how to stop. The one line that has begun is not counted: refused, its sender could not be told
 * which request that was.
 */
export function readLines(input: Readable, writer: LineWriter, maxLineBytes: number, taker: LineTaker): () => void {
  let isOver = false
  const reader = new LineReader(maxLineBytes, {
    line: (text) => taker.line(text),
    garbled: (text) => taker.garbled(text),
    // What is left without its end when the input ends was never said.
    dropped: () => isOver || taker.dropped(),
  })
  const onData = (chunk: Buffer): void => {
    reader.push(chunk)
    const { blocked } = writer
    if (!blocked) return
    input.pause()
    void blocked.then(() => input.resume())
  }
  const onEnd = (): void => {
    if (isOver) return
    isOver = true
    reader.end()
    taker.ended()
  }
  input.on('data', onData)
  input.once('end', onEnd)
  input.once('close', onEnd)
  input.on('error', onEnd)
  return () => {
    isOver = true
    input.off('data', onData)
    input.pause()
  }
}
