/**
 * Two tenants with the same subject and the same request ids, before a module: whichever of them share its server
 * objects, nothing that mcplex keeps for one reaches the other.
 */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Answered, send } from '../support/http.ts'
import { type JsonMap, messagesOf, reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, callTool, toolResponse } from '../support/stateless.ts'
import { postHeaders, startForTwoTenants, type TwoTenants } from './two-tenants.ts'

type Mode = 'session' | 'principal' | 'shared'

const modules = join(import.meta.dirname, '../fixtures/modules')
const capabilities = { elicitation: {} }
const sameId = 7

/** In front of tools that use `useCall`, or of those of the upstream contract. */
function start(mode: Mode, module: 'caller' | 'echo-v2' | 'lists-by-caller' = 'caller'): Promise<TwoTenants> {
  const mine = {
    module: join(modules, `${module}.mjs`),
    mode,
    stateless: mode === 'shared' ? mode : 'principal',
  } as const
  return startForTwoTenants({ upstreams: { mine } })
}

async function openBoth({ a, b }: TwoTenants, opening = {}): Promise<readonly [Session, Session]> {
  return [await openSession(a, opening), await openSession(b, opening)]
}

const accept = (name: string): JsonMap => ({ action: 'accept', content: { name } })

describe.each(['session', 'principal', 'shared'] as const)('in mode %s, two tenants before a module', (mode) => {
  test('are told apart by its handlers, each with the state and history of its own session', async () => {
    const sessions = await openBoth(await start(mode))
    const tenants = await Promise.all(
      sessions.map(async (one) => JSON.parse(textOf(await one.response('whoami', {}, { id: sameId }))) as JsonMap),
    )
    expect(tenants.map(({ tenant, subject, session }) => [tenant, subject, session])).toEqual([
      ['a', 'same', sessions[0].id],
      ['b', 'same', sessions[1].id],
    ])
    await Promise.all(sessions.map((one, at) => one.text('remember', { key: 'k', value: `of ${at}` })))
    await sessions[0].text('remember', { key: 'only', value: 'of 0' })
    expect(await Promise.all(sessions.map((one) => one.text('recall', { key: 'k' })))).toEqual(['of 0', 'of 1'])
    expect(await sessions[1].text('recall', { key: 'only' })).toBe('null')
    const counts = await Promise.all(sessions.map((one, at) => one.text('count', { times: at + 2 })))
    expect(counts.map((text) => JSON.parse(text) as unknown)).toEqual([
      [1, 2],
      [1, 2, 3],
    ])
    const histories = await Promise.all(sessions.map((one) => one.text('history')))
    const calls = histories.map((text) => (JSON.parse(text) as Array<{ tool: string }>).map(({ tool }) => tool))
    expect(calls).toEqual([
      ['whoami', 'remember', 'remember', 'recall', 'count'],
      ['whoami', 'remember', 'recall', 'recall', 'count'],
    ])
  })

  test('cannot use, read or end a session of the other, and its state outlives the try', async () => {
    const urls = await start(mode)
    const [mine] = await openBoth(urls)
    await mine.text('remember', { key: 'k', value: 'mine' })
    const headers = { ...mine.headers, ...postHeaders }
    const post = (message: JsonMap): Promise<Answered> =>
      send(urls.b, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: sameId, ...message }) })
    const foreign = [
      await post({ method: 'tools/call', params: { name: 'recall', arguments: { key: 'k' } } }),
      await post({ method: 'tools/call', params: { name: 'history' } }),
      await post({ method: 'tools/list' }),
      await send(urls.b, { method: 'GET', headers: { ...mine.headers, Accept: 'text/event-stream' } }),
      await send(urls.b, { method: 'DELETE', headers: mine.headers }),
    ]
    for (const answered of foreign) await answered.whole()
    expect(foreign.map(({ status }) => status)).toEqual(foreign.map(() => 404))
    expect(await mine.text('recall', { key: 'k' })).toBe('mine')
  })

  test('cannot cancel a call of the other by its id', async () => {
    const [mine, other] = await openBoth(await start(mode))
    const waiting = mine.call('wait', {}, { id: sameId })
    await eventually('the call to begin', async () => (await mine.text('recall', { key: 'began' })) === 'true')
    await other.text('whoami')
    await other.notify('notifications/cancelled', { requestId: sameId })
    await other.text('whoami')
    expect(await mine.text('recall', { key: 'ended' })).toBe('null')
    await mine.notify('notifications/cancelled', { requestId: sameId, reason: 'its own' })
    await eventually('the call to end', async () => (await mine.text('recall', { key: 'ended' })) !== 'null')
    ;(await waiting).cut()
  })

  test('without sessions get answers of their own under one id', async () => {
    const { a, b } = await start(mode)
    const answers = await Promise.all([a, b].map((url) => toolResponse(url, 'whoami', {}, { id: sameId })))
    expect(answers.map((answer) => [answer.id, (JSON.parse(textOf(answer)) as JsonMap)['tenant']])).toEqual([
      [sameId, 'a'],
      [sameId, 'b'],
    ])
  })

  test('are told of the resources that they subscribed to themselves', async () => {
    const sessions = await openBoth(await start(mode, 'echo-v2'))
    const streams = await Promise.all(sessions.map((one) => one.listen()))
    const uris = ['echo://nonce', 'echo://calls'] as const
    for (const [at, one] of sessions.entries()) await one.request('resources/subscribe', { uri: uris[at] })
    // Where they share an object, each has it announce what the other one subscribed to as well.
    for (const one of sessions) for (const uri of uris) await one.text('update', { uri })
    for (const [at, stream] of streams.entries()) {
      await stream.event('its own update', ({ data }) => data.includes(uris[at] ?? ''))
      const told = messagesOf(stream).filter(({ method }) => method === 'notifications/resources/updated')
      expect(told.map(({ params }) => params?.['uri'])).not.toContain(uris[1 - at])
      stream.cut()
    }
  })
})

describe.each(['session', 'principal'] as const)('in mode %s, two tenants before a module', (mode) => {
  test('are listed what their own server objects list, and told of that alone', async () => {
    const [mine, other] = await openBoth(await start(mode, 'echo-v2'))
    const streams = [await mine.listen(), await other.listen()] as const
    const toolsOf = async (one: Session): Promise<string> => JSON.stringify((await one.request('tools/list')).result)
    const before = await toolsOf(other)
    await mine.text('touch-list')
    await streams[0].event('the change', ({ data }) => data.includes('tools/list_changed'))
    expect(await toolsOf(mine)).toContain('added_1')
    expect(await toolsOf(other)).toBe(before)
    await other.request('resources/subscribe', { uri: 'echo://nonce' })
    await other.text('update', { uri: 'echo://nonce' })
    await streams[1].event('its own update', ({ data }) => data.includes('echo://nonce'))
    expect(streams[1].text).not.toContain('list_changed')
    for (const stream of streams) stream.cut()
  })

  test('are listed what its handler finds for their own tenant, with sessions and without', async () => {
    const { a, b } = await start(mode, 'lists-by-caller')
    const callerIn = ({ result }: RpcMessage): unknown => {
      const tools = result?.['tools'] as ReadonlyArray<{ readonly description: string }> | undefined
      return JSON.parse(tools?.[0]?.description ?? '"no list"')
    }
    for (const [tenant, url] of Object.entries({ a, b })) {
      const session = await openSession(url)
      const own = mode === 'session' ? { session: session.id } : {}
      expect(callerIn(await session.request('tools/list'))).toEqual({ tenant, subject: 'same', ...own })
      expect(await session.text('whoami')).toBe(`same of ${tenant}`)
      expect(callerIn(await session.request('tools/list'))).toEqual({ tenant, subject: 'same', ...own })
      const stateless = await responseTo(await ask(url, 'tools/list', {}, { id: sameId }), sameId)
      expect(callerIn(stateless)).toEqual({ tenant, subject: 'same' })
    }
  })

  test('cannot answer what the user of the other is asked, through its session', async () => {
    const [mine, other] = await openBoth(await start(mode), { capabilities })
    const asked = await Promise.all([mine, other].map((one) => one.call('ask', {}, { id: sameId })))
    const ids = await Promise.all(
      asked.map(async (one) => {
        const event = await one.event('a question', ({ data }) => data.includes('elicitation/create'))
        return (JSON.parse(event.data) as RpcMessage).id ?? ''
      }),
    )
    const [ofMine = '', ofOther = ''] = ids
    if (ofMine !== ofOther) await (await other.post({ id: ofMine, result: accept('Mallory') })).whole()
    await mine.post({ id: ofMine, result: accept('Ada') })
    await other.post({ id: ofOther, result: accept('Bob') })
    const answers = await Promise.all(asked.map((one) => responseTo(one, sameId)))
    expect(answers.map((answer) => JSON.parse(textOf(answer)) as unknown)).toEqual([accept('Ada'), accept('Bob')])
  })

  test('cannot go on with a call of the other that waits for a client without a session', async () => {
    const { a, b } = await start(mode)
    const first = await Promise.all(
      [a, b].map(async (url) => responseTo(await callTool(url, 'ask', {}, { id: sameId, capabilities }), sameId)),
    )
    const goOn = async (
      url: string,
      { result }: RpcMessage | { result?: never },
      name: string,
    ): Promise<RpcMessage> => {
      const keys = Object.keys(result?.['inputRequests'] ?? {})
      const inputResponses = Object.fromEntries(keys.map((key) => [key, accept(name)]))
      const params = { name: 'ask', arguments: {}, requestState: result?.['requestState'], inputResponses }
      return responseTo(await ask(url, 'tools/call', params, { id: sameId, capabilities }), sameId)
    }
    const [ofA = {}, ofB = {}] = first
    const stolen = await goOn(b, ofA, 'Mallory')
    expect([stolen.error?.code, reasonOf(stolen)]).toEqual([-32602, 'invalid_params'])
    expect(JSON.parse(textOf(await goOn(a, ofA, 'Ada')))).toEqual(accept('Ada'))
    expect(JSON.parse(textOf(await goOn(b, ofB, 'Bob')))).toEqual(accept('Bob'))
  })
})
