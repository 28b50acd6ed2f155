/** Reads server-sent events as a client does: an event counts once its empty line has come, and not before. */

export interface SseEvent {
  readonly id: string | undefined
  readonly event: string | undefined
  readonly data: string
}

export interface SseReader {
  /** Takes text as it comes, cut anywhere. */
  push(text: string): void
  readonly events: readonly SseEvent[]
  readonly comments: number
  /** The last `retry:`, in milliseconds. */
  readonly retryMs: number | undefined
  /** What a client names when it comes back. */
  readonly lastEventId: string | undefined
}

export function createSseReader(): SseReader {
  const events: SseEvent[] = []
  let [rest, comments] = ['', 0]
  let retryMs: number | undefined
  let lastEventId: string | undefined
  let [id, event]: [string | undefined, string | undefined] = [undefined, undefined]
  let data: string[] = []

  const line = (text: string): void => {
    if (text === '') {
      if (id !== undefined) lastEventId = id
      if (id !== undefined || data.length > 0) events.push({ id, event, data: data.join('\n') })
      id = event = undefined
      data = []
      return
    }
    if (text.startsWith(':')) {
      comments++
      return
    }
    const colon = text.indexOf(':')
    const field = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')
    if (field === 'id') id = value
    else if (field === 'event') event = value
    else if (field === 'data') data.push(value)
    else if (field === 'retry') retryMs = Number(value)
  }

  return {
    events,
    push(text) {
      // A long line comes in many pieces: it is looked at as a whole once, at its end.
      if (!text.includes('\n')) {
        rest += text
        return
      }
      const lines = (rest + text).split(/\r?\n/)
      rest = lines.pop() ?? ''
      for (const each of lines) line(each)
    },
    get comments() {
      return comments
    },
    get retryMs() {
      return retryMs
    },
    get lastEventId() {
      return lastEventId
    },
  }
}
