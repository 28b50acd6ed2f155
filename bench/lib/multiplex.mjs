// Clients like those of clients.mjs that all share one HTTP/2 connection: a session and, when wanted, an event
// stream for each, and calls beside them. Ids and nonces are as there, and every request is counted once.

import { randomBytes } from 'node:crypto'
import { connect } from 'node:http2'
import { createHistogram, performance } from 'node:perf_hooks'
import { spread } from './clients.mjs'
import * as dialect from './messages.mjs'
import { legacyVersion } from './tools.mjs'

const patienceMs = 10_000
const posting = {
  ':method': 'POST',
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}

export class Multiplex {
  #connection
  #path
  #clients = []
  #streams = []

  constructor(endpoint) {
    const { origin, pathname } = new URL(endpoint)
    this.#path = pathname
    this.#connection = connect(origin)
    // What breaks is counted where it was waited for.
    this.#connection.on('error', () => {})
  }

  /** Opens sessions, with a held event stream each when `streams`; throws at the first that fails. */
  async open({ clients, streams = false, width = 32 }) {
    await spread(clients, width, async () => {
      const params = {
        protocolVersion: legacyVersion,
        capabilities: {},
        clientInfo: { name: 'bench', version: '1.0.0' },
      }
      const opened = await this.#post({}, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }))
      const session = opened.headers['mcp-session-id']
      if (opened.status !== 200 || session === undefined) throw new Error(`initialize was answered ${opened.status}`)
      const headers = { 'mcp-session-id': session, 'mcp-protocol-version': legacyVersion }
      await this.#post(headers, '{"jsonrpc":"2.0","method":"notifications/initialized"}')
      this.#clients.push({ headers, tag: `${randomBytes(4).toString('hex')}.${this.#clients.length}`, seq: 1 })
      if (streams) await this.#hold(headers)
    })
  }

  #post(headers, body) {
    const stream = this.#connection.request({ ':path': this.#path, ...posting, ...headers })
    stream.end(body)
    return new Promise((resolve, reject) => {
      let head
      let text = ''
      stream.setEncoding('utf8')
      stream.once('response', (found) => (head = found))
      stream.on('data', (chunk) => (text += chunk))
      stream.once('error', reject)
      stream.once('close', () => {
        if (head === undefined || stream.rstCode !== 0) reject(new Error(`reset with ${stream.rstCode}`))
        else resolve({ status: head[':status'], headers: head, body: text })
      })
    })
  }

  #hold(headers) {
    const stream = this.#connection.request({ ':path': this.#path, accept: 'text/event-stream', ...headers })
    stream.resume()
    this.#streams.push(stream)
    return new Promise((resolve, reject) => {
      stream.on('error', reject)
      stream.once('response', ({ ':status': status }) => {
        if (status === 200) resolve()
        else reject(new Error(`GET was answered ${status}`))
      })
    })
  }

  /** How many event streams still stand. */
  get streamsOpen() {
    return this.#streams.filter((stream) => !stream.closed && !stream.destroyed).length
  }

  /** So many calls at once, each followed by the next as soon as it is answered, for `ms`. */
  closed({ ms, inFlight = 50 }) {
    const end = performance.now() + ms
    return this.#run((issue) => {
      let sent = 0
      const lane = async () => {
        while (performance.now() < end) await issue(sent++, performance.now())
      }
      for (let i = 0; i < inFlight; i++) void lane()
      return () => performance.now() >= end
    })
  }

  /** `rate` calls per second, whether or not answers come, spread over all clients. */
  rate({ rate, ms }) {
    const start = performance.now()
    const total = Math.floor((rate * ms) / 1000)
    let sent = 0
    return this.#run((issue) => {
      const pump = () => {
        for (let due = start; sent < total; void issue(sent++, due)) {
          due = start + (sent * 1000) / rate
          if (due > performance.now()) break
        }
        if (sent < total) setImmediate(pump)
      }
      pump()
      return () => sent === total
    })
  }

  async #run(start) {
    const counts = { ok: 0, foreign: 0, wrong: 0, lost: 0, missing: 0 }
    const samples = []
    const latency = createHistogram({ lowest: 1, highest: 120_000_000, figures: 3 })
    let flying = 0
    const issue = async (index, due) => {
      const client = this.#clients[index % this.#clients.length]
      const id = ++client.seq
      const nonce = `${client.tag}.${id}`
      const params = `{"name":"echo","arguments":{"text":"${nonce}"}}`
      flying++
      let verdict = 'lost'
      try {
        const { headers } = client
        const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`
        const answer = await this.#post({ ...headers, 'content-length': body.length }, body)
        const head = `\r\ncontent-type: ${answer.headers['content-type']}`
        verdict = dialect.checkCall(answer.status, head, answer.body, id, nonce)
        if (verdict !== 'ok' && samples.length < 3) samples.push(`${answer.status} ${answer.body.slice(0, 200)}`)
      } catch (error) {
        if (samples.length < 3) samples.push(error.message)
      }
      flying--
      counts[verdict]++
      latency.record(Math.max(1, Math.round((performance.now() - due) * 1000)))
    }
    const startedAt = performance.now()
    const isSent = start(issue)
    let [settled, since] = [0, performance.now()]
    while (!(isSent() && flying === 0)) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      const sum = latency.count
      if (sum !== settled) [settled, since] = [sum, performance.now()]
      else if (flying > 0 && performance.now() - since > patienceMs) break
    }
    counts.missing = flying
    const seconds = (performance.now() - startedAt) / 1000
    return {
      ...counts,
      samples,
      seconds,
      perSecond: counts.ok / seconds,
      p50: latency.percentile(50) / 1000,
      p99: latency.percentile(99) / 1000,
      max: latency.max / 1000,
    }
  }

  /** Gives up the connection; sessions stay with the server. */
  close() {
    this.#connection.destroy()
    this.#clients = []
  }
}
