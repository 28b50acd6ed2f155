/** Fetches a JSON object from another server, within bounds of time and size. */
import type { Clock } from './clock.ts'
import { isObject, type JsonObject } from './json.ts'

export interface FetchBounds {
  readonly clock: Clock
  /** For the whole answer, in milliseconds. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Aborts when the answer is not wanted any more. */
  readonly signal?: AbortSignal
}

/** What is sent; without a body it is a GET. */
export interface Sent {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** An answer that is not 200. */
export class AnsweredWith extends Error {
  readonly status: number

  constructor(status: number, url: string) {
    super(`${url} answered with ${status}`)
    this.status = status
  }
}

/**
 * The object that a URL answers with. No redirects: what is at another place was not chosen by the operator.
 * Rejects if it cannot be had; the message names the URL and nothing that was sent.
 */
export async function fetchJson(url: string, bounds: FetchBounds, { headers, body }: Sent = {}): Promise<JsonObject> {
  const { clock, timeoutMs, maxBytes, signal } = bounds
  const abort = new AbortController()
  const timer = clock.after(timeoutMs, () => abort.abort(new Error(`${url} took too long`)))
  const forget = (): void => abort.abort(new Error(`the answer of ${url} is not wanted any more`))
  if (signal?.aborted === true) forget()
  signal?.addEventListener('abort', forget, { once: true })
  try {
    const response = await fetch(url, {
      redirect: 'error',
      signal: abort.signal,
      headers: { Accept: 'application/json', ...headers },
      ...(body !== undefined && { method: 'POST', body }),
    })
    if (response.status !== 200) throw new AnsweredWith(response.status, url)
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > maxBytes) throw new Error(`${url} sent more than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
    const value = jsonOf(Buffer.concat(chunks).toString('utf8'), url)
    if (!isObject(value)) throw new Error(`${url} sent no JSON object`)
    return value
  } finally {
    timer.stop()
    signal?.removeEventListener('abort', forget)
    abort.abort()
  }
}

/** The error of the parser would have a part of the text in it, which may be of a user. */
function jsonOf(text: string, url: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(`${url} sent no JSON`)
  }
}
