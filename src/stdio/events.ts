/** The events of an event stream, one by one as they are taken. */
import { createParser } from 'eventsource-parser'
import { Refusal } from '../base/refusal.ts'

export interface StreamEvent {
  readonly id: string | undefined
  /** Empty for an event that only names a place to resume from. */
  readonly data: string
}

/**
 * @param maxChars an event longer than this ends the stream
 * @param onRetry told how long the server wants us to wait before we come back, in milliseconds
 * @throws Refusal `result_too_large`, and whatever the pieces throw
 */
export async function* eventsOf(
  pieces: AsyncIterable<string>,
  maxChars: number,
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
  for await (const piece of pieces) {
    parser.feed(piece)
    const events = found
    found = []
    yield* events
    if (isTooLarge) throw new Refusal('result_too_large')
  }
}
