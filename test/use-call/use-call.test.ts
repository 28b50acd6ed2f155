/** What a handler of a module learns of its caller and does for it, through `mcplex/tools`. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startModule } from '../support/in-process.ts'
import { messagesOf, responseTo } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, callTool, toolResponse } from '../support/stateless.ts'

const module = join(import.meta.dirname, '../fixtures/modules/caller.mjs')

async function said(session: Session, tool: string, args = {}): Promise<unknown> {
  return JSON.parse(await session.text(tool, args)) as unknown
}

describe.each([
  ['in the same thread', false],
  ['in a thread of its own', true],
])('a module %s', (_where, isolate) => {
  test('a handler learns of its own caller, after a wait as well', async () => {
    const { url } = await startModule({ module, isolate })
    const sessions = await Promise.all(['ada', 'bob'].map((client) => openSession(url, { client })))
    const all = await Promise.all(sessions.map((session) => said(session, 'whoami')))
    expect(all).toEqual(
      sessions.map(({ id }, index) => ({
        tenant: expect.any(String) as string,
        subject: expect.any(String) as string,
        session: id,
        sdkSession: id,
        client: { name: index === 0 ? 'ada' : 'bob', version: '1', revision: '2025-11-25', capabilities: {} },
      })),
    )
  })

  test('two hundred sessions each have a state of their own, which is gone when they end', async () => {
    const { url, counts } = await startModule({ module, isolate })
    const sessions = await Promise.all(Array.from({ length: 200 }, () => openSession(url)))
    await Promise.all(sessions.map((session) => session.text('remember', { key: 'own', value: session.id })))
    const kept = await Promise.all(sessions.map((session) => said(session, 'recall', { key: 'own' }).catch(String)))
    expect(kept).toHaveLength(200)
    const texts = await Promise.all(sessions.map((session) => session.text('recall', { key: 'own' })))
    expect(texts).toEqual(sessions.map(({ id }) => id))
    await Promise.all(sessions.map((session) => session.end()))
    await eventually('the server objects of the sessions to end', async () => (await counts())['servingWorkers'] === 0)
  })

  test('updates of one value do not overtake each other', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url)
    const counts = (await Promise.all(
      Array.from({ length: 5 }, () => said(session, 'count', { times: 20 })),
    )) as number[][]
    expect(counts.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  })

  test('a key can be removed, and a value that is no JSON or too large is refused in words', async () => {
    const { url } = await startModule({ module, isolate }, { sessions: { stateBytes: 2000 } })
    const session = await openSession(url)
    await session.text('remember', { key: 'a', value: { deep: [1] } })
    expect(await said(session, 'recall', { key: 'a' })).toEqual({ deep: [1] })
    expect(await said(session, 'forget', { key: 'a' })).toBe(true)
    expect(await said(session, 'forget', { key: 'a' })).toBe(false)
    expect(await said(session, 'recall', { key: 'a' })).toBe(null)
    expect(await session.text('remember', { key: 'a', value: 'x'.repeat(3000) })).toMatch(/2000 are allowed/)
    expect(await session.text('remember', { key: 'a' })).toMatch(/no JSON/)
    expect(await session.text('remember', { key: '__proto__', value: 1 })).toBe('kept')
    expect(await said(session, 'recall', { key: '__proto__' })).toBe(1)
    expect(await said(session, 'recall', { key: 'constructor' })).toBe(null)
  })

  test('the history has the last hundred calls, without arguments', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url)
    for (let call = 0; call < 102; call++) await session.text('recall', { key: 'secret' })
    await session.response('nothing-like-this')
    const history = (await said(session, 'history')) as Array<Record<string, unknown>>
    expect(history).toHaveLength(100)
    expect(history.at(-2)).toEqual({
      method: 'tools/call',
      tool: 'recall',
      at: expect.any(Number) as number,
      durationMs: expect.any(Number) as number,
      outcome: 'ok',
    })
    expect(history.at(-1)).toMatchObject({ tool: 'unknown', outcome: expect.stringMatching(/error/) as string })
    expect(JSON.stringify(history)).not.toContain('secret')
  })

  test('progress goes to a client that asked for it', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url)
    const answered = await session.call('steps', { count: 3 }, { id: 'a', progressToken: 'own' })
    await responseTo(answered, 'a')
    const progress = messagesOf(answered).filter(({ method }) => method === 'notifications/progress')
    expect(progress.map(({ params }) => params)).toEqual(
      [1, 2, 3].map((step) => ({ progressToken: 'own', progress: step, total: 3, message: `step ${step}` })),
    )
  })

  test('a cancelled call is told so', async () => {
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url)
    const waiting = session.call('wait', {}, { id: 'w' }).catch(() => undefined)
    await eventually('the call to begin', async () => (await session.text('recall', { key: 'began' })) === 'true')
    await session.notify('notifications/cancelled', { requestId: 'w', reason: 'enough of it' })
    await eventually('the call to be cancelled', async () => {
      return (await session.text('recall', { key: 'ended' })) !== 'null'
    })
    await waiting
  })

  test('a stateless client has no session, and its user can be asked', async () => {
    const { url } = await startModule({ module, isolate, stateless: 'principal' })
    const { result } = await toolResponse(url, 'whoami')
    expect(JSON.stringify(result)).not.toContain('session')
    expect(JSON.stringify((await toolResponse(url, 'remember', { key: 'a', value: 1 })).result)).toContain('no session')
    const capabilities = { elicitation: {} }
    const asked = await responseTo(await callTool(url, 'ask', {}, { id: 1, capabilities }), 1)
    expect(asked.result).toMatchObject({ resultType: 'input_required' })
  })

  test('clients that share a server object are each asked for their own call, and no other', async () => {
    const { url } = await startModule({ module, isolate, stateless: 'shared' })
    const capabilities = { elicitation: {} }
    // More than one client alone may be asked at once.
    const names = Array.from({ length: 70 }, (_, at) => `user ${at}.`)
    const asked = await Promise.all(names.map(() => toolResponse(url, 'ask', {}, { capabilities })))
    // All wait at the same time, and answer in another order than they were asked in.
    for (const [at, name] of [...names.entries()].toReversed()) {
      const { inputRequests, requestState } = asked[at]?.result ?? {}
      const [key = '', ...others] = Object.keys(inputRequests as object)
      expect(others).toEqual([])
      const inputResponses = { [key]: { action: 'accept', content: { name } } }
      const params = { name: 'ask', arguments: {}, requestState, inputResponses }
      const id = `answer of ${name}`
      const { result } = await responseTo(await ask(url, 'tools/call', params, { id, capabilities }), id)
      expect(JSON.stringify(result)).toContain(name)
    }
    const undeclared = await toolResponse(url, 'ask', {}, { capabilities: { sampling: {} } })
    expect(JSON.stringify(undeclared)).toContain('The client does not offer this method')
  })
})
