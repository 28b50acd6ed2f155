/** What happens while a call runs: progress and log messages, its cancellation, the loss of the connection. */
import type { JsonMap, RpcMessage } from '../../support/rpc.ts'
import { type TestClient, resultOf } from '../test-client.ts'
import {
  always,
  call,
  endsWithCall,
  type Feature,
  holds,
  isHttp,
  isStateless,
  type Lane,
  same,
  textIn,
  until,
  isShared,
  nameOf,
} from './feature.ts'

const section = 'While a call runs'
const progressed = 'notifications/progress'
const logged = 'notifications/message'

const isProgress =
  (token: string | number) =>
  ({ method, params }: RpcMessage): boolean =>
    method === progressed && params?.['progressToken'] === token

const following = (kind: string, token: string | number): Feature => ({
  section,
  name: `Progress, by a token that is ${kind}`,
  async check(testClient) {
    const since = testClient.received.length
    same(textIn(await call(testClient, 'steps', {}, { meta: { progressToken: token } })), 'three steps')
    const told = testClient.received
      .slice(since)
      .flatMap(({ message }) => (isProgress(token)(message) ? [message.params] : []))
    same(
      told.map((params) => [params?.['progress'], params?.['total'], params?.['message']]),
      [1, 2, 3].map((step) => [step, 3, `step ${step}`]),
    )
    return 'works'
  },
  expected: always('works'),
})

/** A call that runs until it is told to end, once it runs. */
async function waiting(
  testClient: TestClient,
  lane: Lane,
  why: string,
): Promise<{ key: string; running: ReturnType<TestClient['start']> }> {
  const key = `${why}-${nameOf(lane)}`
  const since = testClient.received.length
  const meta = { progressToken: key }
  const running = testClient.start('tools/call', { name: 'wait', arguments: { key } }, { meta })
  running.response.catch(() => {})
  await testClient.told('the call to run', since, isProgress(key))
  return { key, running }
}

const stateOf = async (testClient: TestClient, key: string): Promise<string> =>
  textIn(await call(testClient, 'waiting', { key }))

const cancelled = (testClient: TestClient, key: string): Promise<void> =>
  until('the server to know', async () => (await stateOf(testClient, key)) === 'cancelled')

/** Whether a process works for one client after the other. */
const meetsOthers = (lane: Lane): boolean => isShared(lane) && !endsWithCall(lane)

/** The levels of the log lines that a call was told. */
async function levels(testClient: TestClient): Promise<string> {
  const since = testClient.received.length
  same(textIn(await call(testClient, 'logs')), 'three lines')
  const isLine = ({ method }: RpcMessage): boolean => method === logged
  return testClient.received
    .slice(since)
    .flatMap(({ message }) => (isLine(message) ? [message.params?.['level']] : []))
    .join()
}

export const running: readonly Feature[] = [
  following('a string', 'a token'),
  following('a number', 77),
  {
    section,
    name: 'Log lines, as severe as was asked for',
    async check(testClient, lane) {
      const tell = async (one: TestClient, level: string, wanted: string): Promise<void> => {
        const answer = await one.setLevel(level)
        if (answer) same(resultOf(answer), {})
        same(await levels(one), wanted)
      }
      // Over one pipe a log line names no call: it is told if there is but one that it can be of.
      await lane.alone(testClient, async (one) => {
        await tell(one, 'error', 'error')
        if (!testClient.isStateless) await tell(one, 'debug', 'debug,info,error')
      })
      // Without a session each call is a client of its own.
      if (testClient.isStateless) await lane.alone(testClient, (one) => tell(one, 'debug', 'debug,info,error'))
      return meetsOthers(lane) ? 'works: while the process has worked for no other client' : 'works'
    },
    expected: (lane) => (meetsOthers(lane) ? 'works: while the process has worked for no other client' : 'works'),
  },
  {
    section,
    name: 'Cancellation',
    async check(testClient, lane) {
      const { key, running: one } = await waiting(testClient, lane, 'cancel')
      await one.cancel()
      await cancelled(testClient, key)
      same(textIn(await call(testClient, 'text')), 'plain ✓ text')
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'The connection of a call is lost',
    async check(testClient, lane) {
      if (!isHttp(lane)) {
        const { key, running: one } = await waiting(testClient, lane, 'lose')
        const { cut } = await one.sent
        await call(testClient, 'release', { key })
        await one.response
        holds('one connection for all', cut === undefined, key)
        return '-: all share one connection'
      }
      const { key, running: one } = await waiting(testClient, lane, 'lose')
      const sent = await one.sent
      sent.cut?.()
      if (isStateless(lane)) {
        await cancelled(testClient, key)
        return 'works: it is cancelled'
      }
      same(await stateOf(testClient, key), 'running')
      await call(testClient, 'release', { key })
      await testClient.wire.resume?.(sent.lastEventId() ?? '')
      same(textIn(await one.response), `waited for ${key}`)
      return 'works: it goes on, and its answer can be had'
    },
    expected: (lane) => {
      if (!isHttp(lane)) return '-: all share one connection'
      return isStateless(lane) ? 'works: it is cancelled' : 'works: it goes on, and its answer can be had'
    },
  },
  {
    section,
    name: 'Several messages in one',
    async check(testClient, lane) {
      const one = (id: string, method: string, params: JsonMap = {}): JsonMap => ({
        jsonrpc: '2.0',
        id,
        method,
        params,
      })
      const since = testClient.received.length
      const { status } = await testClient.wire.send([
        one('b1', 'ping'),
        one('b2', 'tools/call', { name: 'text', arguments: {} }),
      ])
      const isOf = ({ id, error }: RpcMessage): boolean =>
        id === 'b2' || (error !== undefined && (id === 'batch' || (id ?? null) === null))
      const { message } = await testClient.told('an answer', since, isOf)
      if (message.error) {
        same(message.error.code, -32600)
        if (isHttp(lane)) same(status, 400)
        return 'refused: not in this revision'
      }
      same(textIn(message), 'plain ✓ text')
      await testClient.told('the other answer', since, ({ id, result }) => id === 'b1' && result !== undefined)
      return 'works'
    },
    expected: ({ client }) => (client === '2025-03-26' ? 'works' : 'refused: not in this revision'),
  },
]
