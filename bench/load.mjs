// The load generator: a process of its own, so that it can be pinned to another core than the server and its own cost
// is never the server's. Takes one order at a time over the IPC channel and answers each with `{ result }` or `{ error }`.

import { performance } from 'node:perf_hooks'
import { Crowd, expectedTools, spread } from './lib/clients.mjs'
import * as dialect from './lib/messages.mjs'
import { Multiplex } from './lib/multiplex.mjs'
import { Wire } from './lib/http-connection.mjs'

const crowds = new Map()
let kept = []

const crowd = ({ name }) => {
  const found = crowds.get(name)
  if (found === undefined) throw new Error(`no crowd named ${name}`)
  return found
}

async function sweep(endpoint, width, requests, take) {
  const target = dialect.targetOf(endpoint)
  const wires = Array.from({ length: width }, () => new Wire(target))
  await Promise.all(wires.map((wire) => wire.open()))
  const startedAt = performance.now()
  await spread(requests.length, width, async (index) => {
    const wire = wires.pop()
    take(await wire.exchange(requests[index]))
    wires.push(wire)
  })
  const seconds = (performance.now() - startedAt) / 1000
  for (const wire of wires) wire.close()
  return { seconds, perSecond: requests.length / seconds }
}

const expect =
  (...statuses) =>
  ({ status, body }) => {
    if (!statuses.includes(status)) throw new Error(`answered ${status} ${body.slice(0, 200)}`)
  }

const orders = {
  async open({ name, endpoint, era, over, credentials, ...rest }) {
    const opened = over === 'h2' ? new Multiplex(endpoint) : new Crowd(endpoint, era, credentials)
    crowds.set(name, opened)
    const startedAt = performance.now()
    await opened.open(rest)
    return { seconds: (performance.now() - startedAt) / 1000 }
  },
  closed: (order) => crowd(order).closed(order),
  rate: (order) => crowd(order).rate(order),
  streams: (order) => crowd(order).streamsOpen,
  close(order) {
    crowd(order).close()
    crowds.delete(order.name)
  },
  /** Only `initialize`, `count` times. */
  create({ endpoint, count, width }) {
    const target = dialect.targetOf(endpoint)
    kept = []
    const requests = new Array(count).fill(dialect.initialize(target))
    return sweep(endpoint, width, requests, (answer) => kept.push(dialect.sessionOf(answer)))
  },
  /** `initialize`, `count` times, with credentials that are refused, or none. */
  refused({ endpoint, count, width, credentials }) {
    const requests = new Array(count).fill(dialect.initialize(dialect.targetOf(endpoint, credentials)))
    return sweep(endpoint, width, requests, expect(401))
  },
  /** `notifications/initialized` for the sessions of the last `create`. */
  confirm({ endpoint, width }) {
    const target = dialect.targetOf(endpoint)
    return sweep(
      endpoint,
      width,
      kept.map((session) => dialect.initialized(target, session)),
      expect(202),
    )
  },
  /** Ends the sessions of the last `create` or `visit`, if they have not been ended. */
  end({ endpoint, width }) {
    const target = dialect.targetOf(endpoint)
    const requests = kept.map((session) => dialect.ending(target, session))
    kept = []
    return sweep(endpoint, width, requests, expect(200, 202, 204))
  },
  /** Clients as they come in the field: each opens a session and lists the tools, every 50th makes one call. */
  async visit({ endpoint, count, width }) {
    const target = dialect.targetOf(endpoint)
    const wires = Array.from({ length: width }, () => new Wire(target))
    await Promise.all(wires.map((wire) => wire.open()))
    const check = dialect.listChecker(expectedTools)
    kept = []
    let wrong = 0
    const startedAt = performance.now()
    await spread(count, width, async (index) => {
      const wire = wires.pop()
      const session = dialect.sessionOf(await wire.exchange(dialect.initialize(target)))
      kept.push(session)
      expect(202)(await wire.exchange(dialect.initialized(target, session)))
      const listed = await wire.exchange(dialect.writer(target, 'legacy', session, 'list')(2))
      if (check(listed.status, listed.head, listed.body, 2) !== 'ok') wrong += 1
      if (index % 50 === 0) {
        const nonce = `00000000.${index}.1`
        const called = await wire.exchange(dialect.writer(target, 'legacy', session, 'call')(3, nonce))
        if (dialect.checkCall(called.status, called.head, called.body, 3, nonce) !== 'ok') wrong += 1
      }
      wires.push(wire)
    })
    const seconds = (performance.now() - startedAt) / 1000
    for (const wire of wires) wire.close()
    return { seconds, perSecond: count / seconds, wrong }
  },
  /** How many ms a client that was never here before waits for its session, connection included. */
  async newcomer({ endpoint }) {
    const target = dialect.targetOf(endpoint)
    const wire = new Wire(target)
    const startedAt = performance.now()
    dialect.sessionOf(await wire.exchange(dialect.initialize(target)))
    const ms = performance.now() - startedAt
    wire.close()
    return { ms }
  },
}

async function obey({ order, ...rest }) {
  try {
    process.send({ result: await orders[order](rest) })
  } catch (error) {
    process.send({ error: `${order}: ${error.message}` })
  }
}

process.on('message', (message) => void obey(message))
process.on('disconnect', () => process.exit(0))
