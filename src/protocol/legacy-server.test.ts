import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import type { Outcome, ClientDescription } from './call.ts'
import { type JsonObject, parseObject, rawObject } from './json-text.ts'
import { errorAnswer } from './jsonrpc.ts'
import { initializeResult, encodeLegacyAnswer } from './legacy-server.ts'

const gave = (text: string, era: Outcome['era'] = 'modern'): Outcome => {
  const result = parseObject(text)
  assert(result)
  return { answer: { kind: 'result', result }, era: era, worker: undefined }
}
const failed = (code: number, data?: JsonObject, era: Outcome['era'] = 'modern'): Outcome => ({
  answer: errorAnswer(code, 'its words', data),
  era: era,
  worker: undefined,
})
const textOf = (outcome: Outcome, method: string, version: string): string => {
  const answer = encodeLegacyAnswer(outcome, method, version)
  return answer.kind === 'result' ? answer.result.text : answer.error.text
}
const link = '{"content":[{"type":"resource_link","uri":"file:///a","name":"a"}],"structuredContent":{"n":1.0}}'

describe('an answer of a session-based server', () => {
  test('is forwarded unchanged to clients of the newest of these revisions', () => {
    for (const version of ['2025-06-18', '2025-11-25']) {
      const outcome = gave(link, 'legacy')
      expect(encodeLegacyAnswer(outcome, 'tools/call', version)).toBe(outcome.answer)
    }
  })

  test('loses only content that an older client cannot read', () => {
    expect(textOf(gave(link, 'legacy'), 'tools/call', '2025-03-26')).toBe(
      '{"content":[{"type":"text","text":"a\\nfile:///a"}],"structuredContent":{"n":1.0}}',
    )
  })

  test('that is an error is forwarded unchanged', () => {
    for (const code of [-32002, -32042, -32602]) {
      const outcome = failed(code, { uri: 'u' }, 'legacy')
      expect(encodeLegacyAnswer(outcome, 'resources/read', '2024-11-05')).toBe(outcome.answer)
    }
  })
})

describe('an answer of a stateless server', () => {
  test('loses the members that only the stateless revision has', () => {
    const outcome = gave(
      '{"resultType":"complete","ttlMs":5,"cacheScope":"public","contents":[1.0],"_meta":{"io.modelcontextprotocol/serverInfo":{},"own":1.0}}',
    )
    expect(textOf(outcome, 'resources/read', '2025-11-25')).toBe('{"contents":[1.0],"_meta":{"own":1.0}}')
    const named = gave('{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{}}}')
    expect(textOf(named, 'completion/complete', '2025-11-25')).toBe('{}')
  })

  test('has objects where these revisions require them, and no content unknown to an older client', () => {
    const outcome = gave('{"resultType":"complete","content":[],"structuredContent":[1.0]}')
    expect(textOf(outcome, 'tools/call', '2025-11-25')).toContain('"structuredContent":{"result":[1.0]}')
    expect(textOf(gave(link), 'tools/call', '2025-03-26')).toBe('{"content":[{"type":"text","text":"a\\nfile:///a"}]}')
  })

  test('that requests input is not supported, and one of an unknown result type is not valid', () => {
    const refusalOf = (type: string): unknown => {
      try {
        return encodeLegacyAnswer(gave(`{"resultType":"${type}"}`), 'tools/call', '2025-11-25')
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(refusalOf('input_required')).toBe('not_supported_by_client_revision')
    expect(refusalOf('task')).toBe('upstream_invalid')
    expect(refusalOf('later')).toBe('upstream_invalid')
  })

  test('about a missing capability becomes an error that names the capability', () => {
    const text = textOf(failed(-32021, { requiredCapabilities: { sampling: {} } }), 'tools/call', '2025-11-25')
    expect(JSON.parse(text)).toMatchObject({
      code: -32602,
      message: expect.stringContaining('sampling') as string,
      data: { requiredCapabilities: { sampling: {} } },
    })
  })

  test('about a wrong header or version becomes an internal error, because mcplex wrote them', () => {
    for (const code of [-32020, -32022])
      expect(JSON.parse(textOf(failed(code), 'tools/call', '2025-11-25'))).toMatchObject({ code: -32603 })
  })

  test('about a missing resource has the code of these revisions', () => {
    const error = (outcome: Outcome, method: string): unknown => JSON.parse(textOf(outcome, method, '2025-11-25'))
    expect(error(failed(-32602, { uri: 'u' }), 'resources/read')).toEqual({
      code: -32002,
      message: 'its words',
      data: { uri: 'u' },
    })
    expect(error(failed(-32602), 'resources/read')).toMatchObject({ code: -32602 })
    expect(error(failed(-32602, { uri: 'u' }), 'tools/call')).toMatchObject({ code: -32602 })
  })
})

describe('the handshake with a client', () => {
  const client = (version: string, capabilities: JsonObject = {}): ClientDescription => ({
    era: 'legacy',
    version,
    capabilities,
    info: undefined,
  })
  const resultOf = (serverDescription: JsonObject, description: ClientDescription): JsonObject => {
    const answer = initializeResult(rawObject(serverDescription), description)
    assert(answer.kind === 'result')
    return answer.result.value
  }

  test('returns the description of a session-based server, in the version of the client', () => {
    const serverDescription = {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {}, completions: {} },
      serverInfo: { name: 's', version: '1' },
    }
    expect(resultOf(serverDescription, client('2024-11-05'))).toEqual({
      ...serverDescription,
      protocolVersion: '2024-11-05',
    })
  })

  test('returns the part of a stateless server’s description that these revisions know', () => {
    const serverDescription = {
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {}, completions: {}, extensions: { a: {} } },
      instructions: 'use it',
      ttlMs: 1,
      cacheScope: 'public',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's', title: 'S' } },
    }
    expect(resultOf(serverDescription, client('2024-11-05'))).toEqual({
      protocolVersion: '2024-11-05',
      capabilities: { tools: {} },
      instructions: 'use it',
      serverInfo: { name: 's', title: 'S', version: 'unknown' },
    })
    expect(resultOf(serverDescription, client('2025-11-25', { extensions: {} }))['capabilities']).toEqual(
      serverDescription.capabilities,
    )
  })
})
