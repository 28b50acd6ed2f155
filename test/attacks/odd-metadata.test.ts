/** `_meta` that is no object: refused as what it is, whichever era, message and transport, and nothing reaches the server. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { send } from '../support/http.ts'
import { echoLegacy, echoModern, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { type Piped, serveStdio, standalone, startPiped } from '../support/pipes.ts'
import { messagesOf, reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { ask } from '../support/stateless.ts'
import { openStreamClient } from '../support/stream-client.ts'

const oddities: readonly unknown[] = [null, true, 7, 'x', [], [{}]]
const cases = oddities.map((_meta) => ({ _meta, text: JSON.stringify(_meta) }))
const refusal = { code: -32602, reason: 'invalid_meta' }
const refusalOf = (message: RpcMessage | undefined): unknown => ({
  code: message?.error?.code,
  reason: message && reasonOf(message),
})
const echo = { name: 'echo', arguments: { text: 'x' } }

describe('over HTTP', () => {
  let mcplex: Mcplex
  beforeAll(async () => {
    mcplex = await startMcplex({ options: ['--log-level', 'warn'], server: [echoLegacy] })
  })
  afterAll(() => mcplex.end())

  test.each(cases)('in a session: $text', async ({ _meta }) => {
    const session = await openSession(mcplex.url)
    const before = (await session.whoami()).calls
    for (const [method, params] of [
      ['tools/call', { ...echo, _meta }],
      ['tools/list', { _meta }],
      ['ping', { _meta }],
      ['nobody/knows', { _meta }],
    ] as const) {
      const answered = await session.post({ id: method, method, params })
      expect([answered.status, refusalOf(await responseTo(answered, method))]).toEqual([400, refusal])
    }
    for (const method of ['notifications/initialized', 'notifications/cancelled', 'notifications/nobody-knows']) {
      const answered = await session.notify(method, { requestId: 1, _meta })
      await answered.whole()
      expect([answered.status, refusalOf(messagesOf(answered)[0])]).toEqual([400, refusal])
    }
    // The call that asks counts itself, and so did the one before.
    expect((await session.whoami()).calls).toBe(before + 1)
  })

  test.each(cases)('in the request that would open a session: $text', async ({ _meta }) => {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'odd', version: '1' }, _meta }
    const answered = await send(mcplex.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'i', method: 'initialize', params }),
    })
    expect([answered.status, refusalOf(await responseTo(answered, 'i'))]).toEqual([400, refusal])
    expect(answered.headers).not.toHaveProperty('mcp-session-id')
  })

  test('in one message of several: none of them is run', async () => {
    const session = await openSession(mcplex.url, { version: '2025-03-26' })
    const before = (await session.whoami()).calls
    const messages = [
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: echo },
      { jsonrpc: '2.0', method: 'notifications/initialized', params: { _meta: 7 } },
    ]
    const answered = await session.post({}, { body: JSON.stringify(messages) })
    await answered.whole()
    expect([answered.status, refusalOf(messagesOf(answered)[0])]).toEqual([400, refusal])
    expect((await session.whoami()).calls).toBe(before + 1)
  })

  test.each(cases)('over HTTP+SSE: $text', async ({ _meta }) => {
    const client = await openStreamClient(mcplex.url)
    for (const message of [
      { id: 'a', method: 'tools/call', params: { ...echo, _meta } },
      { method: 'notifications/cancelled', params: { requestId: 1, _meta } },
    ]) {
      const answered = await client.post(message)
      await answered.whole()
      expect([answered.status, refusalOf(messagesOf(answered)[0])]).toEqual([400, refusal])
    }
    expect(await client.text('echo', { text: 'still here' })).toBe('still here')
    client.stream.cut()
  })
})

describe('over HTTP, without a session', () => {
  let mcplex: Mcplex
  beforeAll(async () => {
    mcplex = await startMcplex({ options: ['--log-level', 'warn'], server: [echoModern] })
  })
  afterAll(() => mcplex.end())

  test.each(cases)('$text', async ({ _meta }) => {
    for (const [method, params] of [
      ['tools/call', echo],
      ['server/discover', {}],
      ['subscriptions/listen', { notifications: {} }],
    ] as const) {
      const body = JSON.stringify({ jsonrpc: '2.0', id: method, method, params: { ...params, _meta } })
      const answered = await ask(mcplex.url, method, params, { body })
      expect([answered.status, refusalOf(await responseTo(answered, method))]).toEqual([400, refusal])
    }
    const body = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { _meta } })
    const answered = await ask(mcplex.url, 'notifications/cancelled', {}, { body })
    await answered.whole()
    expect([answered.status, refusalOf(messagesOf(answered)[0])]).toEqual([400, refusal])
  })
})

describe('over pipes', () => {
  const check = async (piped: Piped): Promise<void> => {
    onTestFinished(() => piped.end())
    // Before there is a session, and within it.
    for (const isOpen of [false, true]) {
      if (isOpen) await piped.initialize()
      for (const _meta of oddities) {
        const before = piped.messages().length
        piped.send({ method: 'notifications/cancelled', params: { requestId: 1, _meta } })
        const answers = [await piped.request('tools/call', { ...echo, _meta }), await piped.request('ping', { _meta })]
        expect(answers.map(refusalOf)).toEqual([refusal, refusal])
        expect(piped.messages(), 'notifications are not answered').toHaveLength(before + 2)
      }
    }
    expect(textOf(await piped.call('echo', { text: 'still here' }))).toBe('still here')
    expect(textOf(await piped.call('echo', { text: 'and here' }, standalone()))).toBe('and here')
  }

  test('as the server of one client', () => check(serveStdio([echoModern])))

  test('as one of many, through `connect`', async () => {
    const mcplex = await startMcplex({ options: ['--log-level', 'warn'], server: [echoModern] })
    onTestFinished(async () => void (await mcplex.end()))
    await check(startPiped(['connect', mcplex.url]))
  })
})
