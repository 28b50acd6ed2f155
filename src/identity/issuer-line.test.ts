import { describe, expect, test } from 'vitest'
import { readIssuerLine } from './issuer-line.ts'

test('a line says what is expected of the tokens of an issuer', () => {
  const line =
    'https://login.example.com/t/1 tenantClaim=org tenant=acme audience=mcplex jwks=https://keys.example.com/a algorithms=RS256+ES256'
  expect(readIssuerLine(line)).toEqual({
    issuer: 'https://login.example.com/t/1',
    audience: 'mcplex',
    tenantClaim: 'org',
    tenant: 'acme',
    jwks: 'https://keys.example.com/a',
    algorithms: ['RS256', 'ES256'],
  })
})

test('only algorithms with a key pair are accepted by default', () => {
  const { algorithms = [] } = readIssuerLine('http://127.0.0.1:9000') ?? {}
  expect(algorithms).toContain('RS256')
  expect(algorithms.filter((name) => name === 'none' || name.startsWith('HS'))).toEqual([])
})

describe('is no issuer', () => {
  test.each([
    '',
    'login.example.com',
    'http://login.example.com',
    'https://name:password@login.example.com',
    'https://login.example.com#x',
    'file:///etc/passwd',
    'https://login.example.com jwks=http://login.example.com/keys',
    'https://login.example.com algorithms=HS256',
    'https://login.example.com algorithms=none',
    'https://login.example.com tenant=a/b',
    'https://login.example.com tenant=a tenant=b',
    'https://login.example.com colour=red',
  ])('%j', (line) => expect(readIssuerLine(line)).toBeUndefined())
})
