/** Refuses connections without a valid request: the input is not HTTP/1.1, or did not arrive in time. */
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

/** Why a connection failed in the parser or by a timeout; undefined if the client can read no answer. */
export function whyBroken(code: string | undefined): RefusalCode | undefined {
  // Node reports failures of the TLS handshake to the client itself, in TLS.
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
 * Answers input that never became a request, and closes the connection. If an answer to an earlier request is under way
 * or still to come, the connection is only closed: the client would take the refusal for that answer.
 * @param quiet whether to leave the refusal out of the log
 */
export function refuseConnection(
  runner: ExchangeRunner,
  socket: Socket,
  code: RefusalCode | undefined,
  { clock, lingerMs }: LingerOptions,
  quiet = false,
): void {
  const connection = runner.connectionOf(socket)
  if (connection.refused) return
  connection.refused = true
  if (code !== undefined && !quiet) runner.refusals.refused(code)
  const [current, ...others] = connection.inFlight
  const isAnswerDue =
    current !== undefined && (others.length > 0 || current.request.complete || current.response.headersSent)
  connection.cancel('connection refused')
  if (code === undefined || isAnswerDue || !socket.writable) {
    socket.destroy()
    return
  }
  const notHttp = code === 'bad_header' ? { message: 'This is not a valid HTTP/1.1 request.' } : {}
  const { status, headers, body } = refusalText(new Refusal(code, notHttp))
  const text = typeof body === 'string' ? body : ''
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\n`
  for (const name of Object.keys(headers)) head += `${name}: ${headers[name] ?? ''}\r\n`
  socket.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  // Input is read and dropped meanwhile: closing with unread input would reset the connection and lose the answer.
  socket.resume()
  clock.after(lingerMs, () => socket.destroy())
}
