import { expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import { credentialsOf } from './credentials.ts'

type Headers = Readonly<Record<string, string>>

const key = 'mcpx_abcdefghij01_secret'

test.each<[string, Headers, string, object]>([
  ['nothing', {}, '', { fault: 'missing' }],
  ['a bearer token', { authorization: 'Bearer abc.DEF-1_~+/==' }, '', { token: 'abc.DEF-1_~+/==' }],
  ['the scheme in other letters', { authorization: 'bEARER abc' }, '', { token: 'abc' }],
  ['several blanks', { authorization: 'Bearer   abc ' }, '', { token: 'abc' }],
  ['the header of keys', { 'x-api-key': 'abc' }, '', { token: 'abc' }],
  ['an empty header of keys', { 'x-api-key': '' }, '', { fault: 'missing' }],
  ['both headers', { authorization: 'Bearer abc', 'x-api-key': 'abc' }, '', { fault: 'several' }],
  ['a password', { authorization: 'Basic YWxhZGRpbjpvcGVu' }, '', { fault: 'not_bearer' }],
  ['two tokens', { authorization: 'Bearer abc, Bearer def' }, '', { fault: 'not_bearer' }],
  ['a token with a blank', { authorization: 'Bearer a b' }, '', { fault: 'not_bearer' }],
  ['no token', { authorization: 'Bearer' }, '', { fault: 'not_bearer' }],
  ['a token in the address', {}, 'access_token=abc', { fault: 'in_address' }],
  ['a token in the address as well', { authorization: 'Bearer abc' }, 'a=1&Access_Token=x', { fault: 'in_address' }],
  ['a key in the address', { authorization: 'Bearer abc' }, 'api_key=x', { fault: 'in_address' }],
  ['a key under any name in the address', { authorization: 'Bearer abc' }, `x=${key}`, { fault: 'in_address' }],
  ['another parameter', { authorization: 'Bearer abc' }, 'sessionId=x', { token: 'abc' }],
])('%s', (_, headers, query, found) => {
  const inbound = {
    method: 'POST',
    path: '/mcp',
    query,
    headers,
    connection: 'c',
    body: async () => '',
    closed: new Cancel(),
  }
  expect(credentialsOf(inbound)).toEqual(found)
})
