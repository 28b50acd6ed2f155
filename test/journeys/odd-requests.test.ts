/** Requests that clients in the field send although no revision says so, and that can only mean one thing. */
import { describe, expect, test } from 'vitest'
import { send } from '../support/http.ts'
import { startForTest } from '../support/in-process.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { messagesOf, responseTo, textOf } from '../support/rpc.ts'
import { initialize, openSession } from '../support/session.ts'
import { callTool } from '../support/stateless.ts'

const json = { Accept: 'application/json' }
const stream = { Accept: 'text/event-stream' }

describe('a client that takes only JSON', () => {
  test('gets the result of a call as JSON, without what comes before it', async () => {
    const { url } = await startForTest([echoLegacy])
    const session = await openSession(url)
    const answer = await session.call('notify', { count: 3 }, { id: 'n', progressToken: 't', headers: json })
    await answer.whole()
    expect(answer.headers['content-type']).toBe('application/json')
    expect(messagesOf(answer).map(({ id }) => id)).toEqual(['n'])
    expect(textOf(await responseTo(answer, 'n'))).toBe('sent 3')
  })

  test('waits for a slow call as long as it takes', async () => {
    const { url } = await startForTest([echoLegacy])
    const session = await openSession(url)
    const answer = await session.call('slow', { ms: 2500 }, { id: 's', headers: json })
    expect(answer.headers['content-type']).toBe('application/json')
    expect(textOf(await responseTo(answer, 's'))).toBe('done after 2500 ms')
  })

  test('is not asked anything: the server is told, and goes on', async () => {
    const { url } = await startForTest([echoLegacy])
    const session = await openSession(url, { capabilities: { elicitation: {} } })
    const answer = await session.call('ask', {}, { id: 'q', headers: json })
    const response = await responseTo(answer, 'q')
    expect(JSON.stringify(response)).toContain('accepts no event stream')
  })

  test('without a session gets the same', async () => {
    const { url } = await startForTest([echoModern])
    const answer = await callTool(url, 'notify', { count: 2 }, { id: 'n', meta: { progressToken: 't' }, headers: json })
    await answer.whole()
    expect(messagesOf(answer).map(({ id }) => id)).toEqual(['n'])
    expect(answer.headers['content-type']).toBe('application/json')
  })
})

describe('a client that takes only event streams', () => {
  test('gets its handshake, its lists and its results as streams', async () => {
    const { url } = await startForTest([echoLegacy])
    const opened = await initialize(url, {}, { headers: { 'Content-Type': 'application/json', ...stream } })
    expect(opened.headers['content-type']).toBe('text/event-stream')
    const { result } = await responseTo(opened, 0)
    expect(result).toHaveProperty('serverInfo')
    const session = await openSession(url)
    const listed = await session.post({ id: 1, method: 'tools/list' }, { headers: stream })
    expect((await responseTo(listed, 1)).result?.['tools']).toContainEqual(expect.objectContaining({ name: 'echo' }))
    const called = await session.call('echo', { text: 'streamed' }, { id: 2, headers: stream })
    expect(called.headers['content-type']).toBe('text/event-stream')
    expect(textOf(await responseTo(called, 2))).toBe('streamed')
    expect(await called.over).toBe('whole')
  })
})

test('a body that begins with a byte order mark is read as the message that it is', async () => {
  const { url } = await startForTest([echoLegacy])
  const session = await openSession(url)
  const body = `\ufeff${JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'ping' })}`
  const headers = { 'Content-Type': 'application/json', ...session.headers }
  expect(await responseTo(await send(url, { method: 'POST', body, headers }), 5)).toMatchObject({ result: {} })
})

describe('initialize that carries the id of a session', () => {
  const withId = (id: string): Record<string, string> => ({
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'Mcp-Session-Id': id,
  })

  test.each(['ended', 'never known'])('that is %s opens a fresh one', async (which) => {
    const { url } = await startForTest([echoLegacy])
    const before = await openSession(url)
    await before.end()
    const stale = which === 'ended' ? before.id : 'x'.repeat(43)
    const opened = await initialize(url, {}, { headers: withId(stale) })
    expect(opened.status).toBe(200)
    expect(opened.headers['mcp-session-id']).toEqual(expect.not.stringMatching(stale))
  })

  test('that lives is refused: there is one handshake in a session', async () => {
    const { url } = await startForTest([echoLegacy])
    const session = await openSession(url)
    expect((await initialize(url, {}, { headers: withId(session.id) })).status).toBe(400)
    expect(await session.text('echo', { text: 'still' })).toBe('still')
  })
})

describe('the path of the endpoint', () => {
  test('may end with a slash', async () => {
    const { url } = await startForTest([echoLegacy])
    const session = await openSession(`${url}/`)
    expect(await session.text('echo', { text: 'here' })).toBe('here')
  })

  test('is named where nothing is served', async () => {
    const { url } = await startForTest([echoLegacy])
    for (const path of ['/', '/v1/mcp', '/sse/']) {
      const wrong = await initialize(new URL(path, url).href)
      expect([wrong.status, await wrong.whole()]).toEqual([404, expect.stringContaining('endpoint is /mcp')])
    }
  })
})

describe('a refusal of a POST', () => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'mine', method: 'tools/list' })
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

  test('names the request once its body was read', async () => {
    const { url } = await startForTest([echoLegacy])
    const refused = await send(url, { method: 'POST', body, headers: { ...headers, 'Mcp-Session-Id': 'gone' } })
    expect([refused.status, JSON.parse(await refused.whole())]).toMatchObject([404, { id: 'mine' }])
  })

  test.each([
    [403, 'forbidden_origin', { Origin: 'https://elsewhere.example' }],
    [406, 'not_acceptable', { Accept: 'text/html' }],
    [415, 'unsupported_media_type', { 'Content-Type': 'text/plain' }],
  ])('is plain text where it was not: %i', async (status, reason, wrong) => {
    const { url } = await startForTest([echoLegacy])
    const refused = await send(url, { method: 'POST', body, headers: { ...headers, ...wrong } })
    expect([refused.status, refused.headers['content-type']]).toEqual([status, 'text/plain; charset=utf-8'])
    expect(await refused.whole()).toMatch(new RegExp(`^${reason}: .+\\nid: [\\w-]+\\n$`))
  })
})
