// Clients of two tenants that do whatever they can to harm others, in both eras: floods, giant bodies, bodies that never end,
// answers that nobody reads, tools that hang, end or print rubbish, and sessions that nobody uses. A process of its own, told by
// IPC: `{ start: { url, keys: { mallory, trudy } } }`, then `{ stop: true }`, which it answers with what each tenant was answered.

import { Agent } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { setPriority } from 'node:os'
import { exchange, inSession, markOf, openSession, sessionCall, statelessCall, Tally } from './lib/asking.mjs'

const mebibyte = 1024 ** 2
/** How long an answer is left unread, a body unfinished or a hung call open, in milliseconds. */
const patienceMs = 1500

// What is looked at is what they do to mcplex, not to the processor that they share with it.
setPriority(15)

let isOver = false
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** So many loops of an action until all is over. */
function keep(times, action) {
  return Promise.all(
    Array.from({ length: times }, async (_, index) => {
      for (let count = 0; !isOver; count += 1) await action(index, count)
    }),
  )
}

/** A connection of bytes that is cut after a while, read or not. */
async function leave(url, bytes, reads) {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  if (reads) socket.resume()
  socket.write(bytes)
  await pause(patienceMs)
  socket.destroy()
}

function rawPost(url, key, { headers, body }, length = Buffer.byteLength(body)) {
  const { host, pathname } = new URL(url)
  const all = {
    Host: host,
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    Authorization: `Bearer ${key}`,
    'Content-Length': length,
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

/** Everything that does not depend on the era. `callOf(tool, args)` gives body and headers of a call, or nothing yet. */
function harm(url, key, tenant, tally, callOf) {
  const agent = new Agent({ keepAlive: true, maxSockets: 200 })
  const send = async (tool, args, signal) => {
    const call = await callOf(tool, args)
    if (call === undefined) return pause(50)
    const answer = await exchange(url, agent, key, { ...call, signal })
    tally.take(answer)
    // Who is refused waits a moment, as those do who want to harm for long.
    if (answer.status >= 400) await pause(5)
  }
  const bytes = async (tool, args, length, reads) => {
    const call = await callOf(tool, args)
    if (call !== undefined) await leave(url, rawPost(url, key, call, length), reads)
    else await pause(50)
  }
  const giant = 'g'.repeat(2 * mebibyte)
  const members = Array.from({ length: 50_000 }, () => ({}))
  return [
    keep(12, (index, count) => send('echo', { text: markOf(tenant, index * 1_000_000 + count) })),
    keep(1, (_, count) => send('echo', { text: markOf(tenant, count) + giant })),
    keep(1, (_, count) => send('echo', { text: markOf(tenant, count) + giant.repeat(3) })),
    keep(1, () => send('echo', { text: 'x', members }).then(() => pause(100))),
    keep(4, () => send('hang', {}, AbortSignal.timeout(patienceMs))),
    keep(4, () => bytes('big', { bytes: 2 * mebibyte }, undefined, false)),
    keep(4, () => bytes('echo', { text: 'never whole' }, 3 * mebibyte, true)),
    keep(1, () => send('crash', {}).then(() => pause(1000))),
    keep(1, () => send('rubbish', {}).then(() => pause(200))),
    keep(1, () => send('no such tool', {}).then(() => pause(20))),
    keep(1, () => exchange(url, agent, `${key}x`, { body: '{}' }).then((answer) => tally.take(answer))),
  ]
}

/** A tenant of sessions: also opens more of them than it may have, and streams that it does not read. */
function mallory(url, key, tally) {
  const agent = new Agent({ keepAlive: true })
  let session
  let opening
  const callOf = async (tool, args) => {
    opening ??= openSession(url, agent, key).then(({ session: opened, answer }) => {
      tally.take(answer)
      session = opened
      if (opened === undefined) setTimeout(() => (opening = undefined), 100)
    })
    await opening
    return session === undefined ? undefined : sessionCall(session, tool, args)
  }
  return [
    ...harm(url, key, 'mallory', tally, callOf),
    keep(2, async () => {
      const { answer } = await openSession(url, agent, key)
      tally.take(answer)
      await pause(10)
    }),
    keep(2, async () => {
      const call = await callOf('notify', { count: 2000, bytes: 500, kind: 'log' })
      if (call === undefined) return pause(50)
      const unread = exchange(url, agent, key, {
        method: 'GET',
        headers: { Accept: 'text/event-stream', ...inSession(session) },
        signal: AbortSignal.timeout(patienceMs),
      })
      tally.take(await exchange(url, agent, key, { ...call, signal: AbortSignal.timeout(patienceMs) }))
      await unread
    }),
  ]
}

/** A tenant without sessions: also floods one connection of HTTP/2. */
function trudy(url, key, tally) {
  const overHttp2 = async (index, count, client) => {
    const { body, headers } = statelessCall('echo', { text: markOf('trudy', index * 1_000_000 + count) })
    const answer = await new Promise((resolve) => {
      const stream = client.request({
        ':method': 'POST',
        ':path': new URL(url).pathname,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${key}`,
        ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
      })
      let status = 0
      let text = ''
      stream.on('response', (head) => (status = head[':status']))
      stream.setEncoding('utf8').on('data', (piece) => (text += piece))
      stream.on('error', () => {})
      stream.on('close', () => resolve({ status, text }))
      stream.end(body)
    })
    tally.take(answer)
    if (answer.status !== 200) await pause(5)
  }
  let client
  const open = () => {
    if (client === undefined || client.closed || client.destroyed) {
      client = connectHttp2(new URL(url).origin)
      client.on('error', () => {})
    }
    return client
  }
  return [
    ...harm(url, key, 'trudy', tally, statelessCall),
    keep(20, (index, count) => overHttp2(index + 100, count, open())),
  ]
}

let running
const tallies = { mallory: new Tally('mallory'), trudy: new Tally('trudy') }

async function take({ start, stop }) {
  if (start !== undefined) {
    isOver = false
    const { url, keys } = start
    running = [...mallory(url, keys.mallory, tallies.mallory), ...trudy(url, keys.trudy, tallies.trudy)]
  }
  if (stop !== undefined) {
    isOver = true
    // What hangs is given up by then; the rest ends with the process.
    await Promise.race([Promise.all(running ?? []), pause(patienceMs)])
    process.send(tallies)
  }
}

process.on('message', (order) => void take(order))
process.on('disconnect', () => process.exit(0))
