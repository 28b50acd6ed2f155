/** Calls that wait for clients without sessions, of servers and clients that do it in odd ways. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Answered } from '../support/http.ts'
import { type InProcess, startForTest } from '../support/in-process.ts'
import { type JsonMap, messagesOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { ask, type StatelessOptions } from '../support/stateless.ts'

const server = join(import.meta.dirname, 'scripted-input-requests.mjs')
const capabilities = { elicitation: { form: {} } }
function start(settings: Parameters<typeof startForTest>[1] = {}, flags: readonly string[] = []): Promise<InProcess> {
  return startForTest([server, ...flags], { ...settings, upstream: { stateless: 'principal', ...settings.upstream } })
}

let ids = 0
interface Turn {
  readonly answered: Answered
  readonly response: RpcMessage
  readonly state: unknown
  readonly keys: readonly string[]
}

/** One request with a script, and how it was answered. */
async function run(
  url: string,
  steps: readonly JsonMap[],
  more: JsonMap = {},
  options: StatelessOptions = {},
): Promise<Turn> {
  const id = ++ids
  const answered = await ask(
    url,
    'tools/call',
    { name: 'run', arguments: { steps }, ...more },
    { capabilities, id, ...options },
  )
  const response = await responseTo(answered, id)
  const { requestState, inputRequests } = response.result ?? {}
  return { answered, response, state: requestState, keys: Object.keys(inputRequests ?? {}) }
}

const accepted: JsonMap = { action: 'accept', content: {} }
const answersTo = ({ state, keys }: Turn): JsonMap => ({
  requestState: state,
  inputResponses: Object.fromEntries(keys.map((key) => [key, accepted])),
})
const toldBy = ({ response }: Turn): { readonly pid: number; readonly answers: JsonMap } =>
  JSON.parse(textOf(response)) as { pid: number; answers: JsonMap }
const progressIn = ({ answered }: Turn): unknown[] =>
  messagesOf(answered).flatMap(({ method, params }) =>
    method === 'notifications/progress' ? [params?.['progress']] : [],
  )
const wantsProgress: StatelessOptions = { meta: { progressToken: 'p' } }

test('what a server says right after its question is told with the answer, and the call goes on', async () => {
  const { url } = await start()
  const steps = [{ ask: 'a' }, { progress: 1 }, { progress: 2 }, { until: 'a' }, { progress: 3 }]
  const first = await run(url, steps, {}, wantsProgress)
  expect(first.keys).toEqual(['elicitation-1'])
  const last = await run(url, steps, answersTo(first), wantsProgress)
  expect(toldBy(last).answers).toEqual({ a: accepted })
  expect(progressIn(last)).toEqual([1, 2, 3])
})

test('what a server says after a question that it took back comes in order', async () => {
  const { url } = await start()
  const steps = [{ ask: 'a' }, { progress: 1 }, { take: 'a' }, { ms: 300 }, { progress: 2 }]
  const only = await run(url, steps, {}, wantsProgress)
  expect(toldBy(only).answers).toEqual({})
  expect(progressIn(only)).toEqual([1, 2])
})

test('a server that sends messages while its client answers gets the answer; the client gets the last of the messages', async () => {
  const { url } = await start()
  const steps = [{ ask: 'a' }, { log: 'x'.repeat(10_000), every: 1, until: 'a' }, { log: 'last' }]
  const wantsLogs = { meta: { 'io.modelcontextprotocol/logLevel': 'info' } }
  const first = await run(url, steps, {}, wantsLogs)
  expect(first.keys).toEqual(['elicitation-1'])
  // Meanwhile it says more than is ever kept.
  await run(url, [{ ms: 1500 }])
  const last = await run(url, steps, answersTo(first), wantsLogs)
  expect(toldBy(last).answers).toEqual({ a: accepted })
  const logs = messagesOf(last.answered).filter(({ method }) => method === 'notifications/message')
  expect(logs.at(-1)?.params).toMatchObject({ data: 'last' })
})

test('a call that ends although its client was asked leaves its place to others', async () => {
  const { url } = await start({ upstream: { pool: 1 } })
  const steps = [{ ask: 'a' }, { ms: 100 }, { log: 'enough' }, { take: 'a' }, { log: 'the end' }]
  const first = await run(url, steps, {}, { meta: { 'io.modelcontextprotocol/logLevel': 'info' } })
  expect(first.keys).toHaveLength(1)
  const other = toldBy(await run(url, []))
  const own = toldBy(await run(url, steps, answersTo(first)))
  expect([own.answers, other.answers]).toEqual([{}, {}])
  expect(own.pid).not.toBe(other.pid)
})

test('a server that asks and does not wait for an answer may ask again in the next call', async () => {
  const { url } = await start()
  for (let n = 0; n < 3; n++) expect(toldBy(await run(url, [{ ask: 'a' }])).answers).toEqual({})
  const steps = [{ ask: 'a' }, { until: 'a' }]
  const first = await run(url, steps)
  expect(toldBy(await run(url, steps, answersTo(first))).answers).toEqual({ a: accepted })
})

test('a server is refused an input request within a request that cannot be sent anew', async () => {
  const { url, counts } = await start()
  const params = { ref: { type: 'ref/prompt', name: 'p' }, argument: { name: 'a', value: 'b' } }
  const answered = await ask(url, 'completion/complete', params, { capabilities, id: 'c' })
  const { result } = await responseTo(answered, 'c')
  expect(result).toMatchObject({ resultType: 'complete', completion: { values: [expect.stringContaining('-32')] } })
  expect((await counts())['suspendedCalls']).toBe(0)
})

test('a request that changes the log level of a process does not share it with another one meanwhile', async () => {
  const { url } = await start({}, ['--slow-level=300'])
  const level = { meta: { 'io.modelcontextprotocol/logLevel': 'debug' } }
  const steps = [{ ms: 600 }, { ask: 'a' }, { until: 'a' }]
  const both = await Promise.all([run(url, steps, {}, level), run(url, [{ ms: 100 }, ...steps])])
  expect(
    both.map(({ keys }) => keys.length),
    JSON.stringify(both.map(({ response }) => response)),
  ).toEqual([1, 1])
  const pids = await Promise.all(
    both.map(
      async (turn, at) => toldBy(await run(url, at === 0 ? steps : [{ ms: 100 }, ...steps], answersTo(turn))).pid,
    ),
  )
  expect(new Set(pids).size).toBe(2)
})

test('a request that changes the log level does not wait for processes that are busy with other calls', async () => {
  const { url } = await start()
  await run(url, [])
  const order: string[] = []
  const busy = run(url, [{ block: 3000 }]).then(() => order.push('busy'))
  await run(url, [{ ms: 1 }])
  await run(url, [], {}, { meta: { 'io.modelcontextprotocol/logLevel': 'debug' } }).then(() => order.push('level'))
  await busy
  expect(order).toEqual(['level', 'busy'])
})

test('a request that asked for no log lines gets none, whatever the one before it asked for', async () => {
  const { url } = await start()
  const steps = [{ ask: 'a' }, { until: 'a' }, { log: 'late' }]
  const first = await run(url, steps, {}, { meta: { 'io.modelcontextprotocol/logLevel': 'info' } })
  const last = await run(url, steps, answersTo(first))
  expect(messagesOf(last.answered).map(({ method }) => method)).toEqual([undefined])
})

test('of calls that wait for their clients, the one that waits longest gives way when others find no process', async () => {
  const { url, counts } = await start({ upstream: { pool: 2 }, sessions: { evictIdleMs: 300 } })
  const steps = [{ ask: 'a' }, { until: 'a' }]
  const longest = await run(url, steps)
  const other = await run(url, steps)
  expect(toldBy(await run(url, [])).answers).toEqual({})
  expect((await counts())['suspendedCalls']).toBe(1)
  expect(toldBy(await run(url, steps, answersTo(other))).answers).toEqual({ a: accepted })
  const { response } = await run(url, steps, answersTo(longest))
  expect(response.error?.data).toMatchObject({ reason: 'suspended_call_gone' })
})

test('a call that waits for its client does not give way at once', async () => {
  const settings = { upstream: { pool: 1 }, sessions: { evictIdleMs: 60_000 }, limits: { queueWaitMs: 1500 } }
  const { url } = await start(settings)
  const steps = [{ ask: 'a' }, { until: 'a' }]
  const first = await run(url, steps)
  const { response } = await run(url, [])
  expect(response.error?.data).toMatchObject({ reason: 'overloaded' })
  expect(toldBy(await run(url, steps, answersTo(first))).answers).toEqual({ a: accepted })
})
