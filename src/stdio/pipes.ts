/**
 * The two pipes of a client: lines in, lines out. A client that does not read is waited for, and while it is, nothing
 * more is read from it: what it may cost is bounded by what is on its way already.
 */
import type { Readable, Writable } from 'node:stream'
import { LineReader } from '../base/lines.ts'

export interface LineWriter {
  /** Writes a line; resolves when it was handed over, or when nobody reads any more. */
  write(text: string): Promise<void>
  /** Resolves when the reader has caught up; undefined while it has. */
  readonly blocked: Promise<void> | undefined
  /** Resolves when all that was written is out of our hands. */
  flush(): Promise<void>
}

/** @param onGone told once when nobody reads any more */
export function createLineWriter(output: Writable, onGone: () => void): LineWriter {
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

  return {
    get blocked() {
      return blocked
    },
    async write(text) {
      while (blocked && !isGone) await blocked
      if (isGone || output.write(`${text}\n`)) return
      blocked = new Promise((resolve) => {
        free = () => {
          blocked = undefined
          free = () => {}
          resolve()
        }
      })
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

/** Begins to read; returns how to stop. */
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
