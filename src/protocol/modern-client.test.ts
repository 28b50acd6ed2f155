import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import type { Call, ClientDescription } from './call.ts'
import { type JsonObject, rawObject } from './json-text.ts'
import { createModernUpstreamCodec } from './modern-client.ts'

const prefix = 'io.modelcontextprotocol/'
const client: ClientDescription = {
  era: 'legacy',
  version: '2025-11-25',
  capabilities: { elicitation: {}, roots: { listChanged: true }, tasks: {} },
  info: { name: 'client', version: '1' },
}
const introduced = {
  [`${prefix}protocolVersion`]: '2026-07-28',
  [`${prefix}clientCapabilities`]: { elicitation: {}, roots: {} },
  [`${prefix}clientInfo`]: { name: 'client', version: '1' },
}

function callOf(params: JsonObject | undefined, more: Partial<Call> = {}): Call {
  return {
    id: '1',
    method: 'tools/call',
    params: params && rawObject(params),
    client,
    principal: { tenant: '', subject: '' },
    session: 's',
    fairnessKey: 's',
    clientKey: 's',
    progressToken: undefined,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
    ...more,
  }
}

test('each call of a session carries the client’s description, its token and its log level', () => {
  const codec = createModernUpstreamCodec()
  const said = (call: Call, token?: number): unknown => JSON.parse(codec.params(call, token)?.text ?? 'null')
  for (const params of [undefined, {}, { name: 'echo' }]) {
    expect(said(callOf(params))).toEqual({ ...params, _meta: introduced })
  }
  expect(said(callOf({ name: 'echo' }, { logLevel: 'info', progressToken: '"mine"' }), 5)).toEqual({
    name: 'echo',
    _meta: { ...introduced, [`${prefix}logLevel`]: 'info', progressToken: 5 },
  })
})

test('the client’s own metadata stays, except for the members that mcplex sets', () => {
  const codec = createModernUpstreamCodec()
  const forged = { [`${prefix}clientCapabilities`]: { sampling: {} }, [`${prefix}logLevel`]: 'debug', progressToken: 1 }
  const params = codec.params(callOf({ name: 'echo', _meta: { ...forged, traceparent: 't' } }), undefined)
  expect(JSON.parse(params?.text ?? '')).toEqual({ name: 'echo', _meta: { ...introduced, traceparent: 't' } })
  expect(JSON.parse(codec.params(callOf({ _meta: 7 }), undefined)?.text ?? '')).toEqual({ _meta: introduced })
})

test('a client with a session cannot forge input responses', () => {
  const codec = createModernUpstreamCodec()
  const params = { name: 'ask', inputResponses: { a: {} }, requestState: 'forged' }
  expect(JSON.parse(codec.params(callOf(params), undefined)?.text ?? '')).toEqual({ name: 'ask', _meta: introduced })
  expect(JSON.parse(codec.params(callOf(params, { round: 1 }), undefined)?.text ?? '')).toEqual({
    ...params,
    _meta: introduced,
  })
})

test('value and text of the params stay equal, whatever the client sends', () => {
  const codec = createModernUpstreamCodec()
  const member = fc.oneof(fc.string(), fc.constantFrom('_meta', 'name', 'requestState'))
  fc.assert(
    fc.property(fc.dictionary(member, fc.jsonValue({ maxDepth: 2 })), fc.boolean(), (params, wantsLog) => {
      const call = callOf(params, wantsLog ? { logLevel: 'info' } : {})
      const said = codec.params(call, undefined)
      expect(JSON.parse(said?.text ?? '')).toEqual(JSON.parse(JSON.stringify(said?.value)))
    }),
  )
})
