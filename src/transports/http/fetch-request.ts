/** A web `Request` as an `Inbound`. Its body is read as text only when it is asked for, up to a limit. */
import { Cancel } from '../../base/cancel.ts'
import { notReserved } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Holder, Transfer } from '../../base/transfers.ts'
import type { IncomingRequest } from './entry.ts'
import { BodyChunks } from './body-chunks.ts'
import { checkAccept, checkContent, declaredLength } from './guard.ts'
import { keepBody, noText, smallBytes } from './body-memory.ts'
import type { RequestTarget } from './routes.ts'

export class FetchRequest implements IncomingRequest {
  readonly request: Request
  readonly method: string
  readonly path: string
  readonly query: string
  readonly connection: string
  readonly remoteAddress: string | undefined
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly closed: Cancel = new Cancel()
  origin: string | undefined
  readonly #maxBodyBytes: number
  readonly #holder: Holder
  readonly #onAbort = (): void => this.closed.cancel('client gone')
  #text: Promise<string> | undefined
  #keptBytes = 0

  constructor(
    request: Request,
    { path, query }: RequestTarget,
    peer: { readonly connection: string; readonly remoteAddress: string | undefined },
    maxBodyBytes: number,
    holder: Holder,
  ) {
    this.request = request
    this.method = request.method
    this.path = path
    this.query = query
    this.connection = peer.connection
    this.remoteAddress = peer.remoteAddress
    this.#maxBodyBytes = maxBodyBytes
    this.#holder = holder
    this.headers = Object.fromEntries(request.headers)
    const { signal } = request
    if (signal.aborted) this.#onAbort()
    else signal.addEventListener('abort', this.#onAbort)
  }

  /** The answer is complete: a disconnect of the client does not matter any more. */
  settle(): void {
    this.request.signal.removeEventListener('abort', this.#onAbort)
  }

  /** Called when there is an answer: releases the body and its memory. */
  bodyServed(): void {
    this.#holder.memory.release(this.#keptBytes)
    this.#keptBytes = 0
    // The answer may be an endless stream, during which the text must not stay in memory.
    if (this.#text) this.#text = noText
  }

  /** Counts the memory of the answer until its reader takes it. */
  transfer(): Transfer {
    return this.#holder.transfer(() => this.closed.cancel(tooSlow))
  }

  /**
   * @throws Refusal as `Inbound` says, and for a wrong Content-Type or Accept: these are checked after authentication
   */
  body(): Promise<string> {
    return (this.#text ??= this.#read())
  }

  async #read(): Promise<string> {
    const { request, headers } = this
    const length = declaredLength(headers['content-length'], headers['transfer-encoding'], this.#maxBodyBytes)
    const check = (): void => checkContent(headers['content-type'], headers['content-encoding'])
    if (length !== undefined) check()
    checkAccept(this.method, headers['accept'], this.path)
    if (request.bodyUsed) throw new Error('something read the body of this request before mcplex got it')
    if (request.body === null || headers['content-length'] === '0') return ''
    const text = await readStream(request.body, this.#maxBodyBytes, this.closed, this.#holder)
    this.#keptBytes = keepBody(text, this.#holder)
    // A Request made by a program need not state its length.
    if (length === undefined && text !== '') check()
    return text
  }
}

/** The reason to cut an answer whose reader takes nothing. */
export const tooSlow = 'reader too slow'

async function readStream(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  closed: Cancel,
  holder: Holder,
): Promise<string> {
  const reader = body.getReader()
  const bytes = new BodyChunks(maxBytes)
  let transfer: Transfer | undefined
  let fail: (refusal: Refusal) => void = () => {}
  // A new promise per piece: racing one long-lived promise leaks a reaction per piece.
  const next = (): ReturnType<typeof reader.read> =>
    new Promise((resolve, reject) => {
      fail = reject
      reader.read().then(resolve, reject)
    })
  const stop = closed.onCancel(() => fail(new Refusal('cancelled')))
  try {
    for (;;) {
      if (closed.cancelled) throw new Refusal('cancelled')
      const read = await next()
      if (read.done) break
      const { byteLength } = read.value
      if (bytes.size + byteLength > maxBytes) throw new Refusal('request_too_large')
      if (bytes.size + byteLength > smallBytes) {
        transfer ??= holder.transfer(() => fail(notReserved('budget')))
        const reservation = transfer.take(bytes.growth(byteLength))
        if (reservation !== 'reserved') throw notReserved(reservation)
        transfer.noteProgress(byteLength)
      }
      bytes.add(read.value)
    }
  } catch (error) {
    // The runtime reports a disconnect of the client as an error of the body.
    throw closed.cancelled ? new Refusal('cancelled') : error
  } finally {
    stop()
    transfer?.end()
    // Released, not cancelled: a cancel would cut the connection of the answer.
    reader.releaseLock()
  }
  return bytes.text()
}
