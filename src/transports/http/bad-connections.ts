/**
 * Connections on which there is no request to answer: what arrived is no HTTP/1.1, or not in time. [R06, R11]
 */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { Refusal, type RefusalCode } from '../../base/refusal.ts'
import { refusalText } from '../../protocol/error-response.ts'
import type { ExchangeRunner } from './exchange-runner.ts'

export interface LingerOptions {
  readonly lingerMs: number
  readonly clock: Clock
}

/** What is wrong with a connection that the parser or the clock gave up; undefined if nobody listens there. */
export function whyBroken(code: string | undefined): RefusalCode | undefined {
  // What comes before a request in TLS is told in TLS, by node.
  if (code?.startsWith('ERR_SSL_') === true || code?.startsWith('ERR_TLS_') === true) return undefined
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
    case 'EPROTO':
      return undefined
    case 'HPE_HEADER_OVERFLOW':
      return 'headers_too_large'
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'request_too_large'
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request_timeout'
    default:
      return 'bad_header'
  }
}

/**
 * Answers what never became a request, and closes. If an answer may be under way on that connection, or is owed for
 * an earlier request, it is only closed: what we wrote would be read as that answer. [R06]
 */
export function refuseConnection(
  edge: ExchangeRunner,
  socket: Socket,
  code: RefusalCode | undefined,
  { clock, lingerMs }: LingerOptions,
  quiet = false,
): void {
  const connection = edge.connectionOf(socket)
  if (connection.refused) return
  connection.refused = true
  if (code !== undefined && !quiet) edge.refusals.refused(code)
  const [current, ...others] = connection.inFlight
  const isOwed =
    current !== undefined && (others.length > 0 || current.request.complete || current.response.headersSent)
  connection.cancel('connection refused')
  if (code === undefined || isOwed || !socket.writable) {
    socket.destroy()
    return
  }
  const notHttp = code === 'bad_header' ? { message: 'This is not a valid HTTP/1.1 request.' } : {}
  const { status, headers, body } = refusalText(new Refusal(code, notHttp))
  const text = typeof body === 'string' ? body : ''
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n`
  for (const name of Object.keys(headers)) head += `${name}: ${headers[name] ?? ''}\r\n`
  socket.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  // What still arrives is read and dropped meanwhile: closing on unread input would reset the answer away.
  socket.resume()
  clock.after(lingerMs, () => socket.destroy())
}
