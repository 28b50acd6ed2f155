/**
 * Two tenants with the same subject and the same request ids, at one endpoint of a session-based and a stateless server,
 * with sessions and without: nothing of one reaches the other through either server.
 */
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Answered, send } from '../support/http.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { type JsonMap, messagesOf, reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { ask } from '../support/stateless.ts'
import { postHeaders, startForTwoTenants, type TwoTenants } from './two-tenants.ts'

const capabilities = { elicitation: {} }
const members = ['old', 'new']
const asIs = ['tools/list', 'resources/list']

/** A client of one tenant that calls every request by one id. */
interface TenantClient {
  /** Begins a call; its answer may be a stream. */
  begin(tool: string, args?: JsonMap, more?: JsonMap): Promise<Answered>
  call(tool: string, args?: JsonMap, more?: JsonMap): Promise<RpcMessage>
  list(method: string): Promise<string>
  /** Takes what the servers announce for it: of lists, and of one resource. */
  listen(uri: string): Promise<Answered>
}

const sameId = 7
/** With it a call streams from its beginning. */
const streamed = { _meta: { progressToken: sameId } }

/** A list without the time that is left of its age. */
const listIn = ({ result }: RpcMessage): string => JSON.stringify({ ...result, ttlMs: undefined })

async function withSession(url: string): Promise<TenantClient> {
  const session = await openSession(url, { capabilities })
  const begin: TenantClient['begin'] = (tool, args = {}, more = {}) =>
    session.post({ id: sameId, method: 'tools/call', params: { name: tool, arguments: args, ...more } })
  return {
    begin,
    call: async (tool, args, more) => responseTo(await begin(tool, args, more), sameId),
    list: async (method) => listIn(await session.request(method)),
    async listen(uri) {
      const stream = await session.listen()
      await session.request('resources/subscribe', { uri })
      return stream
    },
  }
}

/** @param declared what the client declares; a worker whose client may be asked ends with its call */
function withoutSession(url: string, declared: JsonMap = {}): TenantClient {
  const begin: TenantClient['begin'] = (tool, args = {}, { _meta = {}, ...more } = {}) =>
    ask(
      url,
      'tools/call',
      { name: tool, arguments: args, ...more },
      { id: sameId, capabilities: declared, meta: _meta as JsonMap },
    )
  return {
    begin,
    call: async (tool, args, more) => responseTo(await begin(tool, args, more), sameId),
    list: async (method) => listIn(await responseTo(await ask(url, method, {}, { id: sameId }), sameId)),
    async listen(uri) {
      const notifications = { toolsListChanged: true, resourceSubscriptions: [uri] }
      const stream = await ask(url, 'subscriptions/listen', { notifications }, { id: sameId })
      await stream.event('the acknowledgement', ({ data }) => data.includes('acknowledged'))
      return stream
    },
  }
}

async function start(): Promise<TwoTenants> {
  const urls = await startForTwoTenants({
    upstreams: {
      old: { command: process.execPath, args: [echoLegacy], stateless: 'principal' },
      new: { command: process.execPath, args: [echoModern], mode: 'principal' },
    },
  })
  // Until both are known, the endpoint has no clients without sessions.
  await eventually('both servers are listed', async () => {
    const listed = await responseTo(await ask(urls.a, 'tools/list', {}, { id: sameId }), sameId)
    return members.every((member) => JSON.stringify(listed).includes(`${member}__echo`))
  })
  return urls
}

describe.each([
  ['with sessions', withSession],
  ['without sessions', async (url: string) => withoutSession(url)],
] as const)('two tenants %s at an endpoint of two servers', (_kind, connect) => {
  async function both(): Promise<readonly [TenantClient, TenantClient]> {
    const { a, b } = await start()
    return [await connect(a), await connect(b)]
  }

  test.each(members)('have workers of their own of %s, and the answers and state of their own', async (member) => {
    const clients = await both()
    for (const [at, one] of clients.entries()) await one.call(`${member}__remember`, { key: 'k', value: `of ${at}` })
    const answers = await Promise.all(clients.map((one) => one.call(`${member}__recall`, { key: 'k' })))
    expect(answers.map((answer) => [answer.id, textOf(answer)])).toEqual([
      [sameId, 'of 0'],
      [sameId, 'of 1'],
    ])
    const told = await Promise.all(clients.map((one) => one.call(`${member}__whoami`)))
    const [one, other] = told.map((answer) => (JSON.parse(textOf(answer)) as { pid: number }).pid)
    expect(one).not.toBe(other)
  })

  test.each(members)('are told of the resources and lists of their own worker of %s alone', async (member) => {
    const [a, b] = await both()
    const uri = `mcplex://${member}/echo://nonce`
    // A worker that has not started yet is subscribed as it starts.
    for (const one of [a, b]) await one.call(`${member}__echo`, { text: 'started' })
    const [heard, overheard] = [await a.listen(uri), await b.listen(uri)]
    const listed = await Promise.all(asIs.map((method) => b.list(method)))
    const updated = `notifications/resources/updated`
    await eventually('the worker of the first to be subscribed', async () => {
      await a.call(`${member}__update`, { uri: 'echo://nonce' })
      return heard.text.includes(updated)
    })
    await a.call(`${member}__touch-list`)
    await eventually('a change of the first', async () => heard.text.includes('tools/list_changed'))
    expect(await Promise.all(asIs.map((method) => b.list(method)))).toEqual(listed)
    // What is told to the second later comes after all that was told before.
    await eventually('its own update', async () => {
      await b.call(`${member}__update`, { uri: 'echo://nonce' })
      return overheard.text.includes(updated)
    })
    expect(overheard.text).not.toContain('list_changed')
    heard.cut()
    overheard.cut()
  })
})

test.each(members)('a session of one tenant is unknown to the other, with a call on %s at work', async (member) => {
  const { a, b } = await start()
  const session = await openSession(a)
  await openSession(b)
  const running = session.response(`${member}__slow`, { ms: 700, steps: 7 }, { id: sameId })
  const headers = { ...session.headers, ...postHeaders }
  const post = (message: JsonMap): Promise<Answered> =>
    send(b, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) })
  const foreign = [
    await post({ id: sameId, method: 'tools/call', params: { name: `${member}__whoami` } }),
    await post({ id: sameId, method: 'tools/list' }),
    await post({ method: 'notifications/cancelled', params: { requestId: sameId } }),
    await send(b, { method: 'GET', headers: { ...session.headers, Accept: 'text/event-stream' } }),
    await send(b, { method: 'DELETE', headers: session.headers }),
  ]
  for (const answered of foreign) await answered.whole()
  expect(foreign.map(({ status }) => status)).toEqual(foreign.map(() => 404))
  expect(textOf(await running)).toBe('done after 700 ms')
})

test.each(members)('a call on %s is cancelled by its own tenant alone', async (member) => {
  const { a, b } = await start()
  const [one, other] = [await openSession(a), await openSession(b)]
  const running = one.response(`${member}__slow`, { ms: 700, steps: 7 }, { id: sameId })
  await other.text(`${member}__echo`, { text: 'there' })
  await other.notify('notifications/cancelled', { requestId: sameId })
  expect(textOf(await running)).toBe('done after 700 ms')
})

test.each(members)('a session’s question of %s is answered by its own tenant alone', async (member) => {
  const { a, b } = await start()
  const [one, other] = [await openSession(a, { capabilities }), await openSession(b, { capabilities })]
  const args = { kind: 'elicitation', message: 'Who?' }
  const answered = await one.call(`${member}__ask`, args, { id: sameId })
  const question = await answered.event('a question', ({ data }) => data.includes('elicitation/create'))
  const { id = '' } = JSON.parse(question.data) as RpcMessage
  const result = (name: string): JsonMap => ({ action: 'accept', content: { name } })
  await (await other.post({ id, result: result('Mallory') })).whole()
  await one.post({ id, result: result('Ada') })
  expect(JSON.parse(textOf(await responseTo(answered, sameId)))).toEqual(result('Ada'))
})

test.each(members)(
  'a call on %s that waits for a client without a session goes on for its own tenant alone',
  async (member) => {
    const { a, b } = await start()
    const [one, other] = [withoutSession(a, capabilities), withoutSession(b, capabilities)]
    const args = { kind: 'elicitation', message: 'Who?' }
    const tool = `${member}__ask`
    const [first, second] = await Promise.all([one.call(tool, args), other.call(tool, args)])
    const answerTo = ({ result }: RpcMessage, name: string): JsonMap => ({
      requestState: result?.['requestState'],
      inputResponses: Object.fromEntries(
        Object.keys(result?.['inputRequests'] as object).map((key) => [key, { action: 'accept', content: { name } }]),
      ),
    })
    const stolen = await other.call(tool, args, answerTo(first, 'Mallory'))
    expect([stolen.error?.code, reasonOf(stolen)]).toEqual([-32602, 'invalid_params'])
    expect(textOf(await one.call(tool, args, answerTo(first, 'Ada')))).toContain('Ada')
    expect(textOf(await other.call(tool, args, answerTo(second, 'Bob')))).toContain('Bob')
  },
)

test('progress under one token goes to the call of its own tenant', async () => {
  const { a, b } = await start()
  const clients = [await withSession(a), await withSession(b), withoutSession(a), withoutSession(b)]
  const all = await Promise.all(
    clients.map(async (one, at) => {
      const answered = await one.begin('old__notify', { count: at + 1 }, streamed)
      await responseTo(answered, sameId)
      return messagesOf(answered).filter(({ method }) => method === 'notifications/progress').length
    }),
  )
  expect(all).toEqual([1, 2, 3, 4])
})
