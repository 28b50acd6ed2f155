// Clients of a tenant that does nothing but its work, three of each era: a call, a short rest, the next call. A process of its
// own, told by IPC: `{ url, key, tenant, tool, args, ms }`, which it answers with `{ calls, p50, p99, failures, foreign }`, in
// milliseconds. The sessions are opened by the first of these and stay.

import { Agent } from 'node:http'
import { exchange, markOf, openSession, sessionCall, statelessCall, Tally } from './lib/asking.mjs'

const each = 3
const restMs = 10

let clients

async function open({ url, key }) {
  const agent = new Agent({ keepAlive: true })
  const sessions = await Promise.all(Array.from({ length: each }, () => openSession(url, agent, key)))
  const lost = sessions.find(({ session }) => session === undefined)
  if (lost) throw new Error(`no session: ${lost.answer.status} ${lost.answer.text}`)
  return [
    ...sessions.map(
      ({ session }) =>
        (tool, args) =>
          exchange(url, agent, key, sessionCall(session, tool, args)),
    ),
    ...Array.from({ length: each }, () => (tool, args) => exchange(url, agent, key, statelessCall(tool, args))),
  ]
}

let count = 0

async function work({ tenant, tool, args, ms }, tally) {
  const times = []
  const failures = []
  const endsAt = performance.now() + ms
  await Promise.all(
    clients.map(async (call) => {
      while (performance.now() < endsAt) {
        const text = markOf(tenant, (count += 1))
        const startedAt = performance.now()
        const answer = await call(tool, tool === 'echo' ? { ...args, text } : args)
        times.push(performance.now() - startedAt)
        tally.take(answer)
        const wanted = tool === 'echo' ? text : 'done after'
        if (answer.status !== 200 || !answer.text.includes(wanted))
          failures.push(`${answer.status} ${answer.text.slice(0, 300)}`)
        await new Promise((resolve) => setTimeout(resolve, restMs))
      }
    }),
  )
  times.sort((a, b) => a - b)
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))]
  return { calls: times.length, p50: at(0.5), p99: at(0.99), failures: failures.slice(0, 5) }
}

async function take(order) {
  try {
    clients ??= await open(order)
    const tally = new Tally(order.tenant)
    const result = await work(order, tally)
    process.send({ ...result, foreign: tally.foreign })
  } catch (error) {
    process.send({ error: error.message })
  }
}

process.on('message', (order) => void take(order))
process.on('disconnect', () => process.exit(0))
