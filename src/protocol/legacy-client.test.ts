import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import type { Call, ClientDescription } from './call.ts'
import { parseObject } from './json-text.ts'
import { legacyUpstreamCodec } from './legacy-client.ts'

const callOf = (era: ClientDescription['era'], text: string, progressToken?: string): Call => {
  const params = parseObject(text)
  assert(params)
  const version = era === 'legacy' ? '2025-11-25' : '2026-07-28'
  return {
    id: '1',
    method: 'tools/call',
    params,
    client: { era, version, capabilities: {}, info: undefined },
    principal: { tenant: 't', subject: 's' },
    session: undefined,
    fairnessKey: 'c',
    clientKey: 'c',
    progressToken,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
  }
}
const trace = '"traceparent":"00-a-b-01","tracestate":"x=1","baggage":"k=v"'

test('a session-based server gets the params of its own era unchanged, except for the token', () => {
  const text = `{"name":"t","task":{"ttl":1},"arguments":{"n":1.0},"_meta":{${trace}}}`
  expect(legacyUpstreamCodec.params(callOf('legacy', text), undefined)?.text).toBe(text)
  const asking = callOf('legacy', `{"name":"t","_meta":{"progressToken":"p",${trace}}}`, '"p"')
  expect(legacyUpstreamCodec.params(asking, 7)?.text).toBe(`{"name":"t","_meta":{${trace},"progressToken":7}}`)
})

test('the required metadata of a stateless request is removed, and its token is replaced by ours', () => {
  const meta = '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}'
  const bare = callOf('modern', `{"name":"t","_meta":{${meta}}}`)
  expect(legacyUpstreamCodec.params(bare, undefined)?.text).toBe('{"name":"t"}')
  const asking = callOf('modern', `{"name":"t","_meta":{${meta},"progressToken":1.0}}`, '1.0')
  expect(legacyUpstreamCodec.params(asking, 7)?.text).toBe('{"name":"t","_meta":{"progressToken":7}}')
})

test('the params of a call that mcplex makes itself stay unchanged', () => {
  const params = '{"name":"t","task":{}}'
  expect(legacyUpstreamCodec.params({ ...callOf('modern', params), round: 0 }, undefined)?.text).toBe(params)
})

test('a session-based server gets the members of a stateless request that its era has, and its trace', () => {
  const reserved = ['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel']
    .map((key) => `"io.modelcontextprotocol/${key}":{}`)
    .join(',')
  const call = callOf(
    'modern',
    `{"name":"t","arguments":{"n":1.0},"inputResponses":{},"requestState":"s","task":{},"_meta":{${reserved},"own":1.0,${trace}}}`,
  )
  expect(legacyUpstreamCodec.params(call, undefined)?.text).toBe(
    `{"name":"t","arguments":{"n":1.0},"_meta":{"own":1.0,${trace}}}`,
  )
})
