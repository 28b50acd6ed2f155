/**
 * No client reaches what belongs to another: guessed ids, sessions, events, cursors of workers, sealed states,
 * subscriptions.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { echoLegacy, echoModern, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { messagesOf, reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, callTool, toolResponse } from '../support/stateless.ts'

let mcplex: Mcplex | undefined
afterEach(async () => {
  await mcplex?.end()
  mcplex = undefined
})

async function start(server: readonly string[], ...options: readonly string[]): Promise<string> {
  mcplex = await startMcplex({ server, options: ['--log-level', 'warn', '--stateless', 'principal', ...options] })
  return mcplex.url
}

const slow = { ms: 1500, steps: 3 }

describe('calls of one session under one id', () => {
  test.each(['session', 'shared', 'principal', 'call'])('each get their own answer, in mode %s', async (mode) => {
    const url = await start([echoLegacy], '--mode', mode, '--pool', '4')
    const session = await openSession(url)
    const marks = Array.from({ length: 20 }, (_, at) => `own ${at}`)
    // The slow ones come first and end last.
    const slowOnes = [300, 200, 100].map((ms) => session.response('slow', { ms }, { id: 7, progressToken: 7 }))
    const echoes = marks.map((text) => session.response('echo', { text }, { id: 7, progressToken: 7 }))
    expect((await Promise.all(echoes)).map(textOf)).toEqual(marks)
    expect((await Promise.all(slowOnes)).map(textOf)).toEqual([300, 200, 100].map((ms) => `done after ${ms} ms`))
  })

  test('each get their own answer in one batch, where batches exist', async () => {
    const session = await openSession(await start([echoLegacy]), { version: '2025-03-26' })
    const call = (text: string): object => {
      const params = { name: 'echo', arguments: { text } }
      return { jsonrpc: '2.0', id: 'same', method: 'tools/call', params }
    }
    const answered = await session.post({}, { body: JSON.stringify(['a', 'b', 'c'].map(call)) })
    await answered.whole()
    const messages = messagesOf(answered)
    expect(messages.map(({ id }) => id)).toEqual(['same', 'same', 'same'])
    expect(messages.map(textOf).sort()).toEqual(['a', 'b', 'c'])
  })

  test('are cancelled one by one: the youngest first, and the others go on', async () => {
    const session = await openSession(await start([echoLegacy]))
    await session.whoami()
    const older = session.response('slow', { ms: 600 }, { id: 7 })
    await session.text('echo', { text: 'the older one is on its way' })
    const younger = await session.call('slow', { ms: 60_000, steps: 1000 }, { id: 7, progressToken: 1 })
    await session.notify('notifications/cancelled', { requestId: 7 })
    await younger.whole()
    expect(messagesOf(younger).filter(({ method }) => method === undefined)).toEqual([])
    expect(textOf(await older)).toBe('done after 600 ms')
  })

  test.each(['1.0', '1e0', '"a\\u0062"', '12345678901234567890'])(
    'are cancelled by an id that is written as %s',
    async (id) => {
      const session = await openSession(await start([echoLegacy]))
      await session.whoami()
      const params = '{"name":"slow","arguments":{"ms":60000,"steps":1000},"_meta":{"progressToken":1}}'
      const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`
      const running = await session.post({}, { body })
      // As another library might write the same id.
      const other = { '1.0': '1', '1e0': '1', '"a\\u0062"': '"ab"' }[id] ?? id
      await session.post(
        {},
        { body: `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${other}}}` },
      )
      await running.whole()
      expect(messagesOf(running).filter(({ method }) => method === undefined)).toEqual([])
    },
  )
})

describe('another session', () => {
  /** A session with a call in flight under id 1, whose progress goes by the token 1, and another session. */
  async function setUp(mode: string): Promise<{ victim: Session; stranger: Session; running: Promise<RpcMessage> }> {
    const url = await start([echoLegacy], '--mode', mode)
    const [victim, stranger] = [await openSession(url), await openSession(url)]
    await Promise.all([victim.whoami(), stranger.whoami()])
    const answered = await victim.call('slow', slow, { id: 1, progressToken: 1 })
    return { victim, stranger, running: responseTo(answered, 1) }
  }

  test.each(['session', 'shared'])('cannot cancel a call of another session by its id, in mode %s', async (mode) => {
    const { stranger, running } = await setUp(mode)
    // Its own, the number the process knows the call by, and what might be one.
    const guesses = [1, '1', 0, 65_536, 131_072, 196_608]
    for (const requestId of guesses) {
      expect((await stranger.notify('notifications/cancelled', { requestId })).status).toBe(202)
    }
    expect(textOf(await running)).toBe('done after 1500 ms')
  })

  test.each(['session', 'shared'])('cannot make up progress or answers, in mode %s', async (mode) => {
    const { stranger, running } = await setUp(mode)
    for (const id of [1, 65_536, 131_072]) {
      await stranger.post({ id, result: { content: [{ type: 'text', text: 'forged' }] } })
      await stranger.notify('notifications/progress', { progressToken: id, progress: 99 })
    }
    expect(textOf(await running)).toBe('done after 1500 ms')
  })

  test('cannot answer a question that another session was asked', async () => {
    const url = await start([echoLegacy])
    const asked = await openSession(url, { capabilities: { elicitation: {} } })
    const stranger = await openSession(url, { capabilities: { elicitation: {} } })
    const answered = await asked.call('ask', { kind: 'elicitation' }, { id: 1 })
    const question = await answered.event('a question', ({ data }) => data.includes('elicitation/create'))
    const { id = '' } = JSON.parse(question.data) as RpcMessage
    const result = (name: string): object => ({ action: 'accept', content: { name } })
    expect((await stranger.post({ id, result: result('Mallory') })).status).toBe(202)
    await stranger.post({ id, error: { code: -1, message: 'no' } })
    await asked.post({ id, result: result('Ada') })
    await asked.post({ id, result: result('Too late') })
    expect(JSON.parse(textOf(await responseTo(answered, 1)))).toEqual(result('Ada'))
  })

  test('gets nothing of another session by its event ids', async () => {
    const url = await start([echoLegacy])
    const [victim, stranger] = [await openSession(url), await openSession(url)]
    const answered = await victim.call('notify', { count: 3, bytes: 10 }, { id: 1, progressToken: 1 })
    await answered.whole()
    const first = answered.events[0]?.id ?? ''
    expect(first).not.toBe('')
    const tried = await stranger.listen(first)
    if (tried.headers['content-type'] === 'text/event-stream') await tried.over
    expect(tried.text).not.toContain('nnnnnnnnnn')
    expect(tried.text).not.toContain('sent 3')
    // While the session itself gets all that came after it.
    const resumed = await victim.listen(first)
    await resumed.whole()
    expect(resumed.text).toContain('sent 3')
  })

  test('finds no session by an id that is none, and one id tells nothing of the next', async () => {
    const url = await start([echoLegacy])
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await openSession(url)).id))
    expect(new Set(ids).size).toBe(20)
    const [id = ''] = ids
    const wrong = ['x', id.slice(1), `${id}x`, id.toLowerCase(), `../${id}`, encodeURIComponent(`session///${id}`)]
    for (const guess of wrong.filter((one) => !ids.includes(one))) {
      const answered = await send(url, { method: 'DELETE', headers: { 'Mcp-Session-Id': guess } })
      expect([guess, answered.status]).toEqual([guess, 404])
    }
  })
})

describe('cursors', () => {
  test.each([
    ['session-based', echoLegacy],
    ['stateless', echoModern],
  ])('are ours, not those of a process of a %s server, and of one list each', async (_era, server) => {
    const url = await start([server, '--page=5'])
    const [one, other] = [await openSession(url), await openSession(url)]
    const first = (await one.request('tools/list')).result ?? {}
    const cursor = String(first['nextCursor'])
    const processNonce = (await one.whoami()).nonce
    expect(cursor).not.toContain(processNonce)
    // All get the same list of the catalogue, so the cursor is theirs as well.
    const next = (await other.request('tools/list', { cursor })).result ?? {}
    expect(next['tools']).toHaveLength(5)
    expect(next['tools']).not.toEqual(first['tools'])
    const stateless = await responseTo(await ask(url, 'tools/list', { cursor }, { id: 1 }), 1)
    expect(stateless.result?.['tools']).toEqual(next['tools'])
    const refused = [
      await one.request('tools/list', { cursor: `${processNonce}/5` }),
      await one.request('resources/list', { cursor }),
      await one.request('tools/list', { cursor: `${cursor}0` }),
      await responseTo(await ask(url, 'prompts/list', { cursor }, { id: 1 }), 1),
    ]
    expect(refused.map(({ error }) => error?.code)).toEqual([-32602, -32602, -32602, -32602])
  })
})

describe('the state of an interaction', () => {
  const capabilities = { elicitation: {} }
  const inputResponses = { answer: { action: 'accept', content: { name: 'Ada' } } }

  test('goes on only with the very request that it was given for', async () => {
    const url = await start([echoModern])
    const args = { kind: 'elicitation', message: 'Who?' }
    const round = async (params: object, method = 'tools/call'): Promise<RpcMessage> =>
      responseTo(await ask(url, method, { name: 'ask', arguments: args, ...params }, { id: 1, capabilities }), 1)
    const asked = await round({})
    expect(asked.result).toMatchObject({ resultType: 'input_required' })
    const requestState = String(asked.result?.['requestState'])
    expect(requestState).not.toContain('state-of')
    expect(Buffer.from(requestState, 'base64url').toString('latin1')).not.toContain('state-of')

    const refusedOnes = [
      await round({ requestState, inputResponses, arguments: { ...args, message: 'Who else?' } }),
      await round({ requestState, inputResponses, name: 'echo' }),
      await round({ requestState, inputResponses, name: 'greet' }, 'prompts/get'),
      await round({ requestState: 'state-of-elicitation', inputResponses }),
      await round({ requestState: `${requestState.slice(0, -8)}AAAAAAAA`, inputResponses }),
      // The same bytes, as a lenient decoder would read them.
      await round({ requestState: `${requestState}==`, inputResponses }),
      await round({ requestState: `${requestState.slice(0, 9)}!\n ${requestState.slice(9)}`, inputResponses }),
      await round({ requestState: '', inputResponses }),
      await round({ requestState: 7, inputResponses }),
    ]
    expect(refusedOnes.map((one) => [one.error?.code, reasonOf(one)])).toEqual(
      refusedOnes.map(() => [-32602, 'invalid_params']),
    )
    expect(JSON.parse(textOf(await round({ requestState, inputResponses })))).toEqual(inputResponses.answer)
  })
})

describe('messages of the server outside of calls', () => {
  const uri = 'echo://calls'
  const updated = 'notifications/resources/updated'

  test('of a session’s own process is told to that session alone', async () => {
    const url = await start([echoLegacy], '--mode', 'session')
    const [one, other] = [await openSession(url), await openSession(url)]
    const [heard, overheard] = [await one.listen(), await other.listen()]
    for (const session of [one, other]) await session.request('resources/subscribe', { uri })
    expect(await one.text('update', { uri })).toBe('told 1')
    await one.text('touch-list')
    await heard.event('the update', ({ data }) => data.includes(updated))
    await heard.event('the change', ({ data }) => data.includes('tools/list_changed'))
    expect((await one.request('tools/list')).result?.['tools']).toHaveLength(38)
    expect((await other.request('tools/list')).result?.['tools']).toHaveLength(37)
    // What is said to it later comes after whatever was said to it before.
    expect(await other.text('update', { uri })).toBe('told 1')
    await overheard.event('its own update', ({ data }) => data.includes(updated))
    expect(messagesOf(overheard).map(({ method }) => method)).toEqual([updated])
    heard.cut()
    overheard.cut()
  })

  test.each([
    ['session-based', echoLegacy],
    ['stateless', echoModern],
  ])('of a shared %s process is told to the clients that subscribed, and to no other', async (_era, server) => {
    const url = await start([server], '--mode', 'shared')
    const [subscriber, bystander] = [await openSession(url), await openSession(url)]
    const [heard, overheard] = [await subscriber.listen(), await bystander.listen()]
    await subscriber.request('resources/subscribe', { uri })
    const filter = { resourceSubscriptions: ['echo://nonce'] }
    const listener = await ask(url, 'subscriptions/listen', { notifications: filter }, { id: 'listening' })
    await listener.event('the acknowledgement', ({ data }) => data.includes('acknowledged'))
    await bystander.text('update', { uri })
    await heard.event('the update', ({ data }) => data.includes(updated))
    await bystander.text('update', { uri: 'echo://nonce' })
    await listener.event('its update', ({ data }) => data.includes(updated))
    const told = messagesOf(listener).filter(({ method }) => method === updated)
    expect(told.map(({ params }) => params?.['uri'])).toEqual(['echo://nonce'])
    expect(told[0]?.params?.['_meta']).toEqual({ 'io.modelcontextprotocol/subscriptionId': 'listening' })
    // Every session is told of changed lists: the next message of the bystander is the first.
    await subscriber.text('touch-list')
    await overheard.event('the change', ({ data }) => data.includes('tools/list_changed'))
    expect(messagesOf(overheard).map(({ method }) => method)).toEqual(['notifications/tools/list_changed'])
    for (const stream of [heard, overheard, listener]) stream.cut()
  })

  test('is told once, whatever a session asks a stateless server to tell', async () => {
    const url = await start([echoModern])
    const [one, other] = [await openSession(url), await openSession(url)]
    const heard = await other.listen()
    // A method of the other era: the process would tell all of us everything once more.
    for (const notifications of [{ toolsListChanged: true }, { resourceSubscriptions: [uri] }]) {
      const { error } = await one.request('subscriptions/listen', { notifications })
      expect(error).toMatchObject({ code: -32601 })
    }
    await other.request('resources/subscribe', { uri })
    await one.text('touch-list')
    await one.text('update', { uri })
    await heard.event('the update', ({ data }) => data.includes(updated))
    await one.text('update', { uri: 'echo://nonce' })
    await other.request('resources/subscribe', { uri: 'echo://nonce' })
    await one.text('update', { uri: 'echo://nonce' })
    await heard.event('the last update', ({ data }) => data.includes('echo://nonce'))
    const methods = messagesOf(heard).map(({ method }) => method)
    expect(methods).toEqual(['notifications/tools/list_changed', updated, updated])
    heard.cut()
  })

  test('a level of logging is one session’s', async () => {
    const url = await start([echoLegacy], '--mode', 'session')
    const [one, other] = [await openSession(url), await openSession(url)]
    await one.request('logging/setLevel', { level: 'error' })
    expect(await one.text('notify', { count: 1, kind: 'log' })).toBe('sent 1')
    expect((await one.whoami()).level).toBe('error')
    expect((await other.whoami()).level).toBe('debug')
  })
})

test('a stateless client that leaves takes its own call with it, and no other under the same id', async () => {
  const url = await start([echoModern])
  const options = { id: 1, meta: { progressToken: 1 } }
  const [leaves, stays] = await Promise.all([
    callTool(url, 'slow', { ms: 60_000, steps: 1000 }, options),
    callTool(url, 'slow', slow, options),
  ])
  leaves.cut()
  const cancelled = async (): Promise<number> =>
    (JSON.parse(textOf(await toolResponse(url, 'cancelled'))) as { count: number }).count
  await eventually('the server to know', async () => (await cancelled()) === 1)
  expect(textOf(await responseTo(stays, 1))).toBe('done after 1500 ms')
  expect(await cancelled()).toBe(1)
})
