/**
 * An HTTP exchange as a test wants to see it: the head at once, the body or its events as they come, and a socket
 * that can be cut, or never read. Each exchange has a connection of its own, so that cutting one cuts no other.
 */
import { type IncomingHttpHeaders, request } from 'node:http'
import { eventually, inTime } from './eventually.ts'
import { createSseReader, type SseEvent } from './sse.ts'

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string
  /** Cuts the connection when so many characters of the answer's body have come; the rest is never seen. */
  readonly cutAfter?: number
  /** Cuts the connection when it fires, even before an answer has begun; `send` then rejects. */
  readonly signal?: AbortSignal
  /** Takes nothing from the connection until `read` is called. */
  readonly unread?: boolean
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The body so far. */
  readonly text: string
  /** The events so far, if the body is a stream of them. */
  readonly events: readonly SseEvent[]
  readonly comments: number
  readonly retryMs: number | undefined
  readonly lastEventId: string | undefined
  readonly isOver: boolean
  /** How the body ended: whole, or cut by either side. */
  readonly over: Promise<'whole' | 'cut'>
  /** Waits for the end of the body, and gives it. */
  whole(): Promise<string>
  /** Waits for an event that passes. */
  event(what: string, passes: (event: SseEvent) => boolean): Promise<SseEvent>
  /** Begins to take what was left unread. */
  read(): void
  /** Takes nothing more until `read` is called. */
  pause(): void
  /** Cuts the connection. */
  cut(): void
}

/** Resolves when the head of the answer has come. */
export function send(url: string, asked: Asked = {}): Promise<Answered> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(asked.headers ?? {})) if (value !== undefined) headers[name] = value
  const head = new Promise<Answered>((resolve, reject) => {
    const { method = 'GET', signal } = asked
    const outgoing = request(url, { method, headers, agent: false, ...(signal && { signal }) }, (response) => {
      const reader = createSseReader()
      const isStream = response.headers['content-type'] === 'text/event-stream'
      let [text, isOver, isCut] = ['', false, false]
      const over = new Promise<'whole' | 'cut'>((settle) => {
        const end = (): void => {
          isOver = true
          // All of it may have arrived before it was cut; but then it was not seen.
          settle(response.complete && !isCut ? 'whole' : 'cut')
        }
        response.on('end', end)
        response.on('close', end)
        // A reset is an end like another.
        response.on('error', end)
      })
      response.setEncoding('utf8')
      const cut = (): void => {
        isCut = true
        outgoing.destroy()
      }
      const take = (chunk: string): void => {
        const left = (asked.cutAfter ?? Number.POSITIVE_INFINITY) - text.length
        const seen = chunk.slice(0, Math.max(0, left))
        text += seen
        if (isStream) reader.push(seen)
        if (chunk.length >= left) cut()
      }
      let isTaking = false
      const read = (): void => {
        if (isTaking) response.resume()
        else response.on('data', take)
        isTaking = true
      }
      if (asked.unread !== true) read()
      const answered: Answered = {
        status: response.statusCode ?? 0,
        headers: response.headers,
        get text() {
          return text
        },
        events: reader.events,
        get comments() {
          return reader.comments
        },
        get retryMs() {
          return reader.retryMs
        },
        get lastEventId() {
          return reader.lastEventId
        },
        get isOver() {
          return isOver
        },
        over,
        async whole() {
          await inTime(`the end of an answer that began ${text.slice(0, 500)}`, over)
          return text
        },
        async event(what, passes) {
          await eventually(`${what}; got ${text.slice(-500)}`, () => isOver || reader.events.some(passes))
          const event = reader.events.find(passes)
          if (!event) throw new Error(`the stream ended without ${what}: ${text.slice(-500)}`)
          return event
        },
        read,
        pause: () => void response.pause(),
        cut,
      }
      resolve(answered)
    })
    outgoing.on('error', reject)
    outgoing.end(asked.body)
  })
  return inTime(`an answer to ${asked.method ?? 'GET'} ${asked.body?.slice(0, 200) ?? ''}`, head, 45_000)
}
