import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Call, Outcome, ClientDescription } from '../call.ts'
import { emptyObject, type JsonObject, parseObject, rawObject } from '../json-text.ts'
import { type Answer, errorAnswer } from '../jsonrpc.ts'
import type { InputRequestContent } from './input-requests.ts'
import {
  answered,
  nextRound,
  newContinuation,
  calledAgain,
  endUnanswered,
  type Continuation,
  isComplete,
  isOpen,
  needsInput,
  paramsAgain,
  inputRequestsForClient,
} from './continuation.ts'

function callOf(method: string, params?: string): Call {
  return {
    id: '7',
    method,
    params: params === undefined ? undefined : parseObject(params),
    client: clientDescriptionOf('2025-11-25', {}),
    principal: { tenant: '', subject: '' },
    session: 's',
    fairnessKey: 's',
    clientKey: 's',
    progressToken: undefined,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
  }
}

function clientDescriptionOf(version: string, capabilities: JsonObject): ClientDescription {
  return { era: 'legacy', version, capabilities, info: undefined }
}

function asking(members: JsonObject, worker?: string): Outcome {
  const result = rawObject({ resultType: 'input_required', ...members })
  return { answer: { kind: 'result', result }, era: 'modern', worker }
}

const resultOf = (value: JsonObject): Answer => ({ kind: 'result', result: rawObject(value) })
const form = { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: {} } }
const page = { mode: 'url', message: 'Sign in', url: 'https://example.com/' }

describe('what needs input', () => {
  test('is a stateless result of type input_required, of a method that may request input', () => {
    const outcome = asking({ requestState: 'x' })
    for (const method of ['tools/call', 'prompts/get', 'resources/read']) {
      expect(needsInput(callOf(method), outcome)).toBe(true)
    }
    expect(needsInput(callOf('completion/complete'), outcome)).toBe(false)
    expect(needsInput(callOf('tools/call'), { ...outcome, era: 'legacy' })).toBe(false)
    expect(needsInput(callOf('tools/call'), { ...outcome, answer: resultOf({ resultType: 'complete' }) })).toBe(false)
    expect(needsInput(callOf('tools/call'), { ...outcome, answer: errorAnswer(-32603, 'no') })).toBe(false)
  })
})

describe('the input requests to a client', () => {
  const ask = (client: ClientDescription, inputRequests: JsonObject): ReturnType<typeof inputRequestsForClient> =>
    inputRequestsForClient(client, asking({ inputRequests }), () => 'an id')
  const elicit = (params: JsonObject): JsonObject => ({ who: { method: 'elicitation/create', params } })

  test('have the form of its revision', () => {
    const newest = ask(clientDescriptionOf('2025-11-25', { elicitation: { form: {}, url: {} } }), elicit(page))
    assert(!('kind' in newest))
    expect(newest.get('who')?.params?.value).toEqual({ ...page, elicitationId: 'an id' })
    const older = ask(clientDescriptionOf('2025-06-18', { elicitation: {} }), elicit(form))
    assert(!('kind' in older))
    expect(older.get('who')?.params?.value).toEqual({ message: 'Who?', requestedSchema: form.requestedSchema })
  })

  test.each([
    ['nothing', '2025-11-25', {}, elicit(form), { elicitation: { form: {} } }],
    ['forms only', '2025-11-25', { elicitation: {} }, elicit(page), { elicitation: { url: {} } }],
    ['pages only', '2025-11-25', { elicitation: { url: {} } }, elicit(form), { elicitation: { form: {} } }],
    [
      'pages in a revision without',
      '2025-06-18',
      { elicitation: { url: {} } },
      elicit(page),
      { elicitation: { url: {} } },
    ],
    ['forms in a revision without', '2025-03-26', { elicitation: {} }, elicit(form), { elicitation: { form: {} } }],
    [
      'something else',
      '2025-11-25',
      { roots: {} },
      { a: { method: 'sampling/createMessage', params: {} } },
      { sampling: {} },
    ],
    [
      'sampling without tools',
      '2025-11-25',
      { sampling: {} },
      { a: { method: 'sampling/createMessage', params: { tools: [] } } },
      { sampling: { tools: {} } },
    ],
  ])(
    'are none to a client that declared %s: the call ends and says what it lacks',
    (_, version, declared, asked, lacks) => {
      const answer = ask(clientDescriptionOf(version, declared), asked)
      assert('kind' in answer && answer.kind === 'error')
      expect(answer.error.value).toMatchObject({
        code: -32602,
        data: { reason: 'missing_capability', requiredCapabilities: lacks },
      })
    },
  )

  test('are not sent at all if the client did not declare the capability for one of them', () => {
    const both = { a: { method: 'roots/list' }, b: { method: 'sampling/createMessage', params: {} } }
    expect('kind' in ask(clientDescriptionOf('2025-11-25', { roots: {} }), both)).toBe(true)
  })

  test.each([
    ['no questions and no state', {}],
    ['questions that are none', { inputRequests: { a: { method: 'ping' } } }],
    ['a state that is no text', { requestState: 7 }],
  ])('are a fault of the server if it sends %s', (_, members) => {
    const code = refusalOf(() =>
      inputRequestsForClient(clientDescriptionOf('2025-11-25', {}), asking(members), () => ''),
    )
    expect(code).toBe('upstream_invalid')
  })

  test('are 64 at most', () => {
    const many = (count: number): JsonObject =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, { method: 'roots/list' }]))
    const client = clientDescriptionOf('2025-11-25', { roots: {} })
    expect(ask(client, many(64))).toHaveProperty('size', 64)
    expect(refusalOf(() => ask(client, many(65)))).toBe('upstream_invalid')
  })

  test('that a revision does not have end the call', () => {
    const tags = { type: 'array', items: { type: 'string', enum: ['a', 'b'] } }
    const schema = { type: 'object', properties: { tags }, required: ['tags'] }
    const asked = elicit({ ...form, requestedSchema: schema })
    expect(refusalOf(() => ask(clientDescriptionOf('2025-06-18', { elicitation: {} }), asked))).toBe(
      'not_supported_by_client_revision',
    )
  })
})

function refusalOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error)
  }
  return undefined
}

const methods = ['elicitation/create', 'sampling/createMessage', 'roots/list'] as const
const key = fc.oneof(fc.string(), fc.constantFrom('a', '__proto__', 'constructor', '"', '1'))
const questions = fc.dictionary(key, fc.constantFrom(...methods), { maxKeys: 4, noNullPrototype: false })
const state = fc.option(fc.string(), { nil: undefined })
const round = fc.record({ questions, state, worker: fc.option(fc.string(), { nil: undefined }) })
const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 })) as fc.Arbitrary<JsonObject>
/** An answer of a client: to which of the ids that it may know, and its content. */
const answers = fc.array(fc.record({ at: fc.nat(40), error: fc.boolean(), value: object }), { maxLength: 30 })

interface Model {
  continuation: Continuation
  /** Every id that was ever used. */
  ids: string[]
}

function takeRound(
  model: Model,
  one: { questions: Record<string, string>; state?: string | undefined; worker?: string | undefined },
): void {
  const asked = new Map<string, InputRequestContent>(
    Object.entries(one.questions).map(([name, method]) => [name, { method, params: undefined }]),
  )
  const outcome = asking(one.state === undefined ? {} : { requestState: one.state }, one.worker)
  const next = nextRound(model.continuation, outcome, asked)
  model.continuation = next.continuation
  model.ids.push(...next.sent.keys())
}

describe('a continuation', () => {
  test('is plain data: it survives serialisation at every step', () => {
    fc.assert(
      fc.property(fc.array(round, { maxLength: 4 }), answers, (rounds, given) => {
        const model: Model = { continuation: newContinuation('f', callOf('tools/call', '{"name":"t"}')), ids: [] }
        const same = (): void => expect(JSON.parse(JSON.stringify(model.continuation))).toEqual(model.continuation)
        same()
        for (const one of rounds) {
          takeRound(model, one)
          same()
          for (const { at, value } of given) {
            model.continuation =
              answered(model.continuation, model.ids[at] ?? '', resultOf(value)) ?? model.continuation
            same()
          }
          model.continuation = calledAgain(model.continuation)
          same()
        }
      }),
    )
  })

  test('uses request ids that contain its own id and are never used twice', () => {
    fc.assert(
      fc.property(fc.array(round, { maxLength: 6 }), (rounds) => {
        const model: Model = { continuation: newContinuation('f1', callOf('tools/call')), ids: [] }
        for (const one of rounds) takeRound(model, one)
        expect(new Set(model.ids).size).toBe(model.ids.length)
        for (const id of model.ids) expect(/^ask-(\w+)\.\d+\.\d+$/.exec(id)?.[1]).toBe('f1')
        expect(model.continuation.round).toBe(rounds.filter((one) => Object.keys(one.questions).length > 0).length)
      }),
    )
  })

  test('takes the first answer to each open input request, and no other', () => {
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 3 }), answers, (rounds, given) => {
        const model: Model = { continuation: newContinuation('f', callOf('tools/call')), ids: [] }
        for (const one of rounds) takeRound(model, one)
        const first = new Map<string, string>()
        for (const { at, value } of given) {
          const id = model.ids[at] ?? `ask-f.9.${at}`
          const wasOpen = isOpen(model.continuation, id)
          const next = answered(model.continuation, id, resultOf(value))
          assert(next)
          if (wasOpen) first.set(id, JSON.stringify(value))
          expect(next === model.continuation).toBe(!wasOpen)
          model.continuation = next
          expect(isOpen(model.continuation, id)).toBe(false)
        }
        const wanted = Object.keys(model.continuation.inputRequests)
        expect(Object.keys(model.continuation.answers).every((id) => wanted.includes(id))).toBe(true)
        expect(isComplete(model.continuation)).toBe(wanted.every((id) => first.has(id)))
        expect(wanted.some((id) => isOpen(calledAgain(model.continuation), id))).toBe(false)
      }),
    )
  })

  test('calls again with the params of the client, the answers under the keys of the server, and its state of this round', () => {
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 3 }), object, (rounds, value) => {
        const params = '{"name":"t","arguments":{"n":12345678901234567890},"requestState":"forged","_meta":{"a":1}}'
        const model: Model = { continuation: newContinuation('f', callOf('tools/call', params)), ids: [] }
        for (const one of rounds) takeRound(model, one)
        for (const id of model.ids)
          model.continuation = answered(model.continuation, id, resultOf(value)) ?? model.continuation
        const last = rounds.at(-1)
        assert(last)
        const again = paramsAgain(calledAgain(model.continuation))
        expect(JSON.parse(again.text)).toEqual(again.value)
        expect(again.text).toContain('12345678901234567890')
        expect(again.value['requestState']).toBe(last.state)
        const keys = Object.keys(last.questions)
        const given = again.value['inputResponses'] as JsonObject | undefined
        expect(Object.keys(given ?? {}).sort()).toEqual([...keys].sort())
        for (const name of keys) expect(Object.hasOwn(given ?? {}, name)).toBe(true)
        expect(model.continuation.worker).toBe(last.worker)
      }),
    )
  })

  test('continues after an error to an elicitation, and ends after an error to sampling', () => {
    const begun = newContinuation('f', callOf('tools/call'))
    const of = (method: string): Continuation =>
      nextRound(begun, asking({}), new Map([['k', { method, params: undefined }]])).continuation
    const failed = errorAnswer(-1, 'no')
    const cancelled = answered(of('elicitation/create'), 'ask-f.1.1', failed)
    expect(cancelled && paramsAgain(cancelled).value['inputResponses']).toEqual({ k: { action: 'cancel' } })
    expect(answered(of('sampling/createMessage'), 'ask-f.1.1', failed)).toBeUndefined()
    expect(answered(of('roots/list'), 'ask-f.1.1', failed)).toBeUndefined()
  })

  test('ends if the answers do not fit into one line to the server', () => {
    const begun = newContinuation('f', callOf('tools/call'))
    const both = new Map(['a', 'b'].map((name) => [name, { method: 'roots/list', params: undefined }] as const))
    const { continuation } = nextRound(begun, asking({}), both)
    const large = resultOf({ roots: ['x'.repeat(5 * 1024 * 1024)] })
    const first = answered(continuation, 'ask-f.1.1', large)
    assert(first && first !== continuation)
    expect(answered(first, 'ask-f.1.2', large)).toBeUndefined()
    expect(answered(first, 'ask-f.1.2', resultOf({ roots: [] }))).toBeDefined()
  })

  test('of a request without params calls again with an object as params', () => {
    expect(paramsAgain(newContinuation('f', callOf('prompts/get')))).toEqual(emptyObject)
  })
})

test('without an answer, a tool call ends with a result for the model; other requests are refused', () => {
  const refusal = new Refusal('input_not_provided', { message: 'No answer came.' })
  const { answer } = endUnanswered(callOf('tools/call'), refusal)
  assert(answer.kind === 'result')
  expect(answer.result.value).toEqual({ content: [{ type: 'text', text: 'No answer came.' }], isError: true })
  expect(() => endUnanswered(callOf('prompts/get'), refusal)).toThrow(refusal)
})
