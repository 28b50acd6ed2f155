import { expect, test } from 'vitest'
import { authWarnings } from './auth-warnings.ts'
import type { ProvidedSettings, ProvidedValue } from './provided.ts'

const valueOf = (value: unknown): ProvidedValue => ({ value, where: 'here', quote: 'it' })

function messagesOf(values: Readonly<Record<string, unknown>>, tenants: readonly string[] = []): readonly string[] {
  const upstream = { kind: 'stdio', where: 'upstreams.a', values: new Map() } as const
  const provided: ProvidedSettings = {
    values: new Map(Object.entries(values).map(([key, value]) => [key, valueOf(value)] as const)),
    upstreams: new Map([
      ['files', upstream],
      ['github', upstream],
    ]),
    endpoints: new Map(),
    tenants: new Map(tenants.map((name) => [name, new Map()] as const)),
  }
  return authWarnings(provided).map(({ message }) => message)
}

test('tenants have no callers without auth, but for the tenant default', () => {
  const message = 'tenants.acme has no callers: without auth, all callers are of the tenant default'
  expect(messagesOf({}, ['default', 'acme'])).toEqual([message])
  expect(messagesOf({ 'auth.methods': ['none'] }, ['acme'])).toEqual([message])
  expect(messagesOf({}, ['default'])).toEqual([])
  expect(messagesOf({ 'auth.methods': ['keys'] }, ['acme'])).toEqual([])
})

test('scopes of tools and servers that are not there are named', () => {
  const scopes = ['mcp:x upstream:githib tool:github__*', 'mcp:y upstream:files tool:search__find tools/list']
  expect(messagesOf({ 'auth.scopes': scopes })).toEqual([
    'auth.scopes: "upstream:githib" is of no upstream',
    'auth.scopes: "tool:search__find" is of no upstream',
  ])
})
