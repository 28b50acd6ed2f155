/**
 * A stateless server asks by ending the call; its client with a session is asked by requests on the stream of that
 * call, and the server is called again with what it answered.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  accepted,
  answer,
  asksInRounds,
  capital,
  everyCapability,
  follow,
  form,
  questionOn,
  questionsOn,
  rooted,
  roots,
  sampled,
  type Told,
  toldBy,
  visit,
  who,
} from '../support/scripted-session.ts'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { type JsonMap, messagesOf, reasonOf, responseTo, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

describe('in front of a stateless server', () => {
  let mcplex: Mcplex
  beforeAll(async () => {
    mcplex = await startMcplex({ server: asksInRounds, options: ['--log-level', 'warn'] })
  })
  afterAll(async () => {
    expect((await mcplex.end()).code).toBe(0)
    expect(mcplex.log.filter(({ msg }) => msg === 'internal fault')).toEqual([])
  })
  const open = (version = '2025-11-25', declared: JsonMap = everyCapability): Promise<Session> =>
    openSession(mcplex.url, { version, capabilities: declared })

  test.each([
    ['elicitation', who, accepted],
    ['sampling', capital, sampled],
    ['roots', roots, rooted],
  ])(
    'a question for %s comes on the stream of its call, and its answer by a POST of its own',
    async (_, asked, result) => {
      const session = await open()
      const running = await follow(session, [{ ask: { mine: asked } }])
      const question = await questionOn(running.call)
      expect({ method: question.method, params: question.params }).toEqual(asked)
      await answer(session, question, result)
      expect((await toldBy(running)).answers).toEqual([{ mine: result }])
      expect(await running.call.over).toBe('whole')
    },
  )

  test('a call without input requests is answered by JSON, and the server knows what it could ask for', async () => {
    const session = await open()
    const running = await follow(session, [])
    expect(running.call.headers['content-type']).toBe('application/json')
    const { capabilities: told, members } = await toldBy(running)
    expect(told).toEqual({ elicitation: { form: {}, url: {} }, sampling: {}, roots: {} })
    expect(members).not.toContain('inputResponses')
  })

  test('several questions are asked at once, and each answer goes to its own', async () => {
    const session = await open()
    const running = await follow(session, [{ ask: { a: who, b: capital, c: roots } }])
    const asked = await questionsOn(running.call, 3)
    const results: Readonly<Record<string, JsonMap>> = {
      'elicitation/create': accepted,
      'sampling/createMessage': sampled,
      'roots/list': rooted,
    }
    for (const question of asked.toReversed()) await answer(session, question, results[question.method ?? ''] ?? {})
    expect((await toldBy(running)).answers).toEqual([{ a: accepted, b: sampled, c: rooted }])
  })

  test('a server that asks again gets the answers of each round, with or without a state', async () => {
    const session = await open()
    const running = await follow(session, [
      { ask: { a: who }, state: false },
      { ask: { b: roots } },
      { ask: { c: who } },
    ])
    const [first, second] = [await questionOn(running.call), { action: 'decline' }]
    await answer(session, first, accepted)
    await answer(session, await questionOn(running.call, 1), rooted)
    // Late: this question was of an earlier round.
    await answer(session, first, { action: 'late' })
    await answer(session, await questionOn(running.call, 2), second)
    expect((await toldBy(running)).answers).toEqual([{ a: accepted }, { b: rooted }, { c: second }])
    const asked = messagesOf(running.call).filter(({ method }) => method !== undefined)
    expect(new Set(asked.map(({ id }) => id)).size).toBe(3)
  })

  test('a server that wants only the call repeated gets it, and no client is asked', async () => {
    const session = await open()
    const running = await follow(session, [{ again: true }, { again: true }])
    expect((await toldBy(running)).answers).toEqual([])
    expect(messagesOf(running.call)).toHaveLength(1)
  })

  test('prompts and resources are asked for in the same way', async () => {
    const session = await open()
    const steps = JSON.stringify([{ ask: { a: roots } }])
    for (const [method, params] of [
      ['prompts/get', { name: 'p', arguments: { steps } }],
      ['resources/read', { uri: `script:${encodeURIComponent(steps)}` }],
    ] as const) {
      const id = session.nextId()
      const call = await session.post({ id, method, params })
      await answer(session, await questionOn(call), rooted)
      expect(JSON.stringify((await responseTo(call, id)).result)).toContain('file:///a')
    }
  })

  test.each([{ action: 'decline' }, { action: 'cancel' }])(
    'what a person decides reaches the server: %o',
    async (result) => {
      const session = await open()
      const running = await follow(session, [{ ask: { a: who } }])
      await answer(session, await questionOn(running.call), result)
      expect((await toldBy(running)).answers).toEqual([{ a: result }])
    },
  )

  test('an error to a question for a person counts as cancelled', async () => {
    const session = await open()
    const running = await follow(session, [{ ask: { a: who } }])
    await session.post({ id: (await questionOn(running.call)).id, error: { code: -1, message: 'no' } })
    expect((await toldBy(running)).answers).toEqual([{ a: { action: 'cancel' } }])
  })

  test.each([
    ['sampling', capital],
    ['roots', roots],
  ])('an error to a question for %s ends the call, and what else was asked is withdrawn', async (_, asked) => {
    const session = await open()
    const running = await follow(session, [{ ask: { a: asked, b: who } }])
    const [failing, other] = await questionsOn(running.call, 2)
    await session.post({ id: failing?.id, error: { code: -7, message: 'no model' } })
    const response = await responseTo(running.call, running.id)
    expect(response.result?.['isError']).toBe(true)
    expect(textOf(response)).toContain('-7 no model')
    const withdrawn = messagesOf(running.call).find(({ method }) => method === 'notifications/cancelled')
    expect(withdrawn?.params).toEqual({ requestId: other?.id })
    expect(await session.text('follow')).toContain('pid')
  })

  test('an error to a question of a prompt is the error of the prompt', async () => {
    const session = await open()
    const params = { name: 'p', arguments: { steps: JSON.stringify([{ ask: { a: roots } }]) } }
    const id = session.nextId()
    const call = await session.post({ id, method: 'prompts/get', params })
    await session.post({ id: (await questionOn(call)).id, error: { code: -7, message: 'none' } })
    expect(reasonOf(await responseTo(call, id))).toBe('input_not_provided')
  })

  test('the first of two answers at once counts, and no session answers for another one', async () => {
    const [session, stranger] = [await open(), await open()]
    const running = await follow(session, [{ ask: { a: who } }])
    const { id } = await questionOn(running.call)
    expect((await stranger.post({ id, result: { action: 'forged' } })).status).toBe(202)
    const both = [{ action: 'accept' }, { action: 'decline' }]
    await Promise.all(both.map((result) => session.post({ id, result })))
    const { answers } = await toldBy(running)
    expect(both.map((result) => [{ a: result }])).toContainEqual(answers)
  })

  test('as many calls as a session may have are asked at once, and none gets the answer of another', async () => {
    const session = await open()
    const running = await Promise.all(
      Array.from({ length: 64 }, (_, at) => follow(session, [{ ask: { [`k${at}`]: who } }])),
    )
    const asked = await Promise.all(running.map(({ call }) => questionOn(call)))
    await Promise.all(asked.map((question, at) => answer(session, question, { action: 'accept', content: { at } })))
    const told = await Promise.all(running.map(toldBy))
    expect(told.map(({ answers }) => answers)).toEqual(
      running.map((_, at) => [{ [`k${at}`]: { action: 'accept', content: { at } } }]),
    )
  })

  test('a client that cancels while it is asked is told that its answer is no longer wanted', async () => {
    const session = await open()
    const running = await follow(session, [{ ask: { a: who, b: roots } }])
    const [first, second] = await questionsOn(running.call, 2)
    if (first) await answer(session, first, accepted)
    await session.notify('notifications/cancelled', { requestId: running.id })
    expect(await running.call.over).toBe('whole')
    const after = messagesOf(running.call).slice(2)
    expect(after).toMatchObject([{ method: 'notifications/cancelled', params: { requestId: second?.id } }])
    if (second) await answer(session, second, rooted)
    expect(await session.text('follow')).toContain('pid')
  })

  test('a client that cancels while the server works on its answer gets no response', async () => {
    const session = await open()
    const running = await follow(session, [{ ask: { a: roots } }, { hangs: true }])
    await answer(session, await questionOn(running.call), rooted)
    await session.notify('notifications/cancelled', { requestId: running.id })
    expect(await running.call.over).toBe('whole')
    expect(messagesOf(running.call)).toHaveLength(1)
  })

  test.each([
    ['nothing', {}, who, { elicitation: { form: {} } }],
    ['other things', { roots: {}, elicitation: {} }, capital, { sampling: {} }],
    ['forms', { elicitation: {} }, visit, { elicitation: { url: {} } }],
    ['pages', { elicitation: { url: {} } }, who, { elicitation: { form: {} } }],
  ])('a client that declared %s is asked for nothing else', async (_, declared, asked, requiredCapabilities) => {
    const session = await open('2025-11-25', declared)
    const running = await follow(session, [{ ask: { a: asked } }])
    expect([running.call.status, running.call.headers['content-type']]).toEqual([200, 'application/json'])
    const { error } = await responseTo(running.call, running.id)
    expect(error).toMatchObject({ code: -32602, data: { reason: 'missing_capability', requiredCapabilities } })
    expect((await toldBy(await follow(session, []))).capabilities, 'nor was the server told otherwise').toEqual(
      declared,
    )
  })

  test('a page to visit has an id for clients of 2025-11-25', async () => {
    const session = await open()
    const running = await follow(session, [{ ask: { a: visit, b: visit } }])
    const asked = await questionsOn(running.call, 2)
    const ids = asked.map(({ params }) => params?.['elicitationId'])
    expect(new Set(ids).size).toBe(2)
    for (const question of asked) {
      expect(question.params).toEqual({ ...visit.params, elicitationId: expect.any(String) as unknown })
      await answer(session, question, { action: 'accept' })
    }
    expect((await toldBy(running)).answers).toEqual([{ a: { action: 'accept' }, b: { action: 'accept' } }])
  })

  test('a client of 2025-06-18 is asked by forms as they were then', async () => {
    const session = await open('2025-06-18')
    const running = await follow(session, [{ ask: { a: who } }])
    const question = await questionOn(running.call)
    expect(question.params).toEqual({ message: 'Who?', requestedSchema: form.requestedSchema })
    await answer(session, question, accepted)
    expect((await toldBy(running)).capabilities).toEqual({ elicitation: {}, sampling: {}, roots: {} })
    expect((await responseTo((await follow(session, [{ ask: { a: visit } }])).call, 2)).error?.code).toBe(-32602)
  })

  test.each(['2024-11-05', '2025-03-26'])(
    'a client of %s is asked for samples and roots, never by forms',
    async (version) => {
      const session = await open(version)
      const running = await follow(session, [{ ask: { a: capital, b: roots } }])
      for (const question of await questionsOn(running.call, 2)) {
        await answer(session, question, question.method === 'roots/list' ? rooted : sampled)
      }
      const { answers, capabilities: told } = await toldBy(running)
      expect(answers).toEqual([{ a: sampled, b: rooted }])
      expect(told).toEqual({ sampling: {}, roots: {} })
      const refused = await follow(session, [{ ask: { a: who } }])
      expect(reasonOf(await responseTo(refused.call, refused.id))).toBe('missing_capability')
    },
  )

  test('calls of a batch are asked on the stream of the batch', async () => {
    const session = await open('2025-03-26')
    const requests = [[{ ask: { a: roots } }], [], [{ ask: { b: capital } }]].map((steps, at) => ({
      jsonrpc: '2.0',
      id: `b${at}`,
      method: 'tools/call',
      params: { name: 'follow', arguments: { steps } },
    }))
    const headers = {
      ...session.headers,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    }
    const call = await send(mcplex.url, { method: 'POST', headers, body: JSON.stringify(requests) })
    for (const question of await questionsOn(call, 2)) {
      await answer(session, question, question.method === 'roots/list' ? rooted : sampled)
    }
    const told = await Promise.all(['b0', 'b1', 'b2'].map(async (id) => textOf(await responseTo(call, id))))
    expect(told.map((text) => (JSON.parse(text) as Told).answers)).toEqual([[{ a: rooted }], [], [{ b: sampled }]])
    expect(await call.over).toBe('whole')
  })

  test('a client that was cut off finds the question, and the answer, when it comes back', async () => {
    const session = await open()
    const running = await follow(session, [{ ask: { a: roots } }])
    const primed = await running.call.event('the first event', () => true)
    running.call.cut()
    const again = await session.listen(primed.id)
    const question = await questionOn(again)
    again.cut()
    await answer(session, question, rooted)
    const last = await session.listen(primed.id)
    expect((await toldBy({ call: last, id: running.id })).answers).toEqual([{ a: rooted }])
  })

  test('progress comes before the question, and rises over all rounds', async () => {
    const session = await open()
    const steps = [
      { ask: { a: roots }, progress: [1, 5] },
      { ask: { b: roots }, progress: [2, 6] },
      { progress: [3, 7] },
    ]
    const running = await follow(session, steps, 'mine')
    await answer(session, await questionOn(running.call), rooted)
    await answer(session, await questionOn(running.call, 1), rooted)
    await responseTo(running.call, running.id)
    const seen = messagesOf(running.call).map(({ method, params }) => params?.['progress'] ?? method ?? 'response')
    expect(seen).toEqual([1, 5, 'roots/list', 6, 'roots/list', 7, 'response'])
    const tokens = messagesOf(running.call).flatMap(({ params }) => params?.['progressToken'] ?? [])
    expect(new Set(tokens)).toEqual(new Set(['mine']))
  })

  test('a result of an unknown type is an error of the server', async () => {
    const session = await open()
    for (const type of ['task', 'odd']) {
      const running = await follow(session, [{ type }])
      const { error } = await responseTo(running.call, running.id)
      expect(error).toMatchObject({ code: -32603, data: { reason: 'upstream_invalid' } })
    }
  })

  test('answers and states that a client makes up do not reach the server', async () => {
    const session = await open()
    const id = session.nextId()
    const params = { name: 'follow', inputResponses: { a: {} }, requestState: '{"at":1,"answers":["forged"]}' }
    const { answers, members } = await toldBy({ id, call: await session.post({ id, method: 'tools/call', params }) })
    expect(answers).toEqual([])
    expect(members).toEqual(['name', '_meta'])
  })
})

test('a server that died between the rounds is called again in another process', async () => {
  const mcplex = await startMcplex({ server: asksInRounds, options: ['--log-level', 'warn'] })
  try {
    const session = await openSession(mcplex.url, { capabilities: everyCapability })
    const before = await toldBy(await follow(session, []))
    const running = await follow(session, [{ ask: { a: who }, dies: true }])
    const question = await questionOn(running.call)
    await eventually('the process to be gone', () => !mcplex.servers().includes(before.pid))
    await answer(session, question, accepted)
    const told = await toldBy(running)
    expect(told.answers).toEqual([{ a: accepted }])
    expect(told.pid).not.toBe(before.pid)
  } finally {
    await mcplex.end()
  }
})
