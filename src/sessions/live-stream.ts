/**
 * The output of a session over HTTP+SSE: an event stream without a journal. Each message is sent once, in order, to the one reader that the stream was opened for,
 * and then forgotten. Promises that the messages waiting for a slow reader are bounded: calls wait in a queue until the
 * reader has caught up; messages that cannot wait are dropped beyond the bound, and the reader is told that some were.
 */
import { Wakeup } from '../base/wakeup.ts'
import type { Cancel } from '../base/cancel.ts'
import { bytesOf, reserve, type MemoryAccount } from '../base/memory-budget.ts'
import type { CoarseTimers } from '../base/coarse-timers.ts'
import { sseComment, sseMessage } from '../protocol/sse.ts'
import type { SessionOutput } from './session-output.ts'

export interface LiveStream extends SessionOutput {
  /**
   * Sends a message of a call, in order. Waits while the reader is behind, unless the call is cancelled.
   * Throws `memory_share_exceeded` or `overloaded` if there is no memory to keep the message until then.
   */
  append(text: string, cancel: Cancel): Promise<void>
  /** Sends a message without waiting; drops it if the reader is too far behind. */
  send(text: string): void
  /** Whether `append` would send a message without waiting. */
  readonly hasRoom: boolean
  /** Ends the stream once the reader has taken what was sent. */
  end(): void
  /** Ends the stream at once: messages that the reader has not taken are lost. */
  cut(): void
  /** The bytes that wait for the reader. */
  readonly heldBytes: number
  readonly isOver: boolean
  /** The text to write, as it comes. To be read once. */
  read(): AsyncIterable<string>
}

/** How far the reader may be behind: up to `near` calls need not wait, up to `far` other messages are not dropped. */
export interface LiveBounds {
  readonly near: { readonly chars: number; readonly events: number }
  readonly far: { readonly chars: number; readonly events: number }
}

/** The cost of a message besides its text, in bytes. */
const messageBytes = 128
/** A message of a call up to this size is never refused for want of memory, in bytes: their sum is bounded by the number of calls. */
const smallBytes = 16 * 1024

interface Waiting {
  readonly text: string
  readonly resume: () => void
}

/**
 * @param needs.firstEvent written before everything else
 * @param needs.loss the message that reports dropped messages
 * @param needs.onOver called once when the stream has ended or its reader is gone
 */
export function createLiveStream(needs: {
  readonly firstEvent: string
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
  let ready: string[] = [needs.firstEvent]
  let chars = 0
  let bytes = 0
  let queue: Waiting[] = []
  let isLossy = false
  let isEnding = false
  let isOver = false
  const news = new Wakeup(timers, needs.keepAliveMs)

  const isWithin = ({ chars: most, events }: LiveBounds['near']): boolean => chars < most && ready.length < events

  /** Adds a message whose memory is already counted. */
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

  /** Takes all ready messages, then lets queued calls continue as far as there is room. */
  const take = (): string => {
    const text = ready.join('')
    ready = []
    chars = 0
    memory.release(bytes)
    bytes = 0
    if (isLossy) addAndPush(needs.loss)
    isLossy = false
    while (queue.length > 0 && isWithin(bounds.near)) {
      const next = queue.shift()
      if (next) push(next.text)
      next?.resume()
    }
    return text
  }

  const over = (): void => {
    if (isOver) return
    isOver = true
    stopClosed()
    ready = []
    for (const { resume } of queue) resume()
    queue = []
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
    kind: 'live',
    async append(text, cancel) {
      if (isOver) return
      if (cancel.cancelled) return addAndPush(text)
      const size = messageBytes + bytesOf(text)
      // A small message may be the error that reports the refusal of a large one.
      if (size <= smallBytes) memory.add(size)
      else reserve(memory, size)
      if (queue.length === 0 && isWithin(bounds.near)) return push(text)
      await new Promise<void>((resolve) => {
        const waiting: Waiting = {
          text,
          resume() {
            stop()
            resolve()
          },
        }
        queue.push(waiting)
        const stop = cancel.onCancel(() => {
          queue = queue.filter((other) => other !== waiting)
          push(text)
          resolve()
        })
      })
    },
    send(text) {
      if (isOver) return
      if (isWithin(bounds.far) && memory.take(messageBytes + bytesOf(text)) === 'reserved') push(text)
      else isLossy = true
    },
    get isRead() {
      return !isOver
    },
    get hasRoom() {
      return queue.length === 0 && isWithin(bounds.near)
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
