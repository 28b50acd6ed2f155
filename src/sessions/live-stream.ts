/**
 * An event stream without a journal: what is said on it goes out once, in order, to the one reader that it was opened
 * for, and is forgotten. Promises that what waits for a slow reader is bounded: calls wait in line until it has caught
 * up, and what cannot wait is dropped beyond the bound, and told to have been.
 */
import { Wakeup } from '../base/wakeup.ts'
import type { Cancel } from '../base/cancel.ts'
import { bytesOf, keep, type MemoryAccount } from '../base/memory-budget.ts'
import type { CoarseTimers } from '../base/coarse-timers.ts'
import { sseComment, sseMessage } from '../protocol/sse.ts'

export interface LiveStream {
  /**
   * Sends the message of a call in its turn. Waits while the reader is far behind, unless the call is cancelled.
   * Throws `memory_share_exceeded` or `overloaded` if it may not be kept for so long.
   */
  append(text: string, cancel: Cancel): Promise<void>
  /** Sends a message that nobody can wait with. */
  tell(text: string): void
  /** Whether the reader is near enough for an answer that nobody would wait with. */
  readonly hasRoom: boolean
  /** Ends the stream once the reader has taken what was sent. */
  end(): void
  /** Ends the stream at once: what its reader has not taken is lost. */
  cut(): void
  /** What waits for the reader, in bytes. */
  readonly heldBytes: number
  readonly isOver: boolean
  /** What to write, as it comes. To be read once. */
  read(): AsyncIterable<string>
}

/** How far the reader may be behind before who feeds the stream waits, and before what cannot wait is dropped. */
export interface LiveBounds {
  readonly near: { readonly chars: number; readonly events: number }
  readonly far: { readonly chars: number; readonly events: number }
}

/** What a message takes besides its text, in bytes. */
const messageBytes = 128
/** What is sent even where memory is short, in bytes: bounded by the number of calls. */
const smallBytes = 16 * 1024

interface Waiting {
  readonly text: string
  readonly goOn: () => void
}

/**
 * @param needs.greeting written before everything else
 * @param needs.loss the message that tells of messages that were dropped
 * @param needs.onOver called once when the stream has ended or its reader is gone
 */
export function createLiveStream(needs: {
  readonly greeting: string
  readonly loss: string
  readonly bounds: LiveBounds
  /** Counts what waits for the reader; closed when the stream is over. */
  readonly memory: MemoryAccount
  readonly keepAliveMs: number
  readonly timers: CoarseTimers
  readonly closed: Cancel
  readonly onOver: () => void
}): LiveStream {
  const { bounds, closed, memory, timers } = needs
  let ready: string[] = [needs.greeting]
  let chars = 0
  let bytes = 0
  let line: Waiting[] = []
  let isLossy = false
  let isEnding = false
  let isOver = false
  const news = new Wakeup(timers, needs.keepAliveMs)

  const isWithin = ({ chars: most, events }: LiveBounds['near']): boolean => chars < most && ready.length < events

  /** What was counted already. */
  const push = (text: string): void => {
    const event = sseMessage(text)
    ready.push(event)
    chars += event.length
    bytes += messageBytes + bytesOf(text)
    news.notify()
  }

  const addAndPush = (text: string): void => {
    memory.add(messageBytes + bytesOf(text))
    push(text)
  }

  /** All that is ready. Whoever is next in line follows, as far as there is room. */
  const take = (): string => {
    const text = ready.join('')
    ready = []
    chars = 0
    memory.release(bytes)
    bytes = 0
    if (isLossy) addAndPush(needs.loss)
    isLossy = false
    while (line.length > 0 && isWithin(bounds.near)) {
      const next = line.shift()
      if (next) push(next.text)
      next?.goOn()
    }
    return text
  }

  const over = (): void => {
    if (isOver) return
    isOver = true
    stopClosed()
    ready = []
    for (const { goOn } of line) goOn()
    line = []
    memory.close()
    news.notify()
    needs.onOver()
  }

  async function* pieces(): AsyncGenerator<string> {
    try {
      while (!isOver) {
        news.clear()
        const text = take()
        if (text !== '') yield text
        else if (isEnding) return
        else if ((await news.next()) === 'quiet') yield sseComment
      }
    } finally {
      over()
    }
  }

  let stopClosed = (): void => {}
  stopClosed = closed.onCancel(over)

  return {
    async append(text, cancel) {
      if (isOver) return
      if (cancel.cancelled) return addAndPush(text)
      const size = messageBytes + bytesOf(text)
      // A small one may be the word that a large one was refused.
      if (size <= smallBytes) memory.add(size)
      else keep(memory, size)
      if (line.length === 0 && isWithin(bounds.near)) return push(text)
      await new Promise<void>((resolve) => {
        const waiting: Waiting = {
          text,
          goOn() {
            stop()
            resolve()
          },
        }
        line.push(waiting)
        const stop = cancel.onCancel(() => {
          line = line.filter((other) => other !== waiting)
          push(text)
          resolve()
        })
      })
    },
    tell(text) {
      if (isOver) return
      if (isWithin(bounds.far) && memory.take(messageBytes + bytesOf(text)) === 'kept') push(text)
      else isLossy = true
    },
    get hasRoom() {
      return line.length === 0 && isWithin(bounds.near)
    },
    end() {
      isEnding = true
      news.notify()
    },
    cut: over,
    get heldBytes() {
      return memory.heldBytes
    },
    get isOver() {
      return isOver
    },
    read: pieces,
  }
}
