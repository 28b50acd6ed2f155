/**
 * Connections that a client resets (RST) while they are refused, or served: what is sent, and the moments of the reset.
 * Every refusal that HTTP can give before, in and after the head is in the list, and what is no HTTP at all.
 */
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectSecure } from 'node:tls'
import { field, frame, opening, request } from './h2-frames.ts'
import { requestBytes } from './raw-http.ts'
import type { Session } from './session.ts'

/** What is sent, by what it is. */
export type Sent = readonly [name: string, bytes: string | Buffer]

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
const lines = (...all: string[]): string => `${all.join('\r\n')}\r\n\r\n`
const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })

/** @param path of the endpoint; what lies beside it is found beside it */
export function refusals(path: string): Sent[] {
  const beside = path.slice(0, path.lastIndexOf('/'))
  const post = (headers: Readonly<Record<string, string | undefined>>, body = ping): string =>
    requestBytes(`POST ${path}`, { ...json, ...headers }, body)
  const chunks = { 'Transfer-Encoding': 'chunked' }
  return [
    ['CONNECT', lines('CONNECT example.com:443 HTTP/1.1', 'Host: example.com:443')],
    ['CONNECT with more behind it', lines('CONNECT example.com:443 HTTP/1.1', 'Host: localhost') + 'x'.repeat(1000)],
    ['CONNECT of HTTP/1.0', lines('CONNECT example.com:443 HTTP/1.0')],
    ['CONNECT behind a request', requestBytes('GET /livez') + lines('CONNECT a:1 HTTP/1.1', 'Host: a:1')],
    ['Upgrade to a WebSocket', requestBytes(`GET ${path}`, { ...webSocket, Connection: 'Upgrade' })],
    ['Upgrade to h2c', requestBytes(`GET ${path}`, { ...h2c, Connection: 'Upgrade, HTTP2-Settings' })],
    ['Upgrade to h2c with a body', post({ ...h2c, Connection: 'Upgrade, HTTP2-Settings' })],
    ['Upgrade to TLS', requestBytes('OPTIONS *', { Upgrade: 'TLS/1.0', Connection: 'Upgrade' })],
    ['OPTIONS *', requestBytes('OPTIONS *')],
    ['OPTIONS of the endpoint', requestBytes(`OPTIONS ${path}`)],
    ['TRACE', requestBytes(`TRACE ${path}`)],
    ['an Expect that is not known', post({ Expect: 'the-unexpected' })],
    ['an Expect and a body too large', post({ Expect: '100-continue', 'Content-Length': '99999999' }, '')],
    ['an Expect and no body', post({ Expect: '100-continue', 'Content-Length': '40' }, '')],
    ['a body declared too large', post({ 'Content-Length': '99999999' }, '')],
    ['a body that is never finished', post({ 'Content-Length': '3000' })],
    ['chunks that are never finished', post(chunks, `${ping.length.toString(16)}\r\n${ping}\r\n`)],
    ['chunks that are none', post(chunks, 'nothing\r\n')],
    ['chunks and a length', post({ ...chunks, 'Content-Length': '5' }, '0\r\n\r\n')],
    ['two lengths', lines(`POST ${path} HTTP/1.1`, 'Host: a', 'Content-Length: 1', 'Content-Length: 2')],
    ['no host', lines(`POST ${path} HTTP/1.1`, 'Content-Length: 0')],
    ['a foreign host', requestBytes(`GET ${path}`, { Host: 'evil.example' })],
    ['a foreign origin', post({ Origin: 'https://evil.example' })],
    ['a header too large', requestBytes(`GET ${path}`, { 'X-Large': 'x'.repeat(20_000) })],
    ['a target too large', requestBytes(`GET ${path}?${'x'.repeat(20_000)}`)],
    [
      'too many headers',
      requestBytes(`GET ${path}`, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`X-${i}`, 'x']))),
    ],
    ['a method that is none', requestBytes(`STEAL ${path}`)],
    ['a method that is not served', requestBytes(`PUT ${path}`, json, ping)],
    ['a version that is none', `GET ${path} HTTP/9.9\r\n\r\n`],
    ['HTTP/0.9', `GET ${path}\r\n`],
    ['a path that is not served', requestBytes('GET /nothing')],
    ['another type', post({ 'Content-Type': 'text/plain' })],
    ['another coding', post({ 'Content-Encoding': 'gzip' })],
    ['an Accept that is not served', post({ Accept: 'text/html' })],
    ['no JSON', post({}, '{')],
    ['no UTF-8', Buffer.concat([Buffer.from(post({ 'Content-Length': '2' }, '')), Buffer.from([0xff, 0xfe])])],
    ['no session', post({})],
    ['a session that is not known', post({ 'Mcp-Session-Id': 'x'.repeat(43) })],
    ['a stream without a session', requestBytes(`GET ${path}`, { Accept: 'text/event-stream' })],
    ['a DELETE without a session', requestBytes(`DELETE ${path}`)],
    ['the stream of HTTP+SSE', requestBytes(`GET ${beside}/sse`, { Accept: 'text/event-stream' })],
    ['a message of HTTP+SSE for no stream', requestBytes(`POST ${beside}/messages?sessionId=x`, json, ping)],
    ['health', requestBytes(`GET ${beside}/health`)],
    ['requests behind one another', (post({}) + requestBytes(`GET ${beside}/livez`)).repeat(20)],
    ['rubbish behind a request', `${post({})}rubbish\r\n\r\n`],
    ['rubbish', Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 7919) % 256))],
    ['nothing', ''],
    ['line breaks', '\r\n\r\n'],
    ['the hello of TLS', Buffer.from('1603010200010001fc0303', 'hex')],
    ['the hello of SOCKS', Buffer.from('050100', 'hex')],
    ['the preface of HTTP/2', opening()],
    ['half of the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM'],
    ['the preface of HTTP/2, broken', 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'],
    ['HTTP/2 that goes on as HTTP/1.1', Buffer.concat([opening(), Buffer.from(post({}))])],
    ['HTTP/2 with a frame too large', Buffer.concat([opening(), frame('data', 0, 1, Buffer.alloc(70_000))])],
    ['HTTP/2 with data of no stream', Buffer.concat([opening(), frame('data', 0, 1, Buffer.alloc(10))])],
    ['HTTP/2 with a window of nothing', Buffer.concat([opening(), frame('window', 0, 0, Buffer.alloc(4))])],
    ['HTTP/2 with a CONNECT', Buffer.concat([opening(), connectOverH2])],
    [
      'HTTP/2 with requests',
      Buffer.concat([opening(), ...Array.from({ length: 50 }, (_, i) => gets(2 * i + 1, path))]),
    ],
  ]
}

const h2c = { Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' }
const webSocket = {
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version': '13',
}
const connectOverH2 = frame('headers', 5, 1, Buffer.concat([field(':method', 'CONNECT'), field(':authority', 'a:1')]))

function gets(stream: number, path: string): Buffer {
  return request(stream, { ':method': 'GET', ':path': path, accept: 'text/event-stream' })
}

/** What a client with a session may be reset in the middle of. */
export function inSession(path: string, { headers }: Session): Sent[] {
  const post = (body: object): string =>
    requestBytes(`POST ${path}`, { ...json, ...headers }, JSON.stringify({ jsonrpc: '2.0', ...body }))
  const call = (name: string, args: object): string =>
    post({ id: 7, method: 'tools/call', params: { name, arguments: args, _meta: { progressToken: 1 } } })
  return [
    ['the stream of a session', requestBytes(`GET ${path}`, { Accept: 'text/event-stream', ...headers })],
    [
      'a stream that cannot be resumed',
      requestBytes(`GET ${path}`, { ...headers, Accept: 'text/event-stream', 'Last-Event-ID': 'x' }),
    ],
    ['a call', call('echo', { text: 'x' })],
    ['a call that takes its time', call('slow', { ms: 50 })],
    ['a call with a large answer', call('echo', { text: 'x'.repeat(200_000) })],
    ['a tool that is not there', call('none', {})],
  ]
}

/** A connection to be reset. */
interface Doomed {
  /** What is written goes here: the connection itself, or TLS on it. */
  readonly through: Duplex
  readonly socket: Socket
}

/** When a connection is reset. */
type Moment = (doomed: Doomed, bytes: string | Buffer) => Promise<void>

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const flushed = ({ through }: Doomed, bytes: string | Buffer): Promise<void> =>
  new Promise((resolve) => void through.write(bytes, () => resolve()))

/** Bounded, as an answer may never come. */
const heard = ({ through }: Doomed): Promise<void> =>
  Promise.race([new Promise<void>((resolve) => void through.once('data', () => resolve())), sleep(30)])

const moments: readonly Moment[] = [
  // Before a byte was written, with the first one, in the middle, before the last, with the last.
  () => Promise.resolve(),
  (doomed, bytes) => flushed(doomed, bytes.slice(0, 1)),
  (doomed, bytes) => flushed(doomed, bytes.slice(0, Math.floor(bytes.length / 2))),
  (doomed, bytes) => flushed(doomed, bytes.slice(0, -1)),
  flushed,
  // A moment later, with the first byte of the answer, or with none of it read.
  async (doomed, bytes) => {
    await flushed(doomed, bytes)
    await sleep(1)
  },
  async (doomed, bytes) => {
    const answer = heard(doomed)
    await flushed(doomed, bytes)
    await answer
  },
  async (doomed, bytes) => {
    doomed.through.pause()
    await flushed(doomed, bytes)
    await sleep(8)
  },
  // When its own end was sent, or while more than the request is being sent.
  async (doomed, bytes) => {
    await flushed(doomed, bytes)
    await new Promise<void>((resolve) => void doomed.through.end(() => resolve()))
    await sleep(2)
  },
  async (doomed, bytes) => {
    await flushed(doomed, bytes)
    for (let i = 0; i < 3; i++) await Promise.race([flushed(doomed, 'x'.repeat(2000)), sleep(5)])
  },
]

/** How a connection is opened; resolves when it can be written to, or has failed. */
export type Open = (socket: Socket) => Promise<Duplex>

const bare: Open = (socket) => Promise.resolve(socket)

/** With TLS on it, whatever its certificate. */
export function secured(ALPNProtocols: readonly string[]): Open {
  return (socket) =>
    new Promise((resolve) => {
      const through = connectSecure({ socket, ALPNProtocols: [...ALPNProtocols], rejectUnauthorized: false })
      through.on('error', () => resolve(through))
      through.once('secureConnect', () => resolve(through))
    })
}

/** With a handshake that goes on no longer than that. */
export function securing(ms: number): Open {
  return async (socket) => {
    await Promise.race([secured(['h2'])(socket), sleep(ms)])
    return socket
  }
}

/** Where to: a port, or the path of a Unix socket. */
export type Place = number | string

/** Opens a connection, does what the moment says and resets it. Resolves when it is closed on our side. */
async function resetAt(place: Place, open: Open, bytes: string | Buffer, moment: Moment): Promise<void> {
  const at = typeof place === 'string' ? { path: place } : { port: place, host: '127.0.0.1', noDelay: true }
  const socket = connect({ ...at, allowHalfOpen: true })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  await Promise.race([new Promise<void>((resolve) => void socket.once('connect', () => resolve())), closed])
  // The server may close, or reset, before we do: then nothing is left to be written.
  const through = await Promise.race([open(socket), closed.then(() => socket)])
  through.on('error', () => {})
  through.resume()
  await Promise.race([moment({ through, socket }, bytes), closed])
  // At a Unix socket an end with something unread is the same.
  if (typeof place === 'string') socket.destroy()
  else socket.resetAndDestroy()
  await closed
}

/**
 * Sends everything at every moment, some 32 connections at once.
 * @returns how many connections there were
 */
export async function resetAll(place: Place, sent: readonly Sent[], open: Open = bare): Promise<number> {
  const jobs = moments.flatMap((moment) =>
    sent.map(
      ([, bytes]) =>
        () =>
          resetAt(place, open, bytes, moment),
    ),
  )
  let next = 0
  const work = async (): Promise<void> => {
    for (let job = jobs[next++]; job; job = jobs[next++]) await job()
  }
  await Promise.all(Array.from({ length: 32 }, work))
  return jobs.length
}
