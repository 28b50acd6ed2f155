import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isModernMessage } from './classify.ts'
import type { JsonObject } from './json-text.ts'
import { type Message, readMessage } from './jsonrpc.ts'
import { headerlessVersion, metaKeys, modernVersion, newestLegacy } from './revisions.ts'

const method = fc.oneof(fc.constantFrom('tools/call', 'ping', 'notifications/cancelled'), fc.string())
const header = fc.oneof(
  fc.constantFrom(undefined, newestLegacy, headerlessVersion, '1999-01-01', '', 'x'),
  fc.constantFrom(modernVersion, ` ${modernVersion} `),
)
const isModern = (version: string | undefined): boolean => version?.trim() === modernVersion
const otherMeta = fc.constantFrom<JsonObject>({}, { progressToken: 1 }, { [`x${metaKeys.version}`]: modernVersion })

function messageOf(value: JsonObject): Message {
  const text = JSON.stringify({ jsonrpc: '2.0', ...value })
  const message = readMessage(text, JSON.parse(text))
  if (message.kind === 'malformed') throw new Error(`not a message: ${text}`)
  return message
}

const idOrNone = fc.constantFrom<JsonObject>({}, { id: 1 })

test('a message with a version in its metadata is stateless, whatever the version and the header', () => {
  const version = fc.oneof(fc.constantFrom<string | number>(modernVersion, '2025-11-25', 7), fc.string())
  fc.assert(
    fc.property(method, version, header, otherMeta, idOrNone, (name, said, head, meta, id) => {
      const message = messageOf({ ...id, method: name, params: { _meta: { ...meta, [metaKeys.version]: said } } })
      expect(isModernMessage(message, head)).toBe(true)
    }),
  )
})

test('a message without one follows the header, and without a header is session-based', () => {
  const params = fc.oneof(
    fc.constant<JsonObject>({}),
    otherMeta.map((meta): JsonObject => ({ params: { _meta: meta } })),
    fc.constantFrom<JsonObject>({ params: { _meta: null } }, { params: { _meta: [metaKeys.version] } }, { params: {} }),
  )
  fc.assert(
    fc.property(method, params, header, idOrNone, (name, rest, head, id) => {
      fc.pre(name !== 'initialize')
      expect(isModernMessage(messageOf({ ...id, method: name, ...rest }), head)).toBe(isModern(head))
    }),
  )
})

test('initialize opens a session, even under the header of a stateless revision', () => {
  fc.assert(
    fc.property(header, (head) => {
      expect(isModernMessage(messageOf({ id: 1, method: 'initialize', params: {} }), head)).toBe(false)
    }),
  )
})

test('a response follows the header: it has no metadata of its own', () => {
  fc.assert(
    fc.property(header, (head) => {
      const message = messageOf({ id: 1, result: { _meta: { [metaKeys.version]: modernVersion } } })
      expect(isModernMessage(message, head)).toBe(isModern(head))
    }),
  )
})
