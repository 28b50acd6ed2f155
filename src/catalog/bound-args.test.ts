/** Tests which arguments a tool has, what clients see of them, and what a call gets. */
import { describe, expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import { Refusal } from '../base/refusal.ts'
import type { Call, Outcome } from '../protocol/call.ts'
import { type JsonObject, parseObject, rawObject } from '../protocol/json-text.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { bindUpstream } from './bind-upstream.ts'
import { bindCall, bindList } from './bound-args.ts'

const names = ['org_id', 'region']
const text = { type: 'string' }

/** The input schema that clients see, and the arguments that the tool has. */
function seen(inputSchema: JsonObject): { readonly schema: unknown; readonly declared: readonly string[] } {
  const { hide, declared } = bindList(names)
  const page = rawObject({ tools: [{ name: 'find', inputSchema }, { name: 'other' }] })
  const shown = hide(page, page)
  expect(JSON.parse(shown.text)).toEqual(shown.value)
  const [tool] = JSON.parse(shown.text).tools as [{ readonly inputSchema: unknown }]
  return { schema: tool.inputSchema, declared: declared.get('find') ?? [] }
}

describe('a list of tools', () => {
  test('has no bound arguments in properties and required, and all else as it was', () => {
    const schema = { type: 'object', properties: { org_id: text, query: text }, required: ['org_id', 'query'] }
    expect(seen(schema)).toEqual({
      schema: { type: 'object', properties: { query: text }, required: ['query'] },
      declared: ['org_id'],
    })
    expect(seen({ properties: { org_id: text, region: text }, required: ['region'] })).toEqual({
      schema: { properties: {} },
      declared: names,
    })
  })

  test('keeps the exact text of what it does not change', () => {
    const { hide } = bindList(names)
    const page = parseObject(
      '{ "tools": [ {"name":"a", "inputSchema": {"properties":{"n":{"maximum":1.0e2 },"org_id":{}}}}, {"name": "b"} ]}',
    )
    if (!page) throw new Error('no JSON')
    expect(hide(page, page).text).toBe(
      '{ "tools": [{"name":"a", "inputSchema": {"properties":{"n":{"maximum":1.0e2 }}}},{"name": "b"}]}',
    )
    const other = rawObject({ tools: [{ name: 'b', inputSchema: { properties: { query: text } } }] })
    expect(hide(other, other)).toBe(other)
  })

  test('has none in the schemas that a schema combines or refers to, and those of inner objects stay', () => {
    const inner = { type: 'object', properties: { org_id: text }, required: ['org_id'] }
    const schema = {
      $ref: '#/$defs/base',
      $defs: { base: { properties: { org_id: text, inner } } },
      anyOf: [{ required: ['org_id'] }, { properties: { region: text }, required: ['region', 'query'] }],
      dependentRequired: { query: ['org_id', 'inner'] },
    }
    expect(seen(schema)).toEqual({
      schema: {
        $ref: '#/$defs/base',
        $defs: { base: { properties: { inner } } },
        anyOf: [{}, { properties: {}, required: ['query'] }],
        dependentRequired: { query: ['org_id', 'inner'] },
      },
      declared: names,
    })
    const whole = { properties: { org_id: text }, dependentRequired: { query: ['org_id', 'inner'], org_id: ['query'] } }
    expect(seen(whole).schema).toEqual({ properties: {}, dependentRequired: { query: ['inner'] } })
  })

  test('is shown whatever a server calls a schema', () => {
    for (const odd of [{ $ref: '#' }, { $ref: '#/none/0' }, { properties: [] }, { required: 'org_id' }, { anyOf: 1 }])
      expect(seen(odd as JsonObject)).toEqual({ schema: odd, declared: [] })
    let deep: JsonObject = { properties: { org_id: text } }
    for (let depth = 0; depth < 500; depth++) deep = { allOf: [deep, deep] }
    // As many paths as 2 to the power of 500 lead to the argument: each schema is looked at once.
    expect(bindCall(rawObject({ arguments: {} }), { org_id: 'a' }, [...declaredOf(deep)]).value).toEqual({
      arguments: { org_id: 'a' },
    })
  })

  test('is bounded: of more tools than are remembered, further ones get all arguments', () => {
    const { hide, declared } = bindList(names)
    const tools = Array.from({ length: 3000 }, (_, at) => {
      return { name: `tool ${at}`, inputSchema: { properties: { org_id: text } } }
    })
    hide(rawObject({ tools }), rawObject({ tools: [] }))
    expect(declared.size).toBe(2000)
  })
})

function declaredOf(inputSchema: JsonObject): readonly string[] {
  const { hide, declared } = bindList(names)
  hide({ value: { tools: [{ name: 'find', inputSchema }] }, text: '{}' }, rawObject({}))
  return declared.get('find') ?? []
}

describe('a call', () => {
  const bound = { org_id: 'acme', region: { zones: [1, null] } }
  const call = (json: string, declared: readonly string[] | undefined): string => {
    const params = parseObject(json)
    if (!params) throw new Error('no JSON')
    const given = bindCall(params, bound, declared)
    expect(JSON.parse(given.text)).toEqual(given.value)
    return given.text
  }

  test('gets the arguments that its tool has, in place of what the client says', () => {
    expect(call('{"name":"find","arguments":{"org_id":"evil","n":1.00}}', ['org_id'])).toBe(
      '{"name":"find","arguments":{"n":1.00,"org_id":"acme"}}',
    )
    expect(call('{"name":"find"}', names)).toBe(
      '{"name":"find","arguments":{"org_id":"acme","region":{"zones":[1,null]}}}',
    )
    expect(call('{"name":"find","arguments":null}', ['org_id'])).toBe('{"name":"find","arguments":{"org_id":"acme"}}')
  })

  test('leaves no value of the client behind, however it is written', () => {
    const twice = '{"arguments":{"org_id":1},"name":"find","arguments":{"org\\u005fid":2,"q":"","org_id":3}}'
    expect(call(twice, ['org_id'])).toBe('{"name":"find","arguments":{"q":"","org_id":"acme"}}')
  })

  test('of a tool that does not have them stays as it is, unless the client gives one a value', () => {
    const params = rawObject({ name: 'find', arguments: { query: 'x' } })
    expect(bindCall(params, bound, [])).toBe(params)
    expect(call('{"name":"find","arguments":{"org_id":"evil"}}', [])).toBe(
      '{"name":"find","arguments":{"org_id":"acme"}}',
    )
  })

  test('of a tool that is not listed gets all of them', () => {
    expect(call('{"name":"hidden"}', undefined)).toBe(
      '{"name":"hidden","arguments":{"org_id":"acme","region":{"zones":[1,null]}}}',
    )
  })

  test('with arguments that are no object is refused', () => {
    expect(() => call('{"name":"find","arguments":["evil"]}', ['org_id'])).toThrow(Refusal)
  })

  test('that is cancelled while the list is learnt ends, and never reaches the server', async () => {
    const reached: unknown[] = []
    const none = (): never => {
      throw new Error('not used')
    }
    const upstream: Upstream = {
      start: none,
      // oxlint-disable-next-line require-yield
      async *call(made: Call): AsyncGenerator<never, Outcome, void> {
        reached.push(made.params?.value['arguments'])
        return { answer: { kind: 'result', result: rawObject({}) }, era: 'legacy', worker: undefined }
      },
      subscribe: none,
      notify: none,
      endSession: none,
      endTenant: none,
      health: none,
      counts: none,
      recycle: none,
      workers: none,
      close: none,
    }
    const cancel = new Cancel()
    const made = { method: 'tools/call', params: rawObject({ name: 'find' }), cancel } as Call
    const never = { boundArgsOf: () => new Promise<undefined>(() => {}) }
    const ended = bindUpstream(upstream, never, bound).call(made).next()
    cancel.cancel('the client is gone')
    await expect(ended).rejects.toMatchObject({ code: 'cancelled' })
    const fails = { boundArgsOf: () => Promise.reject(new Refusal('upstream_unavailable')) }
    const other = { ...made, cancel: new Cancel() }
    await expect(bindUpstream(upstream, fails, bound).call(other).next()).rejects.toMatchObject({
      code: 'upstream_unavailable',
    })
    expect(reached).toEqual([])
    await bindUpstream(upstream, { boundArgsOf: () => Promise.resolve(['org_id']) }, bound)
      .call(other)
      .next()
    expect(reached).toEqual([{ org_id: 'acme' }])
  })
})
