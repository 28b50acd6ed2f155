/**
 * Reads lines from a client and writes lines to it. While the client does not read, no more lines are read from it, and
 * the lines that wait for it are counted.
 */
import type { Readable, Writable } from 'node:stream'
import { LineReader } from '../../base/lines.ts'
import { bytesOf, reserve, type MemoryAccount } from '../../base/memory-budget.ts'

export interface LineWriter {
  /**
   * Writes a line; resolves when it is passed to the stream, or when the stream has ended.
   * @throws Refusal `memory_share_exceeded` or `overloaded` if it would have to wait and there is no memory to keep it
   */
  write(text: string): Promise<void>
  /** The same for a short line that mcplex itself writes, which is always kept. */
  writeOwn(text: string): Promise<void>
  /** Set while the reader is behind; resolves when it has caught up. */
  readonly blocked: Promise<void> | undefined
  /** Resolves when all lines are written. */
  flush(): Promise<void>
}

/** A shorter line is not counted: the number of requests bounds how many of them wait. */
const smallChars = 1024

/**
 * @param memory counts the lines that wait for the client
 * @param onEnded called once, when the stream has ended or failed
 */
export function createLineWriter(output: Writable, memory: MemoryAccount, onEnded: () => void): LineWriter {
  let blocked: Promise<void> | undefined
  let isEnded = false
  let unblock = (): void => {}
  const end = (): void => {
    if (isEnded) return
    isEnded = true
    unblock()
    onEnded()
  }
  output.on('error', end)
  output.on('close', end)
  output.on('drain', () => unblock())

  /** @param counted bytes to release when the line is written */
  const put = async (text: string, counted = 0): Promise<void> => {
    while (blocked && !isEnded) await blocked
    if (isEnded) return memory.release(counted)
    const onWritten = counted === 0 ? undefined : () => memory.release(counted)
    if (output.write(`${text}\n`, onWritten)) return
    blocked = new Promise((resolve) => {
      unblock = () => {
        blocked = undefined
        unblock = () => {}
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
      reserve(memory, bytes)
      return put(text, bytes)
    },
    async writeOwn(text) {
      if (text.length <= smallChars) return put(text)
      const bytes = bytesOf(text)
      memory.add(bytes)
      return put(text, bytes)
    },
    flush: () => new Promise((resolve) => (isEnded ? resolve() : output.write('', () => resolve()))),
  }
}

export interface LineHandler {
  line(text: string): void
  /** A line that is not UTF-8, with replacement characters. */
  garbled(text: string): void
  /** A line was too long and was dropped. */
  dropped(): void
  /** The input has ended. */
  ended(): void
}

/**
 * Begins to read; the returned function stops it. The memory of an incomplete line is not counted: a refusal could not
 * name the request in it.
 */
export function readLines(input: Readable, writer: LineWriter, maxLineBytes: number, handler: LineHandler): () => void {
  let isOver = false
  const reader = new LineReader(maxLineBytes, {
    line: (text) => handler.line(text),
    garbled: (text) => handler.garbled(text),
    // An incomplete line at the end of the input is ignored.
    dropped: () => isOver || handler.dropped(),
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
    handler.ended()
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
