/** A web `Request` as the core sees it. Its body is read when somebody asks, within its limit, as text. */
import { isUtf8 } from 'node:buffer'
import { Cancel } from '../base/cancel.ts'
import { Refusal } from '../base/refusal.ts'
import type { Visitor } from './door.ts'
import { checkAccept, checkContent, declaredLength } from './guard.ts'
import type { Target } from './routes.ts'

export class Visit implements Visitor {
  readonly request: Request
  readonly method: string
  readonly path: string
  readonly query: string
  readonly connection: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly closed: Cancel = new Cancel()
  origin: string | undefined
  readonly #maxBodyBytes: number
  readonly #gone = (): void => this.closed.cancel('client gone')
  #text: Promise<string> | undefined

  constructor(request: Request, { path, query }: Target, connection: string, maxBodyBytes: number) {
    this.request = request
    this.method = request.method
    this.path = path
    this.query = query
    this.connection = connection
    this.#maxBodyBytes = maxBodyBytes
    this.headers = Object.fromEntries(request.headers)
    const { signal } = request
    if (signal.aborted) this.#gone()
    else signal.addEventListener('abort', this.#gone)
  }

  /** The answer is complete: whatever becomes of the client is no news any more. */
  settle(): void {
    this.request.signal.removeEventListener('abort', this.#gone)
  }

  /** @throws Refusal see `Inbound`, and those of a wrong type or Accept: they come after authentication. */
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
    const text = await readStream(request.body, this.#maxBodyBytes, this.closed)
    // Whoever makes a Request by hand need not say how long it is.
    if (length === undefined && text !== '') check()
    return text
  }
}

async function readStream(body: ReadableStream<Uint8Array>, maxBytes: number, closed: Cancel): Promise<string> {
  const reader = body.getReader()
  const gone = new Promise<'gone'>((resolve) => void closed.onCancel(() => resolve('gone')))
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for (;;) {
      const read = await Promise.race([reader.read(), gone])
      if (read === 'gone') throw new Refusal('cancelled')
      if (read.done) break
      size += read.value.byteLength
      if (size > maxBytes) throw new Refusal('request_too_large')
      chunks.push(read.value)
    }
  } catch (error) {
    // The runtime reports a client that went away as a fault of the body.
    throw closed.cancelled ? new Refusal('cancelled') : error
  } finally {
    // Not cancelled: that would cut the connection under the answer.
    reader.releaseLock()
  }
  const bytes = Buffer.concat(chunks, size)
  if (!isUtf8(bytes)) throw new Refusal('parse_error', { message: 'The body is not valid UTF-8.' })
  return bytes.toString('utf8')
}
