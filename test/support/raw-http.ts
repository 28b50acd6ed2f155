/**
 * An HTTP client that sends exactly the bytes it is told to, and shows what came back: for requests that no proper
 * client sends, and for connections that stall, break or never read.
 */
import { connect, type Socket } from 'node:net'

export interface RawResponse {
  readonly status: number
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface RawClient {
  readonly socket: Socket
  write(bytes: string | Buffer): void
  /** Everything that came back so far, byte for byte. */
  received(): string
  /** Waits until that many whole responses came back; interim ones (100) count. */
  responses(count: number): Promise<RawResponse[]>
  /** Waits until the server has closed the connection, and gives all responses. */
  closed(): Promise<RawResponse[]>
  isClosed(): boolean
  destroy(): void
}

/** Far above what anything here takes; only a hang gets there. */
const deadlineMs = 60_000

/** Polls until the condition holds. Throws with what is known if it never does. */
export async function until(condition: () => boolean, what: () => string): Promise<void> {
  const deadline = Date.now() + deadlineMs
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export function rawClient(port: number, bytes: string | Buffer = ''): Promise<RawClient> {
  return new Promise((resolve, reject) => {
    let text = ''
    let isClosed = false
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (text += chunk))
    socket.on('close', () => (isClosed = true))
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      // A reset is an end like another: the tests look at what was received before it.
      socket.on('error', () => {})
      if (bytes.length > 0) socket.write(bytes)
      resolve({
        socket,
        write: (more) => void socket.write(more),
        received: () => text,
        async responses(count) {
          await until(
            () => readResponses(text, isClosed).length >= count || isClosed,
            () => `${count} responses; got ${JSON.stringify(text.slice(0, 2000))}`,
          )
          return readResponses(text, isClosed)
        },
        async closed() {
          await until(
            () => isClosed,
            () => `the end of the connection; got ${JSON.stringify(text.slice(0, 2000))}`,
          )
          return readResponses(text, true)
        },
        isClosed: () => isClosed,
        destroy: () => void socket.destroy(),
      })
    })
  })
}

/** Sends the bytes on a connection of their own and gives the first final response. */
export async function ask(port: number, bytes: string | Buffer): Promise<RawResponse> {
  const client = await rawClient(port, bytes)
  const [response] = await client.responses(1)
  client.destroy()
  if (!response) throw new Error('the connection was closed without an answer')
  return response
}

/** A request as bytes. Content-Length is added if there is a body and nothing says otherwise. */
export function requestBytes(
  requestLine: string,
  headers: Readonly<Record<string, string | undefined>> = {},
  body = '',
): string {
  const all: Record<string, string | undefined> = { Host: 'localhost', ...headers }
  if (body !== '' && !('Content-Length' in all) && !('Transfer-Encoding' in all)) {
    all['Content-Length'] = String(Buffer.byteLength(body))
  }
  let head = `${requestLine} HTTP/1.1\r\n`
  for (const [name, value] of Object.entries(all)) if (value !== undefined) head += `${name}: ${value}\r\n`
  return `${head}\r\n${body}`
}

/** The whole responses in what was received. */
function readResponses(text: string, isClosed: boolean): RawResponse[] {
  const responses: RawResponse[] = []
  let at = 0
  for (;;) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end < 0) return responses
    const [statusLine = '', ...lines] = text.slice(at, end).split('\r\n')
    const headers = new Map<string, string>()
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
    }
    const status = Number(statusLine.split(' ')[1])
    const start = end + 4
    const body = readBody(text, start, status, headers, isClosed)
    if (!body) return responses
    responses.push({ status, headers, body: Buffer.from(body.text, 'latin1').toString('utf8') })
    at = body.end
  }
}

function readBody(
  text: string,
  start: number,
  status: number,
  headers: ReadonlyMap<string, string>,
  isClosed: boolean,
): { text: string; end: number } | undefined {
  if (status < 200 || status === 204) return { text: '', end: start }
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(text, start)
  const length = headers.get('content-length')
  if (length === undefined) return isClosed ? { text: text.slice(start), end: text.length } : undefined
  const end = start + Number(length)
  return text.length < end ? undefined : { text: text.slice(start, end), end }
}

function readChunks(text: string, start: number): { text: string; end: number } | undefined {
  let body = ''
  let at = start
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (text.length < end) return undefined
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = end
    if (size === 0) return { text: body, end: at }
  }
}
