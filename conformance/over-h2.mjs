// Loaded into the process of a suite before the suite: its `fetch` speaks HTTP/2 from here on, and nothing but that, by
// prior knowledge on the port that serves HTTP/1.1 as well. All requests to one origin are streams of one connection.
//
// Promises: tells at the end, in the file that MCPLEX_FETCHED names, how many requests went out. What a suite sends by
// other means than `fetch` (requests whose headers it spells out byte by byte) stays HTTP/1.1, as it is written.

import { writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { Readable } from 'node:stream'

const bodiless = new Set([101, 204, 205, 304])
const ofTheConnection = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade'])

/** @type {Map<string, import('node:http2').ClientHttp2Session>} */
const sessions = new Map()
let fetched = 0
/** Streams that have not ended. */
let open = 0

/** @param {string} origin */
function sessionTo(origin) {
  const known = sessions.get(origin)
  if (known && !known.closed && !known.destroyed) return known
  const session = connect(origin)
  // A request in flight is ended by its stream.
  session.on('error', () => {})
  sessions.set(origin, session)
  return session
}

/** @type {typeof fetch} */
async function fetchOverH2(input, init) {
  fetched++
  const request = new Request(input, init)
  request.signal.throwIfAborted()
  const { origin, pathname, search } = new URL(request.url)
  const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer())
  const given = [...request.headers].filter(([name]) => !ofTheConnection.has(name))
  const headers = { ...Object.fromEntries(given), ':method': request.method, ':path': pathname + search }
  if (body !== undefined) headers['content-length'] = String(body.length)
  const session = sessionTo(origin)
  const stream = session.request(headers, { endStream: body === undefined, signal: request.signal })
  if (body !== undefined) stream.end(body)
  open++
  session.ref()
  stream.once('close', () => {
    // A suite that waits for nothing may end.
    if (--open === 0) for (const each of sessions.values()) each.unref()
  })
  return new Promise((resolve, reject) => {
    stream.once('error', (error) =>
      reject(error.name === 'AbortError' ? error : new TypeError('fetch failed', { cause: error })),
    )
    stream.once('close', () =>
      reject(new TypeError('fetch failed', { cause: new Error(`reset with ${stream.rstCode}`) })),
    )
    stream.once('response', ({ ':status': status = 0, ...rest }) => {
      const entries = Object.entries(rest).flatMap(([name, value]) =>
        [value ?? ''].flat().map((/** @type {string} */ one) => [name, one]),
      )
      const isBare = bodiless.has(status) || request.method === 'HEAD'
      if (isBare) stream.resume()
      // An error that comes later is the body's to tell.
      else stream.on('error', () => {})
      resolve(new Response(isBare ? null : Readable.toWeb(stream), { status, headers: entries }))
    })
  })
}

globalThis.fetch = fetchOverH2

process.on('exit', () => {
  if (process.env.MCPLEX_FETCHED !== undefined) writeFileSync(process.env.MCPLEX_FETCHED, String(fetched))
})
