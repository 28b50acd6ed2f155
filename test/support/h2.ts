/**
 * An HTTP/2 client as a test wants to see it: one connection, many streams on it, each with its head, its body as it
 * comes, and the code by which it was reset. What is sent is what the test says, proper or not.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type SecureClientSessionOptions,
} from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { eventually, inTime } from './eventually.ts'

export const codes: typeof constants = constants

export interface H2Asked {
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>
  /** Sent and ended; without it the request is its head. */
  readonly body?: string | Buffer
  /** Leaves the request open, so that more of its body can be sent. */
  readonly open?: boolean
  /** Takes nothing until `stream.resume()`. */
  readonly unread?: boolean
}

export interface H2Answer {
  readonly stream: ClientHttp2Stream
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>
  readonly text: string
  /** The code it was reset with; undefined while it is open. */
  readonly code: number | undefined
  /** Waits for the head. */
  head(): Promise<H2Answer>
  /** Waits for the end, however it comes. */
  end(): Promise<H2Answer>
  /** Waits until the body holds the text. */
  has(text: string): Promise<void>
}

export interface H2Client {
  readonly session: ClientHttp2Session
  /** The code of the last GOAWAY. */
  readonly goaway: number | undefined
  readonly isClosed: boolean
  request(path: string, asked?: H2Asked): H2Answer
  /** A POST to the endpoint that is proper but for what is said. */
  post(body: string, headers?: H2Asked['headers'], asked?: H2Asked): H2Answer
  closed(): Promise<void>
  destroy(): void
}

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

/** Opens a connection, in cleartext by prior knowledge or over TLS as the scheme says. */
export function openH2(
  origin: string,
  options: SecureClientSessionOptions & { readonly socketPath?: string } = {},
): Promise<H2Client> {
  const { socketPath, ...rest } = options
  const given = socketPath === undefined ? {} : { createConnection: () => connectSocket(socketPath) }
  const session = connect(origin, { ...rest, ...given })
  let goaway: number | undefined
  let isClosed = false
  session.on('goaway', (code) => (goaway = code))
  session.on('close', () => (isClosed = true))
  const client: H2Client = {
    session,
    get goaway() {
      return goaway
    },
    get isClosed() {
      return isClosed
    },
    request: (path, asked = {}) => begin(session, path, asked),
    post: (body, headers = {}, asked = {}) =>
      begin(session, '/mcp', { body, ...asked, headers: { ':method': 'POST', ...json, ...headers } }),
    async closed() {
      await eventually('the end of the connection', () => isClosed)
    },
    destroy: () => session.destroy(),
  }
  const opened = new Promise<H2Client>((resolve, reject) => {
    session.once('error', reject)
    session.once('connect', () => {
      session.off('error', reject)
      // An end is looked at by what came before it.
      session.on('error', () => {})
      resolve(client)
    })
  })
  return inTime('a connection', opened)
}

function begin(session: ClientHttp2Session, path: string, asked: H2Asked): H2Answer {
  const headers: Record<string, string | string[]> = { ':path': path }
  for (const [name, value] of Object.entries(asked.headers ?? {})) if (value !== undefined) headers[name] = value
  const isOpen = asked.open === true || asked.body !== undefined
  const stream = session.request(headers, { endStream: !isOpen })
  let head: Record<string, string | string[] | number | undefined> | undefined
  let text = ''
  let isOver = false
  stream.on('response', (found) => (head = { ...found }))
  stream.on('error', () => {})
  stream.on('close', () => (isOver = true))
  stream.setEncoding('utf8')
  if (asked.unread !== true) stream.on('data', (chunk: string) => (text += chunk))
  if (asked.body !== undefined) {
    if (asked.open === true) stream.write(asked.body)
    else stream.end(asked.body)
  }
  const answer: H2Answer = {
    stream,
    get status() {
      return head?.[':status'] === undefined ? undefined : Number(head[':status'])
    },
    get headers() {
      return head ?? {}
    },
    get text() {
      return text
    },
    get code() {
      return isOver ? stream.rstCode : undefined
    },
    async head() {
      await eventually(`the head of ${path}`, () => head !== undefined || isOver)
      return answer
    },
    async end() {
      await eventually(`the end of ${path}; got ${text.slice(0, 300)}`, () => isOver)
      return answer
    },
    async has(wanted) {
      await eventually(`${wanted}; got ${text.slice(-300)}`, () => text.includes(wanted))
    },
  }
  return answer
}
