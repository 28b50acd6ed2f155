import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Refusal } from '../base/refusal.ts'
import { decodeHeader, headerMatches, headerParams } from './headers.ts'
import { readMessage, type RequestMessage } from './jsonrpc.ts'
import { encodeHeader, sessionHeaders, standaloneHeaders } from './request-headers.ts'

const key = 'io.modelcontextprotocol/protocolVersion'

function request(method: string, params: object = {}, version: unknown = '2026-07-28'): RequestMessage {
  const value = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: { [key]: version } } }
  const message = readMessage(JSON.stringify(value), value)
  if (message.kind !== 'request') throw new Error('no request')
  return message
}

test('an encoded header value is decoded to the same text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const value = encodeHeader(text)
      expect(value).toMatch(/^[\t\x20-\x7e]*$/)
      expect(decodeHeader(value)).toBe(text)
    }),
  )
})

describe('the headers of a stateless request', () => {
  test('name its version, method and name', () => {
    expect(standaloneHeaders(request('resources/read', { uri: 'test://é' }), [])).toEqual({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'resources/read',
      'mcp-name': encodeHeader('test://é'),
    })
    expect(standaloneHeaders(request('tools/list'), [])).not.toHaveProperty('mcp-name')
  })

  test('mirror the annotated arguments of the tool that are present', () => {
    const marked = (name: string): { 'x-mcp-header': string } => ({ 'x-mcp-header': name })
    const schema = {
      properties: { region: marked('Region'), deep: { properties: { count: marked('Count') } }, absent: marked('No') },
    }
    const params = headerParams(schema)
    const args = { region: ' südwest', deep: { count: 7 }, absent: null }
    const headers = standaloneHeaders(request('tools/call', { name: 'x', arguments: args }), params)
    for (const param of params) expect(headerMatches(param, args, headers[param.header])).toBe(true)
    expect(headers).toMatchObject({ 'mcp-param-count': '7' })
    expect(headers).not.toHaveProperty('mcp-param-no')
  })

  test.each([
    ['tools/list', 'a\r\nb', 'unsupported_version'],
    ['tools/list', 7, 'request_metadata_missing'],
    ['a\nb', '2026-07-28', 'method_not_found'],
    ['é', '2026-07-28', 'method_not_found'],
  ])('%j of version %j is refused before it could break a header', (method, version, code) => {
    expect(() => standaloneHeaders(request(method, {}, version), [])).toThrow(
      expect.objectContaining({ code }) as Refusal,
    )
  })
})

test('the headers of a session’s message are its id and version, or the version alone without an id', () => {
  expect(sessionHeaders('s', '2025-06-18')).toEqual({ 'mcp-session-id': 's', 'mcp-protocol-version': '2025-06-18' })
  expect(sessionHeaders(undefined, '2025-06-18')).toEqual({ 'mcp-protocol-version': '2025-06-18' })
})
