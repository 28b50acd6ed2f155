import { expect, test } from 'vitest'
import { endpointEvent, sessionIdIn } from './http-sse.ts'

const addressIn = (event: string): string => /^data: (.*)$/m.exec(event)?.[1] ?? ''

test.each([
  ['http://localhost:8080/sse', 'http://localhost:8080/messages'],
  ['https://example.com/tools/files/sse?key=1', 'https://example.com/tools/files/messages'],
  ['http://localhost:8080/sse/github', 'http://localhost:8080/messages/github', 'github'],
  ['https://example.com/tools/sse/a_b-C?key=1', 'https://example.com/tools/messages/a_b-C', 'a_b-C'],
])('a client that listens at %s POSTs to %s', (stream, messages, endpoint = '') => {
  const address = new URL(addressIn(endpointEvent('Az09-_', 'name', endpoint)), stream)
  expect(`${address.origin}${address.pathname}`).toBe(messages)
  expect(sessionIdIn(address.search.slice(1))).toBe('Az09-_')
})

test('the session id is found among other parameters, and is undefined if missing', () => {
  expect(sessionIdIn('key=1&sessionId=a%2Db&x=')).toBe('a-b')
  expect(sessionIdIn('sessionid=a')).toBeUndefined()
  expect(sessionIdIn('sessionId=a&sessionId=b'), 'which of them?').toBeUndefined()
  expect(sessionIdIn(undefined)).toBeUndefined()
})
