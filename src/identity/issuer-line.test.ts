import { describe, expect, test } from 'vitest'
import { readIssuerLine, secretInIssuerLine } from './issuer-line.ts'

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
    introspection: undefined,
  })
})

test('a line says where mcplex asks what tokens are, and as whom', () => {
  const asked = 'https://a.example introspection=https://a.example/ask clientId=mcplex clientSecret=x+y'
  const place = { url: 'https://a.example/ask', clientId: 'mcplex', clientSecret: 'x+y' }
  expect(readIssuerLine(asked)?.introspection).toEqual({ ...place, rememberMs: 60_000 })
  expect(readIssuerLine(`${asked} remember=5s`)?.introspection).toEqual({ ...place, rememberMs: 5000 })
  expect(secretInIssuerLine(`${asked} colour=red`)).toBe('x+y')
  expect(secretInIssuerLine('https://a.example')).toBeUndefined()
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
    'https://login.example.com introspection=https://login.example.com/ask',
    'https://login.example.com introspection=https://login.example.com/ask clientId=a',
    'https://login.example.com clientId=a clientSecret=b',
    'https://login.example.com remember=5s',
    'https://login.example.com introspection=http://login.example.com/ask clientId=a clientSecret=b',
    'https://a.example introspection=https://a.example/ask clientId=a clientSecret=b remember=0s',
    'https://a.example introspection=https://a.example/ask clientId=a clientSecret=b remember=301s',
    'https://a.example introspection=https://a.example/ask clientId=a clientSecret=b jwks=https://a.example/keys',
    'https://a.example introspection=https://a.example/ask clientId=a clientSecret=b algorithms=RS256',
  ])('%j', (line) => expect(readIssuerLine(line)).toBeUndefined())
})
