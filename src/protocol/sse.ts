/** Writes server-sent events. The data is one line of JSON, so it never has to be split into lines. */

export const sseHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}

/** A message event, with an event id to resume from if the event was stored. */
export function sseMessage(data: string, id?: string): string {
  return id === undefined ? `event: message\ndata: ${data}\n\n` : `event: message\nid: ${id}\ndata: ${data}\n\n`
}

/**
 * A priming event: without data, it gives the client an event id to resume from before the first message, and the time to wait
 * before it reconnects, in milliseconds. [2025-11-25, SEP-1699]
 */
export function ssePriming(id: string, retryMs: number): string {
  return `id: ${id}\nretry: ${retryMs}\ndata: \n\n`
}

/** Tells the client how long to wait before it reconnects, in milliseconds. */
export function sseRetry(ms: number): string {
  return `retry: ${ms}\n\n`
}

export const sseComment = ': \n\n'
