/**
 * Messages that a server sends for a call that is over, while the call of another client is the only one in flight on the
 * worker: an input request must not reach that client, its answer must not be taken for one, and a log message is dropped.
 */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Answered } from '../support/http.ts'
import { type InProcess, startForTest } from '../support/in-process.ts'
import { type JsonMap, responseTo, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, callTool, type StatelessOptions } from '../support/stateless.ts'

type Upstream = NonNullable<NonNullable<Parameters<typeof startForTest>[1]>['upstream']>

const server = join(import.meta.dirname, 'late-messages-server.mjs')
const start = (upstream: Upstream = {}, ...flags: readonly string[]): Promise<InProcess> =>
  startForTest([server, ...flags], { upstream })
/** What stateless clients of a session-based server share processes with. */
const startForStateless = (stateless: 'principal' | 'call' | 'shared' = 'principal'): Promise<InProcess> =>
  start({ stateless })

const capabilities = { elicitation: { form: {} } }
const accepted: JsonMap = { action: 'accept', content: {} }
const secret = 'SECRET of A'
const refusal = expect.objectContaining({ code: -32601 })

interface Told {
  readonly pid: number
  readonly answers?: JsonMap
  readonly answer?: JsonMap
}
const told = async (answered: Answered, id: string | number): Promise<Told> =>
  JSON.parse(textOf(await responseTo(answered, id))) as Told

const ways = [
  { as: 'question', hang: false, name: 'a question after the answer' },
  { as: 'question', hang: true, name: 'a question after the cancellation' },
  { as: 'log', hang: false, name: 'a log line after the answer' },
  { as: 'log', hang: true, name: 'a log line after the cancellation' },
] as const
type Way = (typeof ways)[number]
const laterBy = ({ as, hang }: Way, ms = 100): JsonMap => ({ as, hang, secret, ms })

/** A client without a session has a call that is over, and of which something is yet to be said. */
async function callAndLeave(url: string, way: Way, options: StatelessOptions, ms?: number): Promise<void> {
  const meta = { ...options.meta, progressToken: 'A' }
  const answered = await callTool(url, 'later', laterBy(way, ms), { ...options, meta, id: 'A' })
  if (!way.hang) return void (await responseTo(answered, 'A'))
  await answered.event('that it has begun', ({ data }) => data.includes('notifications/progress'))
  answered.cut()
  await answered.over
}

/** The same for a client with a session. */
async function callAndCancel(session: Session, way: Way, ms?: number): Promise<void> {
  const id = session.nextId()
  const answered = await session.call('later', laterBy(way, ms), { id, progressToken: id })
  if (!way.hang) return void (await responseTo(answered, id))
  await answered.event('that it has begun', ({ data }) => data.includes('notifications/progress'))
  await session.notify('notifications/cancelled', { requestId: id })
  await answered.whole()
}

const wantsLogs: StatelessOptions = { meta: { 'io.modelcontextprotocol/logLevel': 'debug' } }

describe('two clients without sessions', () => {
  test.each(ways)('that can be asked: $name', async (way) => {
    const { url } = await startForStateless()
    const options = { capabilities, ...wantsLogs }
    await callAndLeave(url, way, options)
    const answered = await callTool(url, 'busy', {}, { ...options, id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual({})
    expect(answered.text).not.toContain(secret)
  })

  test.each(ways)('that can be asked, by --stateless call: $name', async (way) => {
    const { url } = await startForStateless('call')
    const options = { capabilities, ...wantsLogs }
    await callAndLeave(url, way, options)
    const answered = await callTool(url, 'busy', {}, { ...options, id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual({})
    expect(answered.text).not.toContain(secret)
  })

  test.each(ways)('that share a process with everybody, by --stateless shared: $name', async (way) => {
    const { url } = await startForStateless('shared')
    const options = { capabilities, ...wantsLogs }
    await callAndLeave(url, way, options)
    const answered = await callTool(url, 'busy', {}, { ...options, id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual(way.as === 'log' ? {} : { [secret]: refusal })
    expect(answered.events.filter(({ data }) => data.includes('"method"'))).toEqual([])
  })

  test.each(ways)('that cannot be asked: $name', async (way) => {
    const { url } = await startForStateless()
    await callAndLeave(url, way, wantsLogs)
    const answered = await callTool(url, 'busy', {}, { ...wantsLogs, id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual(way.as === 'log' ? {} : { [secret]: refusal })
    expect(answered.events.filter(({ data }) => data.includes('notifications/'))).toEqual([])
  })

  test.each(ways)('of which the second waits for its person: $name', async (way) => {
    const { url } = await startForStateless()
    const options = { capabilities, ...wantsLogs }
    await callAndLeave(url, way, options)
    const args = { message: 'question of B' }
    const asked = await callTool(url, 'form', args, { ...options, id: 1 })
    const { inputRequests = {}, requestState } = (await responseTo(asked, 1)).result ?? {}
    const keys = Object.keys(inputRequests as JsonMap)
    expect(keys).toHaveLength(1)
    expect(JSON.stringify(inputRequests)).toContain('question of B')
    // Time for the other one's question to come.
    await new Promise((resolve) => setTimeout(resolve, 400))
    const inputResponses = Object.fromEntries(keys.map((key) => [key, accepted]))
    const params = { name: 'form', arguments: args, requestState, inputResponses }
    const last = await ask(url, 'tools/call', params, { ...options, id: 2 })
    expect((await told(last, 2)).answer).toEqual(accepted)
    expect(asked.text + last.text).not.toContain(secret)
  })
})

describe.each(['principal', 'tenant', 'shared'] as const)('two sessions that share a process, by --mode %s', (mode) => {
  test.each(ways)('$name', async (way) => {
    const { url } = await start({ mode })
    const [one, other] = [await openSession(url, { capabilities }), await openSession(url, { capabilities })]
    for (const session of [one, other]) await session.request('logging/setLevel', { level: 'debug' })
    const listening = await Promise.all([one.listen(), other.listen()])
    const { pid } = JSON.parse(await one.text('busy')) as Told
    await callAndCancel(one, way)
    const id = other.nextId()
    const answered = await other.call('busy', {}, { id })
    // It is the same process, and it got no answer to its question but ours.
    expect(await told(answered, id)).toEqual({ pid, answers: way.as === 'log' ? {} : { [secret]: refusal } })
    const heard = [answered, ...listening].flatMap(({ events }) => events.map(({ data }) => data))
    expect(heard.filter((data) => data.includes(secret) && data.includes('"method"'))).toEqual([])
    for (const stream of listening) stream.cut()
  })
})

test('what is said more than five seconds after a cancellation still belongs to no other client', async () => {
  const ms = 5500
  const betweenSessions = async (way: Way): Promise<void> => {
    const { url } = await start({ mode: 'principal' })
    const [one, other] = [await openSession(url, { capabilities }), await openSession(url, { capabilities })]
    for (const session of [one, other]) await session.request('logging/setLevel', { level: 'debug' })
    await callAndCancel(one, way, ms)
    const answered = await other.call('busy', {}, { id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual(way.as === 'log' ? {} : { [secret]: refusal })
    expect(answered.events.filter(({ data }) => data.includes('"method"'))).toEqual([])
  }
  const withoutSessions = async (way: Way): Promise<void> => {
    const { url } = await startForStateless()
    await callAndLeave(url, way, wantsLogs, ms)
    const answered = await callTool(url, 'busy', {}, { ...wantsLogs, id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual(way.as === 'log' ? {} : { [secret]: refusal })
    expect(answered.events.filter(({ data }) => data.includes('"method"'))).toEqual([])
  }
  const cancelled = ways.filter(({ hang }) => hang)
  await Promise.all([...cancelled.map(betweenSessions), ...cancelled.map(withoutSessions)])
})

describe('an error that names no request', () => {
  test.each([
    { kind: 'a session-based', flags: [], mode: 'principal' },
    { kind: 'a session-based', flags: [], mode: 'shared' },
    { kind: 'a stateless', flags: ['--stateless'], mode: 'shared' },
  ] as const)('of $kind server ends no call of another client, in mode $mode', async ({ flags, mode }) => {
    const { url } = await start({ mode }, ...flags)
    const [one, other] = [await openSession(url), await openSession(url)]
    await one.text('later', { as: 'error', secret })
    const answered = await other.call('busy', {}, { id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual({})
    expect(answered.text).not.toContain(secret)
  })
})

describe('a stateless server that logs late', () => {
  const logs = ways.filter(({ as }) => as === 'log')

  test.each(logs)('two clients without sessions: $name', async (way) => {
    const { url } = await start({}, '--stateless')
    await callAndLeave(url, way, wantsLogs)
    const answered = await callTool(url, 'busy', {}, { ...wantsLogs, id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual({})
    expect(answered.text).not.toContain(secret)
  })

  test.each(logs)('two clients with sessions: $name', async (way) => {
    const { url } = await start({}, '--stateless')
    const [one, other] = [await openSession(url), await openSession(url)]
    for (const session of [one, other]) await session.request('logging/setLevel', { level: 'debug' })
    await callAndCancel(one, way)
    const answered = await other.call('busy', {}, { id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual({})
    expect(answered.text).not.toContain(secret)
  })
})

describe('a process for each call', () => {
  test.each(ways)('two clients with sessions: $name', async (way) => {
    const { url } = await start({ mode: 'call' })
    const [one, other] = [await openSession(url, { capabilities }), await openSession(url, { capabilities })]
    for (const session of [one, other]) await session.request('logging/setLevel', { level: 'debug' })
    await callAndCancel(one, way)
    const answered = await other.call('busy', {}, { id: 'B' })
    expect((await told(answered, 'B')).answers).toEqual({})
    expect(answered.text).not.toContain(secret)
  })
})

describe('a client that is alone with its process', () => {
  test('by --mode principal is asked, and is told the log lines of its calls', async () => {
    const { url } = await start({ mode: 'principal' })
    const session = await openSession(url, { capabilities })
    await session.request('logging/setLevel', { level: 'debug' })
    await session.text('later', { as: 'log', secret })
    const busy = await session.call('busy', {}, { id: 'b' })
    await busy.whole()
    expect(busy.text).toContain(secret)
    const asking = await session.call('form', { message: 'question' }, { id: 'q' })
    const { data } = await asking.event('a question', (event) => event.data.includes('elicitation/create'))
    const { id } = JSON.parse(data) as { id: string }
    await session.post({ id, result: accepted })
    expect((await told(asking, 'q')).answer).toEqual(accepted)
  })

  test('a session with its own process is asked late, too: no other client can be meant', async () => {
    const { url } = await start()
    const session = await openSession(url, { capabilities })
    await session.text('later', { as: 'question', secret })
    const busy = await session.call('busy', {}, { id: 'b' })
    const { data } = await busy.event('a question', (event) => event.data.includes(secret))
    await session.post({ id: (JSON.parse(data) as { id: string }).id, result: accepted })
    await busy.whole()
    expect((JSON.parse(await session.text('busy')) as Told).answers).toEqual({ [secret]: accepted })
  })

  test('without a session is asked with each of its calls, by a process that is this call’s alone', async () => {
    const { url } = await startForStateless()
    for (let n = 0; n < 3; n++) {
      const options = { capabilities, id: n }
      const { result } = await responseTo(await callTool(url, 'form', { message: `question ${n}` }, options), n)
      expect(JSON.stringify(result?.['inputRequests'])).toContain(`question ${n}`)
    }
    const pids: number[] = []
    for (let n = 0; n < 3; n++) {
      pids.push((await told(await callTool(url, 'busy', {}, { capabilities, id: n }), n)).pid)
    }
    expect(new Set(pids).size).toBe(3)
    // One that cannot be asked needs no such care.
    const { pid } = await told(await callTool(url, 'busy', {}, { id: 'a' }), 'a')
    expect((await told(await callTool(url, 'busy', {}, { id: 'b' }), 'b')).pid).toBe(pid)
  })
})
