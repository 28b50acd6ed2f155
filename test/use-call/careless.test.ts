/** Handlers that use their call without care: questions that nothing waits for, odd values, many changes at once. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/http.ts'
import { startModule } from '../support/in-process.ts'
import { messagesOf, responseTo, type RpcMessage } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, callTool } from '../support/stateless.ts'

const module = join(import.meta.dirname, '../fixtures/modules/careless.mjs')
const capabilities = { elicitation: {} }
/** Kinds of values that are no JSON, and what is said of each. */
const odd = [
  ['a big integer', /BigInt/],
  ['a function', /a Function in it/],
  ['a symbol', /Symbol\(s\) in it/],
  ['no number', /NaN in it/],
  ['infinity', /Infinity in it/],
  ['a map', /a Map in it/],
  ['a set', /a Set in it/],
  ['undefined in a list', /undefined in it/],
  ['a circle', /circular/],
  ['undefined', /it is undefined; use delete/],
] as const

/** Answers all questions of a stream, those to come as well. */
async function answerAll(session: Session, stream: Answered, wanted: number): Promise<void> {
  const answered = new Set<unknown>()
  await eventually('all questions', async () => {
    for (const { id, method } of messagesOf(stream)) {
      if (method !== 'elicitation/create' || id === undefined || answered.has(id)) continue
      answered.add(id)
      await (await session.post({ id, result: { action: 'decline' } })).whole()
    }
    return answered.size === wanted
  })
}

describe.each([
  ['in the same thread', false],
  ['in a thread of its own', true],
])('a module %s', (_where, isolate) => {
  test('whose handler throws after a question: the question is withdrawn, and its server serves on', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url, { capabilities })
    await session.text('set', { key: 'k', bytes: 1 })
    // More often than questions may be open at once.
    for (let time = 0; time < 70; time++) {
      const { result } = await session.response('ask-and-throw')
      expect(JSON.stringify(result)).toContain('thrown after the question')
    }
    expect(await session.text('ask-and-return')).toBe('returned')
    await eventually('its promise to reject', async () =>
      (await session.text('late')).includes('the call was answered before its client had answered'),
    )
    const answered = await session.call('ask', {}, { id: 'a' })
    await answerAll(session, answered, 1)
    expect((await responseTo(answered, 'a')).result).toMatchObject({ content: [{ text: '{"action":"decline"}' }] })
    expect(await session.text('get', { key: 'k' })).toBe('x')
  })

  test('the same for a client without a session', async () => {
    const { url } = await startModule({ module, isolate, stateless: 'principal' })
    const call = async (tool: string): Promise<RpcMessage> =>
      responseTo(await callTool(url, tool, {}, { id: 1, capabilities }), 1)
    expect(JSON.stringify((await call('ask-and-throw')).result)).toContain('thrown after the question')
    const { result } = await call('ask')
    expect(result).toMatchObject({ resultType: 'input_required' })
    const inputResponses = Object.fromEntries(
      Object.keys(result?.['inputRequests'] ?? {}).map((key) => [key, { action: 'decline' }]),
    )
    const params = { name: 'ask', arguments: {}, requestState: result?.['requestState'], inputResponses }
    const last = await responseTo(await ask(url, 'tools/call', params, { id: 2, capabilities }), 2)
    expect(last.result).toMatchObject({ content: [{ text: '{"action":"decline"}' }] })
  })

  test('a handler asks many questions at once, and each is answered', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url, { capabilities })
    const answered = await session.call('ask-many', { count: 30 }, { id: 'many' })
    await answerAll(session, answered, 30)
    expect((await responseTo(answered, 'many')).result).toMatchObject({ content: [{ text: '30' }] })
  })

  test('a handler that cancels its own call harms nothing', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url)
    expect(await session.text('cancel-itself')).toBe('answered all the same')
    expect(await session.text('add')).toBe('1')
  })

  test('fifty calls of one session that change one value lose no change; one that throws changes nothing', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url)
    const sums = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        at % 10 === 9
          ? session.response('update-and-throw').then(({ result }) => JSON.stringify(result))
          : session.text('add'),
      ),
    )
    const [added, thrown] = [
      sums.filter((sum) => !sum.includes('thrown')),
      sums.filter((sum) => sum.includes('thrown')),
    ]
    expect(added.map(Number).sort((one, other) => one - other)).toEqual(Array.from({ length: 45 }, (_, at) => at + 1))
    expect(thrown).toHaveLength(5)
    expect(await session.text('get', { key: 'sum' })).toBe('45')
  })

  test('a state may be as large as the bound, and one byte more changes nothing', async () => {
    const { url } = await startModule({ module, isolate }, { sessions: { stateBytes: 2000 } })
    const session = await openSession(url)
    const overhead = JSON.stringify({ key: '' }).length
    expect(await session.text('set', { key: 'key', bytes: 2000 - overhead })).toBe('kept')
    expect(await session.text('set', { key: 'key', bytes: 2001 - overhead })).toMatch(
      /would take 2001 bytes; 2000 are allowed/,
    )
    expect(await session.text('get', { key: 'key' })).toHaveLength(2000 - overhead)
    expect(await session.text('add')).toMatch(/2000 are allowed/)
    expect(await session.text('set', { key: 'key', bytes: 1 })).toBe('kept')
    expect(await session.text('add')).toBe('1')
  })

  test('a value that is no JSON is refused in words, and nothing is stored', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url)
    for (const [kind, words] of odd) {
      const text = await session.text('set-odd', { kind })
      expect(text).toMatch(/the value of "odd" is no JSON/)
      expect(text).toMatch(words)
      expect(await session.text('get', { key: 'odd' })).toBe('null')
    }
  })

  test('a session that ends while a handler changes its state ends the handler, and no state is left', async () => {
    const { url, gateway } = await startModule({ module, isolate })
    const heldBytes = async (): Promise<number> => (await gateway.health()).memory?.heldBytes ?? Number.NaN
    const [session, other] = [await openSession(url), await openSession(url)]
    await other.text('late')
    await other.text('add')
    const begin = session.call('change-on').catch(() => undefined)
    await eventually('changes', async () => Number(await session.text('get', { key: 'changes' })) > 3)
    const before = await heldBytes()
    await session.end()
    ;(await begin)?.cut()
    await eventually('the handler to end', async () => (await other.text('late')).length > 2)
    await eventually('less to be held', async () => (await heldBytes()) < before)
    expect(await other.text('get', { key: 'sum' })).toBe('1')
  })
})
