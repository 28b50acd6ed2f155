import assert from 'node:assert/strict'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ClientDescription } from '../call.ts'
import { emptyObject, type JsonObject, parseObject, type RawObject, rawObject } from '../json-text.ts'
import { errorAnswer } from '../jsonrpc.ts'
import {
  answerOfInput,
  inputRequestOf,
  inputRequestsOf,
  inputResponseOf,
  isInputRequestMethod,
  type InputRequestContent,
  inputRequestForClient,
  inputRequestsIn,
  unanswered,
  undeclared,
  urlElicitationsIn,
} from './input-requests.ts'

const everything: JsonObject = {
  elicitation: { form: {}, url: {} },
  sampling: { tools: {}, context: {} },
  roots: { listChanged: true },
}
const client = (version: string, capabilities: JsonObject = everything): ClientDescription => ({
  era: 'legacy',
  version,
  capabilities,
  info: undefined,
})

const raw = (text: string): RawObject => {
  const object = parseObject(text)
  assert(object)
  return object
}
const question = (method: string, params?: JsonObject): InputRequestContent => ({
  method,
  params: params && rawObject(params),
})

const form = question('elicitation/create', {
  mode: 'form',
  message: 'Who?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
})
const page = question('elicitation/create', { mode: 'url', message: 'Sign in', url: 'https://example.com/in' })
const sample = question('sampling/createMessage', {
  maxTokens: 5,
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    },
  ],
})
const toolSample = question('sampling/createMessage', {
  maxTokens: 5,
  messages: [],
  tools: [{ name: 't', inputSchema: { type: 'object' } }],
})
const roots = question('roots/list')

const anyQuestion = fc.record({
  method: fc.constantFrom('elicitation/create', 'sampling/createMessage', 'roots/list'),
  params: fc.option(
    fc
      .record(
        {
          mode: fc.constantFrom('form', 'url'),
          message: fc.string(),
          url: fc.webUrl(),
          elicitationId: fc.string(),
          task: fc.constant({ ttl: 1 }),
          requestedSchema: fc.jsonValue({ maxDepth: 4 }),
          messages: fc.jsonValue({ maxDepth: 4 }),
          tools: fc.jsonValue({ maxDepth: 2 }),
          _meta: fc.jsonValue({ maxDepth: 2 }),
        },
        { requiredKeys: [] },
      )
      .map((params) => rawObject(params as JsonObject)),
    { nil: undefined },
  ),
}) as fc.Arbitrary<InputRequestContent>

test('only requests that exist in both eras are input requests', () => {
  for (const method of ['elicitation/create', 'sampling/createMessage', 'roots/list'])
    expect(isInputRequestMethod(method)).toBe(true)
  for (const method of ['ping', 'tasks/get', 'tools/call', 'toString']) expect(isInputRequestMethod(method)).toBe(false)
})

test.each([
  [form, {}, { elicitation: { form: {} } }],
  [form, { elicitation: {} }, undefined],
  [form, { elicitation: { form: {} } }, undefined],
  [form, { elicitation: { url: {} } }, { elicitation: { form: {} } }],
  [page, { elicitation: {} }, { elicitation: { url: {} } }],
  [page, { elicitation: { url: {} } }, undefined],
  [sample, {}, { sampling: {} }],
  [sample, { sampling: {} }, undefined],
  [toolSample, { sampling: {} }, { sampling: { tools: {} } }],
  [toolSample, { sampling: { tools: {} } }, undefined],
  [roots, {}, { roots: {} }],
  [roots, { roots: {} }, undefined],
])('a client is asked only what it declared: %j by %j lacks %j', (asked, capabilities, missing) => {
  expect(undeclared(asked, capabilities)).toEqual(missing)
})

describe('an input request of a session-based server', () => {
  test('becomes an entry of inputRequests, without the members that only a separate request has', () => {
    const params = raw(
      '{"mode":"url","elicitationId":"e1","url":"https://example.com","message":"m","task":{"ttl":1},"_meta":{"progressToken":1,"x":12345678901234567890}}',
    )
    expect(inputRequestOf({ method: 'elicitation/create', params }).text).toBe(
      '{"method":"elicitation/create","params":{"mode":"url","url":"https://example.com","message":"m","_meta":{"x":12345678901234567890}}}',
    )
    expect(inputRequestOf(roots).text).toBe('{"method":"roots/list"}')
  })

  test('as an entry has equal value and text, whatever the server wrote', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), anyQuestion), (questions) => {
        const entries = new Map(Object.entries(questions).map(([key, asked]) => [key, inputRequestOf(asked)]))
        const all = inputRequestsOf(entries)
        expect(JSON.parse(all.text)).toEqual(JSON.parse(JSON.stringify(all.value)))
        for (const { value } of entries.values()) {
          expect(Object.keys((value['params'] ?? {}) as object)).not.toContain('elicitationId')
        }
      }),
    )
  })

  test('gets the client’s answer as a response, exactly as written', () => {
    const text = '{"action":"accept","content":{"n":1.0}}'
    expect(answerOfInput(form, text)).toEqual({ kind: 'result', result: { value: JSON.parse(text) as object, text } })
    expect(answerOfInput(roots, '{"roots":[]}')?.kind).toBe('result')
  })

  test('gets a single block instead of a list of one if it offered no tools', () => {
    const text = '{"role":"assistant","model":"m","content":[{"type":"text","text":"a","n":1.0}]}'
    const answer = answerOfInput(sample, text)
    assert(answer?.kind === 'result')
    expect(answer.result.text).toBe('{"role":"assistant","model":"m","content":{"type":"text","text":"a","n":1.0}}')
    expect(answerOfInput(toolSample, text)).toMatchObject({ result: { text } })
  })

  test.each([
    [form, '7'],
    [form, '{}'],
    [form, '{"action":"maybe"}'],
    [form, '{"action":"accept","content":[1]}'],
    [roots, '{"roots":{}}'],
    [sample, '{"role":"assistant","content":{}}'],
    [sample, '{"role":"assistant","model":"m"}'],
  ])('takes no answer that is none: %j %s', (asked, text) => {
    expect(answerOfInput(asked, text)).toBeUndefined()
  })

  test('without an answer is cancelled if it is an elicitation, and fails otherwise', () => {
    expect(unanswered('elicitation/create')).toMatchObject({ kind: 'result', result: { value: { action: 'cancel' } } })
    expect(unanswered('roots/list').kind).toBe('error')
  })
})

describe('an entry of inputRequests', () => {
  test('is read with the exact text of the server', () => {
    const result = raw(
      '{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"},"b":{"method":"elicitation/create","params":{"n":1.0}}}}',
    )
    const questions = inputRequestsIn(result)
    expect([...questions.keys()]).toEqual(['a', 'b'])
    expect(questions.get('a')).toEqual({ method: 'roots/list', params: undefined })
    expect(questions.get('b')?.params?.text).toBe('{"n":1.0}')
    expect(inputRequestsIn(raw('{"requestState":"s"}')).size).toBe(0)
  })

  test.each(['[]', '{"a":1}', '{"a":{"method":"ping"}}', '{"a":{"method":"roots/list","params":[]}}', '{"a":{}}'])(
    'that is no question is a fault of the server: %s',
    (requests) => {
      expect(() => inputRequestsIn(raw(`{"inputRequests":${requests}}`))).toThrow(
        expect.objectContaining({ code: 'upstream_invalid' }),
      )
    },
  )

  test('becomes a request in the form of 2025-11-25', () => {
    const visit = inputRequestForClient(client('2025-11-25'), page, 'id-1')
    expect(visit?.params?.value).toEqual({ ...page.params?.value, elicitationId: 'id-1' })
    for (const [asked, schema] of [
      [visit, ElicitRequestSchema],
      [inputRequestForClient(client('2025-11-25'), form, ''), ElicitRequestSchema],
      [inputRequestForClient(client('2025-11-25'), sample, ''), CreateMessageRequestSchema],
      [inputRequestForClient(client('2025-11-25'), toolSample, ''), CreateMessageRequestSchema],
      [inputRequestForClient(client('2025-11-25'), roots, ''), ListRootsRequestSchema],
    ] as const) {
      expect(schema.safeParse({ method: asked?.method, params: asked?.params?.value }).success).toBe(true)
    }
  })

  test('keeps its text if the client knows its form', () => {
    expect(inputRequestForClient(client('2025-11-25'), form, '')).toBe(form)
    expect(inputRequestForClient(client('2024-11-05'), roots, '')).toBe(roots)
  })

  test.each([
    ['2025-06-18', page],
    ['2025-03-26', form],
    ['2024-11-05', form],
    ['2025-06-18', toolSample],
  ])('is not sent to a client of %s if that revision does not have it', (version, asked) => {
    expect(inputRequestForClient(client(version), asked, 'id')).toBeUndefined()
  })

  test('is not sent to a client that did not declare it', () => {
    for (const asked of [form, page, sample, toolSample, roots])
      expect(inputRequestForClient(client('2025-11-25', {}), asked, '')).toBeUndefined()
  })

  test('for sampling with tools has objects where clients with sessions require them', () => {
    const asked = raw(
      '{"maxTokens":5,"tools":[{"name":"t","inputSchema":{"type":"object","minProperties":1.0},"outputSchema":{"type":"array"}}],' +
        '"messages":[{"role":"user","content":{"type":"tool_result","toolUseId":"1","content":[],"structuredContent":[1.0]}},' +
        '{"role":"user","content":[{"type":"tool_result","toolUseId":"2","content":[],"structuredContent":7}]}]}',
    )
    const put = inputRequestForClient(client('2025-11-25'), { method: 'sampling/createMessage', params: asked }, '')
    expect(CreateMessageRequestSchema.safeParse({ method: put?.method, params: put?.params?.value }).success).toBe(true)
    expect(put?.params?.text).toContain('"minProperties":1.0')
    expect(put?.params?.text).toContain('"structuredContent":{"result":[1.0]}')
    expect(put?.params?.text).toContain('"structuredContent":{"result":7}')
  })

  test('loses the mode for a client that knows only forms', () => {
    expect(inputRequestForClient(client('2025-06-18'), form, '')?.params?.value).not.toHaveProperty('mode')
  })

  test('has equal value and text, for every client', () => {
    fc.assert(
      fc.property(
        anyQuestion,
        fc.constantFrom('2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'),
        (asked, version) => {
          const put = inputRequestForClient(client(version), asked, 'id')
          const { text, value } = put?.params ?? emptyObject
          expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        },
      ),
    )
  })
})

describe('the answer of a client with a session', () => {
  test('is sent to the server unchanged, except for the null of some clients', () => {
    const result = raw('{"action":"accept","content":{"n":1.0}}')
    expect(inputResponseOf(form, { kind: 'result', result })).toBe(result)
    expect(inputResponseOf(form, { kind: 'result', result: raw('{"action":"decline","content":null}') })?.text).toBe(
      '{"action":"decline"}',
    )
  })

  test('that is an error cancels an elicitation, and ends the call for other requests', () => {
    const refused = errorAnswer(-1, 'no')
    expect(inputResponseOf(form, refused)?.text).toBe('{"action":"cancel"}')
    expect(inputResponseOf(page, refused)?.text).toBe('{"action":"cancel"}')
    expect(inputResponseOf(sample, refused)).toBeUndefined()
    expect(inputResponseOf(roots, refused)).toBeUndefined()
  })
})

describe('URL elicitations that a session-based server requires', () => {
  const needed = (elicitations: unknown): RawObject =>
    rawObject({ code: -32042, message: 'm', data: { elicitations } } as JsonObject)

  test('become inputRequests', () => {
    const visits = urlElicitationsIn(
      needed([{ mode: 'url', elicitationId: 'e', url: 'https://example.com/a', message: 'A' }]),
    )
    expect(visits?.value).toEqual({
      'visit-1': {
        method: 'elicitation/create',
        params: { mode: 'url', message: 'A', url: 'https://example.com/a' },
      },
    })
    expect(JSON.parse(visits?.text ?? '')).toEqual(visits?.value)
  })

  test('are read only from error -32042, and only if it has any', () => {
    expect(urlElicitationsIn(rawObject({ code: -32603, message: 'm' }))).toBeUndefined()
    for (const odd of [[], undefined, [7], [{ mode: 'url' }]]) expect(urlElicitationsIn(needed(odd))).toBeUndefined()
  })
})
