import assert from 'node:assert/strict'
import { Client as SecondClient } from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { describe, expect, test } from 'vitest'
import { type JsonObject, parseObject, type RawObject, rawObject } from '../json-text.ts'
import { resultForRequest, resultForSession } from './results.ts'

const raw = (text: string): RawObject => {
  const object = parseObject(text)
  assert(object)
  return object
}
const call = (result: JsonObject, version: string): JsonObject =>
  resultForSession('tools/call', rawObject(result), version).value
const text = { type: 'text', text: 'a' }

describe('structured content for a client with a session', () => {
  test.each([
    [[1, 2], { result: [1, 2] }],
    ['a', { result: 'a' }],
    [0, { result: 0 }],
    [false, { result: false }],
    [null, { result: null }],
    [{ a: 1 }, { a: 1 }],
  ])('is wrapped if it is no object: %j', (structuredContent, seen) => {
    for (const version of ['2025-06-18', '2025-11-25'])
      expect(call({ content: [text], structuredContent }, version)).toEqual({
        content: [text],
        structuredContent: seen,
      })
  })

  test('is added as text if there is no text content', () => {
    expect(call({ content: [], structuredContent: [1] }, '2025-11-25')['content']).toEqual([
      { type: 'text', text: '[1]' },
    ])
    const given = raw('{"content":[],"structuredContent":{"n":1.0}}')
    expect(resultForSession('tools/call', given, '2025-03-26').text).toBe(
      '{"content":[{"type":"text","text":"{\\"n\\":1.0}"}]}',
    )
  })

  test('is left out for revisions without it, and existing text content stays unchanged', () => {
    const given = { content: [text], structuredContent: { a: 1 } }
    expect(call(given, '2025-03-26')).toEqual({ content: [text] })
  })

  test('keeps the digits of a wrapped value', () => {
    const given = raw('{"content":[1],"structuredContent":[12345678901234567890,1.0]}')
    expect(resultForSession('tools/call', given, '2025-11-25').text).toBe(
      '{"content":[1],"structuredContent":{"result":[12345678901234567890,1.0]}}',
    )
  })

  test('is the same object if there is nothing to change', () => {
    const given = rawObject({ content: [text], structuredContent: {} })
    expect(resultForSession('tools/call', given, '2025-11-25')).toBe(given)
    expect(resultForSession('resources/list', given, '2024-11-05')).toBe(given)
  })
})

describe('a list of tools', () => {
  const list = raw(
    '{"tools":[{"name":"a","inputSchema":{"type":"object","maxProperties":1.0}},' +
      '{"name":"b","inputSchema":{"type":"object","properties":{"x":true}},"outputSchema":{"type":"array"}}]}',
  )

  test('has output schemas with an object at the root for clients that know output schemas, and none for others', () => {
    const seen = resultForSession('tools/list', list, '2025-11-25')
    expect(seen.text).toContain('{"name":"a","inputSchema":{"type":"object","maxProperties":1.0}}')
    expect(seen.value).toMatchObject({
      tools: [{}, { outputSchema: { type: 'object', properties: { result: { type: 'array' } } } }],
    })
    expect(seen.value).toHaveProperty('tools.1.inputSchema', { type: 'object', properties: { x: {} } })
    expect(resultForSession('tools/list', list, '2025-03-26').text).not.toContain('outputSchema')
  })

  test('does not mention tasks to clients without sessions', () => {
    const given = raw('{"tools":[{"name":"a","execution":{"taskSupport":"optional"},"n":1.0},{"name":"b","n":1.0}]}')
    expect(resultForRequest('tools/list', given).text).toBe('{"tools":[{"name":"a","n":1.0},{"name":"b","n":1.0}]}')
    const plain = raw('{"tools":[{"name":"b"}]}')
    expect(resultForRequest('tools/list', plain)).toBe(plain)
  })
})

test('a tool result without content gets an empty list', () => {
  expect(resultForRequest('tools/call', raw('{"structuredContent":{"n":1.0}}')).text).toBe(
    '{"structuredContent":{"n":1.0},"content":[]}',
  )
  const given = rawObject({ content: [] })
  expect(resultForRequest('tools/call', given)).toBe(given)
})

type Told = Readonly<Record<string, RawObject>>

/** A server that answers the handshake and returns these results. */
function serverOf(results: Told): Transport {
  const transport: Transport = {
    start: () => Promise.resolve(),
    close: () => Promise.resolve(),
    send(message) {
      if (!('id' in message) || !('method' in message)) return Promise.resolve()
      const protocolVersion = '2025-11-25'
      const serverDescription = {
        protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 's', version: '1' },
      }
      const result = message.method === 'initialize' ? serverDescription : (results[message.method]?.value ?? {})
      transport.onmessage?.({ jsonrpc: '2.0', id: message.id, result })
      return Promise.resolve()
    },
  }
  return transport
}

/** Clients of both official libraries, which validate results. */
const clients = {
  first: async (results: Told): Promise<Client> => {
    const client = new Client({ name: 'c', version: '1' })
    await client.connect(serverOf(results))
    return client
  },
  second: async (results: Told): Promise<SecondClient> => {
    const client = new SecondClient({ name: 'c', version: '1' })
    await client.connect(serverOf(results))
    return client
  },
}

describe.each(['first', 'second'] as const)('a client of the %s official library', (library) => {
  test.each([
    [{ type: 'array', items: { $ref: '#/$defs/n' }, $defs: { n: { type: 'number' } } }, [1, 2], { result: [1, 2] }],
    [{ type: ['object', 'null'] }, null, { result: null }],
    [{ type: ['object', 'null'], required: ['a'] }, { a: 1 }, { a: 1 }],
    [{ anyOf: [{ type: 'object' }, { type: 'object' }] }, {}, {}],
    [{}, 0, { result: 0 }],
  ])('takes what fits %j', async (outputSchema, structuredContent, seen) => {
    const tool = { name: 't', inputSchema: { type: 'object' }, outputSchema } as JsonObject
    const client = await clients[library]({
      'tools/list': resultForSession('tools/list', rawObject({ tools: [tool] }), '2025-11-25'),
      'tools/call': resultForSession('tools/call', rawObject({ content: [], structuredContent }), '2025-11-25'),
    })
    await client.listTools()
    expect((await client.callTool({ name: 't' })).structuredContent).toEqual(seen)
    await client.close()
  })

  test('refuses a result that does not match', async () => {
    const tool = {
      name: 't',
      inputSchema: { type: 'object' },
      outputSchema: { type: 'array', items: { type: 'number' } },
    }
    const client = await clients[library]({
      'tools/list': resultForSession('tools/list', rawObject({ tools: [tool] }), '2025-11-25'),
      'tools/call': resultForSession('tools/call', rawObject({ content: [], structuredContent: ['a'] }), '2025-11-25'),
    })
    await client.listTools()
    await expect(client.callTool({ name: 't' })).rejects.toThrow(/does not match/)
    await client.close()
  })
})
