/** Server-sent events as we write them. The data is one line of JSON, so nothing needs to be split. */

export const sseHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}

/** A message, with the id under which it can be resumed if it was stored. */
export function sseMessage(data: string, id?: string): string {
  return id === undefined ? `event: message\ndata: ${data}\n\n` : `event: message\nid: ${id}\ndata: ${data}\n\n`
}

/**
 * An event without data that gives the client a place to resume from before anything happened, and says how long to
 * wait before it does, in milliseconds. [2025-11-25, SEP-1699]
 */
export function ssePriming(id: string, retryMs: number): string {
  return `id: ${id}\nretry: ${retryMs}\ndata: \n\n`
}

/** Tells the client how long to wait before it reconnects, in milliseconds. */
export function sseRetry(ms: number): string {
  return `retry: ${ms}\n\n`
}

export const sseComment = ': \n\n'
