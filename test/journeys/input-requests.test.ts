/** Input requests of servers: each reaches the client whose call it belongs to, is answered once, and is never attributed by guess. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/http.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { messagesOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

const capabilities = { elicitation: {}, sampling: {}, roots: {} }
const methods = { elicitation: 'elicitation/create', sampling: 'sampling/createMessage', roots: 'roots/list' }
type Kind = keyof typeof methods

async function questionIn(answered: Answered, kind: Kind): Promise<RpcMessage> {
  const event = await answered.event('the question', ({ data }) => data.includes(methods[kind]))
  return JSON.parse(event.data) as RpcMessage
}

const answerWith = (session: Session, question: RpcMessage, result: object): Promise<Answered> =>
  session.post({ id: question.id, result })

describe('a process for each session', () => {
  let mcplex: Mcplex
  beforeAll(async () => {
    mcplex = await startMcplex({ options: ['--log-level', 'warn'] })
  })
  afterAll(() => mcplex.end())

  test.each(Object.keys(methods) as Kind[])('a question for %s comes on the stream of its call', async (kind) => {
    const session = await openSession(mcplex.url, { capabilities })
    const id = session.nextId()
    const call = await session.call('ask', { kind, message: 'Well?' }, { id })
    const question = await questionIn(call, kind)
    const answer = { roots: [], action: 'accept', content: { name: 'Ada' }, model: 'm' }
    const posted = await answerWith(session, question, answer)
    expect([posted.status, await posted.whole()]).toEqual([202, ''])
    expect(JSON.parse(textOf(await responseTo(call, id)))).toEqual(answer)
    expect(await call.over).toBe('whole')
  })

  test('the first answer counts; a second one, or one to nothing, changes nothing', async () => {
    const session = await openSession(mcplex.url, { capabilities })
    const id = session.nextId()
    const call = await session.call('ask', { kind: 'elicitation' }, { id })
    const question = await questionIn(call, 'elicitation')
    expect((await session.post({ id: 'ask-nothing', result: {} })).status).toBe(202)
    expect((await session.post({ id: `${question.id}x`, result: {} })).status).toBe(202)
    expect((await answerWith(session, question, { action: 'first' })).status).toBe(202)
    expect((await answerWith(session, question, { action: 'second' })).status).toBe(202)
    expect(textOf(await responseTo(call, id))).toBe('{"action":"first"}')
    expect(await session.text('echo', { text: 'alive' })).toBe('alive')
  })

  test('a session cannot answer the input request of another session', async () => {
    const [asked, other] = [
      await openSession(mcplex.url, { capabilities }),
      await openSession(mcplex.url, { capabilities }),
    ]
    const id = asked.nextId()
    const call = await asked.call('ask', { kind: 'sampling' }, { id })
    const question = await questionIn(call, 'sampling')
    expect((await answerWith(other, question, { model: 'forged' })).status).toBe(202)
    await answerWith(asked, question, { model: 'own' })
    expect(textOf(await responseTo(call, id))).toBe('{"model":"own"}')
  })

  test('questions of several calls at once each get their own answer', async () => {
    const session = await openSession(mcplex.url, { capabilities })
    const calls = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const id = session.nextId()
        return { id, call: await session.call('ask', { kind: 'elicitation', message: `question of ${id}` }, { id }) }
      }),
    )
    const questions: RpcMessage[] = []
    await eventually('five questions', () => {
      questions.length = 0
      for (const { call } of calls) questions.push(...messagesOf(call).filter(({ method }) => method !== undefined))
      return questions.length === 5
    })
    expect(new Set(questions.map(({ id }) => id)).size).toBe(5)
    for (const question of questions) {
      await answerWith(session, question, { action: String(question.params?.['message']) })
    }
    for (const { id, call } of calls) expect(textOf(await responseTo(call, id))).toBe(`{"action":"question of ${id}"}`)
  })

  test('an error of the client reaches the server as an error', async () => {
    const session = await openSession(mcplex.url, { capabilities })
    const id = session.nextId()
    const call = await session.call('ask', { kind: 'elicitation' }, { id })
    const question = await questionIn(call, 'elicitation')
    await session.post({ id: question.id, error: { code: -1, message: 'not now' } })
    const answer = await responseTo(call, id)
    expect(answer.result?.['isError']).toBe(true)
    expect(textOf(answer)).toContain('-1 not now')
  })

  test('a client that was cut off finds the question when it comes back', async () => {
    const session = await openSession(mcplex.url, { capabilities })
    const id = session.nextId()
    const call = await session.call('ask', { kind: 'roots' }, { id })
    const primed = await call.event('the first event', () => true)
    call.cut()
    const again = await session.listen(primed.id)
    await answerWith(session, await questionIn(again, 'roots'), { roots: [{ uri: 'file:///a' }] })
    expect(textOf(await responseTo(again, id))).toBe('{"roots":[{"uri":"file:///a"}]}')
  })

  test.each([
    ['none', {}],
    ['others', { roots: {}, elicitation: {} }],
  ])('a client that declared %s of the capability is never asked', async (_, declared) => {
    const session = await openSession(mcplex.url, { capabilities: declared })
    const listening = await session.listen()
    const id = session.nextId()
    const call = await session.call('ask', { kind: 'sampling' }, { id })
    const answer = await responseTo(call, id)
    expect(answer.result?.['isError']).toBe(true)
    expect(textOf(answer)).toContain('-32601')
    await session.text('touch-list')
    await listening.event('a change after it', ({ data }) => data.includes('list_changed'))
    const seen = [...messagesOf(call), ...messagesOf(listening)]
    expect(seen.filter(({ method }) => method?.startsWith('sampling'))).toEqual([])
    expect((await session.whoami()).client['capabilities'], 'nor was the server told otherwise').toEqual(declared)
  })

  test('a process that dies while it waits for an answer takes only its call with it', async () => {
    const session = await openSession(mcplex.url, { capabilities })
    const id = session.nextId()
    const call = await session.call('ask', { kind: 'elicitation' }, { id })
    const question = await questionIn(call, 'elicitation')
    await session.response('crash')
    expect((await responseTo(call, id)).error?.data).toMatchObject({ reason: 'upstream_closed' })
    expect((await answerWith(session, question, { action: 'late' })).status).toBe(202)
    expect(await session.text('echo', { text: 'alive' })).toBe('alive')
  })
})

describe('a process for all', () => {
  test('a server that asks is refused and marked, and no client is asked in the place of another', async () => {
    const mcplex = await startMcplex({ options: ['--mode', 'shared'] })
    try {
      const sessions = await Promise.all(Array.from({ length: 3 }, () => openSession(mcplex.url, { capabilities })))
      const listening = await Promise.all(sessions.map((session) => session.listen()))
      const calls = await Promise.all(
        sessions.map(async (session, at) => {
          const id = session.nextId()
          const call = await session.call('ask', { kind: at % 2 === 0 ? 'elicitation' : 'sampling' }, { id })
          return { call, answer: await responseTo(call, id) }
        }),
      )
      for (const { answer } of calls) {
        expect(answer.result?.['isError']).toBe(true)
        expect(textOf(answer)).toContain('-32601')
      }
      const seen = [...calls.map(({ call }) => call), ...listening].flatMap(messagesOf)
      expect(seen.filter(({ id, method }) => id !== undefined && method !== undefined)).toEqual([])
      const marks = mcplex.log.filter(({ level, msg }) => level === 'warn' && String(msg).includes('--mode session'))
      expect(marks).toHaveLength(1)
      const texts = await Promise.all(sessions.map((session) => session.text('echo', { text: session.id })))
      expect(texts).toEqual(sessions.map(({ id }) => id))
    } finally {
      await mcplex.end()
    }
  })
})

describe('a process for each call', () => {
  test('a question goes to the client whose call it is', async () => {
    const mcplex = await startMcplex({ options: ['--mode', 'call', '--pool', '4', '--log-level', 'warn'] })
    try {
      const sessions = await Promise.all(Array.from({ length: 3 }, () => openSession(mcplex.url, { capabilities })))
      const texts = await Promise.all(
        sessions.map(async (session) => {
          const id = session.nextId()
          const call = await session.call('ask', { kind: 'elicitation', message: session.id }, { id })
          const question = await questionIn(call, 'elicitation')
          expect(question.params?.['message']).toBe(session.id)
          await answerWith(session, question, { action: session.id })
          return textOf(await responseTo(call, id))
        }),
      )
      expect(texts).toEqual(sessions.map(({ id }) => `{"action":"${id}"}`))
    } finally {
      await mcplex.end()
    }
  })
})
