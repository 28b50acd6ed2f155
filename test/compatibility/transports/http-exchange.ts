/** One HTTP exchange over HTTP/1.1, on a port or a Unix socket, or over a stream of HTTP/2. */
import { Agent, request } from 'node:http'
import { connect, constants } from 'node:http2'
import { inTime } from '../../support/eventually.ts'

export interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Takes the text of the answer as it comes, from the moment that its head is there. */
  onText(text: string, answer: Head): void
}

export interface Head {
  readonly status: number
  header(name: string): string | undefined
}

export interface Exchange extends Head {
  /** Resolves when the answer has ended, whichever way. */
  readonly over: Promise<void>
  cut(): void
}

export interface Requester {
  /** Resolves when the head of the answer is there. */
  ask(asked: Asked): Promise<Exchange>
  close(): Promise<void>
}

const textual = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Over HTTP/1.1: to a port, or to a Unix socket. */
export function http1(place: { readonly origin: string; readonly socketPath?: string }): Requester {
  const agent = new Agent({ keepAlive: true })
  const { socketPath } = place
  return {
    ask(asked) {
      const { method, path, headers } = asked
      const head = new Promise<Exchange>((resolve, reject) => {
        const outgoing = request(
          new URL(path, place.origin),
          { method, headers, agent, ...(socketPath !== undefined && { socketPath }) },
          (response) => {
            const over = new Promise<void>((done) => {
              response.on('close', done)
              response.on('error', () => done())
            })
            const exchange: Exchange = {
              status: response.statusCode ?? 0,
              header: (name) => textual(response.headers[name]),
              over,
              cut: () => void outgoing.destroy(),
            }
            response.setEncoding('utf8')
            response.on('data', (text: string) => asked.onText(text, exchange))
            resolve(exchange)
          },
        )
        outgoing.on('error', reject)
        outgoing.end(asked.body)
      })
      return inTime(`the head of an answer to ${method} ${path} ${asked.body?.slice(0, 200) ?? ''}`, head)
    },
    close: () => Promise.resolve(agent.destroy()),
  }
}

/** Over one connection of HTTP/2, by prior knowledge. */
export function http2(place: { readonly origin: string }): Requester {
  const session = connect(place.origin)
  session.on('error', () => {})
  return {
    ask(asked) {
      const { method, path, headers } = asked
      const head = new Promise<Exchange>((resolve, reject) => {
        const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
        const stream = session.request({ ...Object.fromEntries(lower), ':method': method, ':path': path })
        const over = new Promise<void>((done) => void stream.on('close', done))
        stream.setEncoding('utf8')
        stream.on('error', reject)
        stream.on('response', (answered) => {
          const exchange: Exchange = {
            status: Number(answered[':status']),
            header: (name) => textual(answered[name]),
            over,
            cut: () => stream.close(constants.NGHTTP2_CANCEL),
          }
          stream.on('data', (text: string) => asked.onText(text, exchange))
          resolve(exchange)
        })
        stream.end(asked.body)
      })
      return inTime(`the head of an answer to ${method} ${path} ${asked.body?.slice(0, 200) ?? ''}`, head)
    },
    close: () =>
      new Promise((resolve) => {
        if (session.destroyed) resolve()
        session.on('close', resolve)
        session.destroy()
      }),
  }
}
