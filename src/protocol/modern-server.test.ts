import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Outcome } from './call.ts'
import { type JsonObject, parseObject, rawObject } from './json-text.ts'
import { errorAnswer } from './jsonrpc.ts'
import { discoverResult, encodeModernAnswer } from './modern-server.ts'

const info = { name: 's', version: '1' }
const gave = (text: string, era: Outcome['era'] = 'legacy'): Outcome => {
  const result = parseObject(text)
  assert(result)
  return { answer: { kind: 'result', result }, era: era, worker: undefined }
}
const textOf = (method: string, outcome: Outcome, ttlMs?: number): string => {
  const answer = encodeModernAnswer(method, outcome, info, ttlMs)
  assert(answer.kind === 'result')
  expect(JSON.parse(answer.result.text)).toEqual(answer.result.value)
  return answer.result.text
}
const codeOf = (code: number, era: Outcome['era']): unknown => {
  const answer = encodeModernAnswer(
    'tools/call',
    { answer: errorAnswer(code, 'm', { uri: 'u' }), era: era, worker: undefined },
    info,
  )
  assert(answer.kind === 'error')
  expect(answer.error.value).toMatchObject({ message: 'm', data: { uri: 'u' } })
  return answer.error.value['code']
}
const named = '"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}'

describe('the result of a session-based server', () => {
  test('gets the members that every stateless result has, and keeps its digits', () => {
    expect(textOf('tools/call', gave('{"content":[1.0]}'))).toBe(`{"content":[1.0],"resultType":"complete",${named}}`)
    expect(textOf('resources/read', gave('{"contents":[1.0],"_meta":{"own":1.0}}'))).toBe(
      '{"contents":[1.0],"resultType":"complete","ttlMs":0,"cacheScope":"private","_meta":{"own":1.0,"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}',
    )
  })

  test('may be cached as long as the caller says, and by its client alone', () => {
    expect(JSON.parse(textOf('tools/list', gave('{"tools":[]}'), 60_000))).toMatchObject({
      ttlMs: 60_000,
      cacheScope: 'private',
    })
  })

  test('is complete, whatever resultType the server set', () => {
    const outcome = gave('{"content":[],"resultType":"input_required","requestState":"s"}')
    expect(JSON.parse(textOf('tools/call', outcome))).toMatchObject({ resultType: 'complete' })
    const list = gave('{"tools":[],"resultType":"input_required"}')
    expect(JSON.parse(textOf('tools/list', list))).toMatchObject({ resultType: 'complete', ttlMs: 0 })
  })
})

describe('the error of a session-based server', () => {
  test('about a missing resource has the code of this revision', () => {
    expect(codeOf(-32002, 'legacy')).toBe(-32602)
  })

  test('never has a code that is reserved in this revision', () => {
    fc.assert(
      fc.property(fc.integer({ min: -32099, max: -32000 }), (code) => {
        expect(codeOf(code, 'legacy')).toBe(code === -32002 ? -32602 : -32603)
      }),
    )
  })

  test('keeps any other code, and a stateless server keeps all of its own', () => {
    for (const code of [-32700, -32603, -32602, -32601, -32600, -31999, -32100, 1])
      expect(codeOf(code, 'legacy')).toBe(code)
    for (const code of [-32002, -32021, -32000]) expect(codeOf(code, 'modern')).toBe(code)
  })
})

test('server/discover returns the description of a session-based server, without tasks', () => {
  const serverDescription: JsonObject = {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {}, tasks: {}, extensions: { 'x/y': {} } },
    serverInfo: info,
    instructions: 'use it',
  }
  expect(discoverResult(rawObject(serverDescription), info).value).toEqual({
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {}, extensions: { 'x/y': {} } },
    instructions: 'use it',
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { 'io.modelcontextprotocol/serverInfo': info },
  })
})

test('server/discover returns the description of a stateless server unchanged', () => {
  const serverDescription = parseObject(
    '{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"extensions":{"io.modelcontextprotocol/tasks":{"n":1.0}}},"ttlMs":7,"cacheScope":"public"}',
  )
  assert(serverDescription)
  const { value, text } = discoverResult(serverDescription, undefined)
  expect(value).toEqual(serverDescription.value)
  expect(text).toContain('{"n":1.0}')
})
