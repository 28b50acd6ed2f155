// A crowd of clients inside the generator: each has a session of its own (legacy) or none (modern), counts its ids
// from 1 like every other, and accepts only an answer that carries its own nonce.
// Promises: every request it sent is counted once as ok, foreign, wrong, lost (connection ended) or missing (no answer
// within `patienceMs` of the end). Time is counted from when a request was due, so a stalled server cannot hide.

import { randomBytes } from 'node:crypto'
import { createHistogram, performance } from 'node:perf_hooks'
import * as dialect from './messages.mjs'
import { tools } from './tools.mjs'
import { Wire } from './http-connection.mjs'

const patienceMs = 10_000
/** The names of the tools that the server lists, sorted. */
export const expectedTools = tools
  .map((tool) => tool.name)
  .sort()
  .join()

/** Runs `work(index)` for 0..count-1, at most `width` at once. */
export async function spread(count, width, work) {
  let next = 0
  const lane = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane))
}

// One source address has some 28,000 ports toward one server; beyond that the crowd spreads over loopback.
const sourceOf = (index) => (index < 20_000 ? undefined : `127.0.0.${2 + Math.floor(index / 20_000)}`)

export class Crowd {
  #target
  #era
  #clients = []
  #streams = []

  constructor(endpoint, era, credentials) {
    this.#target = dialect.targetOf(endpoint, credentials)
    this.#era = era
  }

  #wire(index) {
    const localAddress = sourceOf(index)
    return new Wire(localAddress === undefined ? this.#target : { ...this.#target, localAddress })
  }

  /** Opens sessions, with a held event stream each when `streams`; throws at the first that fails. */
  async open({ clients, streams = false, width = 32 }) {
    const lanes = Array.from({ length: Math.min(width, clients) }, () => this.#wire(0))
    const from = this.#clients.length
    await spread(clients, width, async (offset) => {
      const wire = lanes.pop()
      const index = from + offset
      const session = this.#era === 'legacy' ? await this.#session(wire) : undefined
      this.#clients[index] = { index, session, tag: `${randomBytes(4).toString('hex')}.${index}`, seq: 0, count: 0 }
      if (streams) await this.#hold(index, session)
      lanes.push(wire)
    })
    for (const wire of lanes) wire.close()
  }

  async #session(wire) {
    const session = dialect.sessionOf(await wire.exchange(dialect.initialize(this.#target)))
    const { status } = await wire.exchange(dialect.initialized(this.#target, session))
    if (status !== 202) throw new Error(`notifications/initialized was answered ${status}`)
    return session
  }

  async #hold(index, session) {
    const wire = this.#wire(index)
    const status = await wire.hold(dialect.listening(this.#target, session))
    if (status !== 200) throw new Error(`GET was answered ${status}`)
    this.#streams.push(wire)
  }

  /** How many event streams still stand. */
  get streamsOpen() {
    return this.#streams.filter((wire) => wire.isOpen).length
  }

  /**
   * Each client sends as soon as it has its answer, for `ms` or until `calls` are sent. `tool` is the name of echo there,
   * `names` those of all tools, sorted and joined by commas. With more `wires` than clients, a client has several requests in
   * flight.
   */
  closed({ what, tool, names, ms = Infinity, calls = Infinity, wires = this.#clients.length }) {
    return this.#run({ what, tool, names, wires }, (ready, issue) => {
      const end = performance.now() + ms
      let left = calls
      ready.onFree = (wire) => {
        const now = performance.now()
        if (now >= end || left <= 0) return false
        left -= 1
        issue(wire, this.#clients[wire.index % this.#clients.length], now)
        return true
      }
      for (const wire of ready.free.splice(0)) if (!ready.onFree(wire)) ready.free.push(wire)
      return () => ready.flying === 0
    })
  }

  /** `rate` requests per second, whether or not answers come, spread over all clients and `wires` connections. */
  rate({ what, rate, ms, wires = 64 }) {
    return this.#run({ what, wires }, (ready, issue) => {
      const start = performance.now()
      const total = Math.floor((rate * ms) / 1000)
      let sent = 0
      ready.onFree = () => false
      const pump = () => {
        const now = performance.now()
        while (sent < total && ready.free.length > 0) {
          const due = start + (sent * 1000) / rate
          if (due > now) break
          issue(ready.free.pop(), this.#clients[sent % this.#clients.length], due)
          sent += 1
        }
        // A timer is late by up to a millisecond, which is more than is measured: spin.
        if (sent < total) setImmediate(pump)
      }
      pump()
      return () => sent === total && ready.flying === 0
    })
  }

  async #run({ what, tool, names, wires }, start) {
    const counts = { ok: 0, foreign: 0, wrong: 0, lost: 0, missing: 0 }
    const samples = []
    const latency = createHistogram({ lowest: 1, highest: 120_000_000, figures: 3 })
    const check = what === 'list' ? dialect.listChecker(names ?? expectedTools) : undefined
    const ready = { free: [], flying: 0, onFree: undefined }
    let done = () => false
    let finish

    const settle = (slot, verdict, sample) => {
      counts[verdict] += 1
      slot.client.count += verdict === 'ok' ? 1 : 0
      if (verdict !== 'ok' && samples.length < 3) samples.push(sample)
      latency.record(Math.max(1, Math.round((performance.now() - slot.dueAt) * 1000)))
      ready.flying -= 1
      if (!ready.onFree(slot)) {
        ready.free.push(slot)
        if (done()) finish()
      }
    }
    const slots = Array.from({ length: wires }, (_, index) => this.#slot(index, check, settle))
    for (const client of this.#clients) {
      client.count = 0
      client.write = dialect.writer(this.#target, this.#era, client.session, what, tool)
    }
    // The kernel calls a connection open before the server has accepted it, and drops the excess of a burst: a first
    // answer on each, not counted, makes sure that what is measured is service and not TCP's retries.
    await spread(wires, 32, (index) => {
      const client = this.#clients[index % this.#clients.length]
      return slots[index].wire.exchange(client.write(++client.seq, client.tag))
    })
    ready.free.push(...slots)
    const issue = (slot, client, dueAt) => {
      slot.client = client
      slot.dueAt = dueAt
      slot.id = ++client.seq
      slot.nonce = `${client.tag}.${slot.id}`
      ready.flying += 1
      slot.wire.send(client.write(slot.id, slot.nonce))
    }

    const startedAt = performance.now()
    const finished = new Promise((resolve) => (finish = resolve))
    done = start(ready, issue)
    let settled = 0
    const patience = setInterval(() => {
      const sum = counts.ok + counts.wrong + counts.foreign + counts.lost
      if (sum === settled && ready.flying > 0) finish()
      settled = sum
    }, patienceMs)
    await finished
    const seconds = (performance.now() - startedAt) / 1000
    clearInterval(patience)
    counts.missing = ready.flying
    ready.onFree = () => false
    for (const slot of slots) slot.wire.close()
    const perClient = this.#clients.map((client) => client.count)
    return {
      ...counts,
      samples,
      seconds,
      perSecond: counts.ok / seconds,
      p50: latency.percentile(50) / 1000,
      p99: latency.percentile(99) / 1000,
      max: latency.max / 1000,
      leastServed: perClient.reduce((a, b) => Math.min(a, b), Infinity),
      mostServed: perClient.reduce((a, b) => Math.max(a, b), 0),
    }
  }

  #slot(index, check, settle) {
    const slot = { index, client: undefined, dueAt: 0, id: 0, nonce: '', wire: undefined }
    slot.wire = new Wire(
      this.#target,
      (status, head, body) => {
        const verdict =
          check?.(status, head, body, slot.id) ?? dialect.checkCall(status, head, body, slot.id, slot.nonce)
        settle(slot, verdict, `${status} ${body.slice(0, 200)}`)
      },
      (reason) => settle(slot, 'lost', reason),
    )
    return slot
  }

  /** Gives up all connections of the crowd; sessions stay with the server. */
  close() {
    for (const wire of this.#streams.splice(0)) wire.close()
    this.#clients = []
  }
}
