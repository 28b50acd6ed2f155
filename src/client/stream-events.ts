/** The events of an event stream, one by one as they are taken. */
import { createParser } from 'eventsource-parser'
import { ArrivingText } from '../base/arriving-text.ts'
import type { MemoryAccount } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'

export interface StreamEvent {
  readonly id: string | undefined
  /** Empty for an event that only names a place to resume from. */
  readonly data: string
}

/**
 * @param maxChars an event longer than this ends the stream
 * @param memory counts what has come of events that were not taken yet
 * @param onRetry told how long the server wants us to wait before we come back, in milliseconds
 * @throws Refusal `result_too_large`, `memory_share_exceeded`, `overloaded`, and whatever the pieces throw
 */
export async function* eventsOf(
  pieces: AsyncIterable<string>,
  maxChars: number,
  memory: MemoryAccount,
  onRetry: (ms: number) => void,
): AsyncGenerator<StreamEvent> {
  let found: StreamEvent[] = []
  let isTooLarge = false
  const parser = createParser({
    maxBufferSize: maxChars,
    onEvent: ({ id, data }) => void found.push({ id, data }),
    onRetry,
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') isTooLarge = true
    },
  })
  const arriving = new ArrivingText(memory)
  try {
    for await (const piece of pieces) {
      arriving.add(piece)
      parser.feed(piece)
      const events = found
      found = []
      for (const event of events) {
        // Who takes it counts it from here on.
        arriving.release(event.data)
        yield event
      }
      if (isTooLarge) throw new Refusal('result_too_large')
      if (events.length > 0) arriving.keepLast(piece.length - endOfEvents(piece))
    }
  } finally {
    arriving.end()
  }
}

/** Where the last event of a piece ends: what follows it has begun another. 0 if that cannot be told. */
function endOfEvents(piece: string): number {
  const blank = piece.lastIndexOf('\n\n')
  return blank < 0 ? 0 : blank + 2
}
