import { describe, expect, test } from 'vitest'
import { createTenantView, idlePatterns, membersOfTenant, endpointDecision, type TenantView } from './tenant-view.ts'

const none = { upstreams: [], tools: [], prompts: [], resources: [], aliases: {}, all: ['github', 'files'] }
const viewOf = (given: Partial<TenantView>): TenantView => ({ ...none, ...given })
const view = (given: Partial<TenantView>): ReturnType<typeof createTenantView> => createTenantView(viewOf(given))

test('nothing is allowed that no pattern names', () => {
  const nothing = view({})
  expect(membersOfTenant(viewOf({}))).toEqual([])
  expect([nothing.seesTool('github', 'x'), nothing.seesPrompt('github', 'x')]).toEqual([false, false])
  expect(nothing.seesResource('github', 'a://b')).toBe(false)
})

test('an upstream is allowed with all that it has; other lists narrow it down', () => {
  const all = view({ upstreams: ['github'] })
  expect([all.seesTool('github', 'x'), all.seesPrompt('github', 'x'), all.seesResource('github', 'a://b')]).toEqual([
    true,
    true,
    true,
  ])
  expect(membersOfTenant(viewOf({ upstreams: ['*', '!files'] }))).toEqual(['github'])
  const some = view({ upstreams: ['*'], tools: ['*', '!github__delete_*'], prompts: ['!*'] })
  expect([some.seesTool('github', 'delete_repo'), some.seesTool('files', 'delete_repo')]).toEqual([false, true])
  expect([some.seesPrompt('files', 'x'), some.seesResource('files', 'a://b')]).toEqual([false, true])
})

test('tools alone allow no prompts and no resources, and only their servers', () => {
  const given = { tools: ['github__get_*'] }
  expect(membersOfTenant(viewOf(given))).toEqual(['github'])
  const tools = view(given)
  expect([tools.seesTool('github', 'get_issue'), tools.seesTool('github', 'delete')]).toEqual([true, false])
  expect([tools.seesPrompt('github', 'get_x'), tools.seesResource('github', 'a://b')]).toEqual([false, false])
  // A name without the server is no name of /mcp, where there are several.
  expect(view({ tools: ['get_*'] }).seesTool('github', 'get_issue')).toBe(false)
  expect(view({ all: ['github'], tools: ['get_*'] }).seesTool('github', 'get_issue')).toBe(true)
})

describe('a hidden resource', () => {
  const hiding = view({ upstreams: ['files'], resources: ['*', '!mcplex://files/file:///secret/*'] })

  test.each([
    'file:///secret/a',
    'file:///secret%2Fa',
    'file:///%73ecret/a',
    'file:///x/../secret/a',
    'file:///x/%2E%2E/secret/a',
    'FILE:///secret/a',
    'file:///./secret/a',
    'file:///x/../secret/a#{',
    'file:///x/%2e%2e/secret/a?{',
    'file:///s%65cret/a?%ff',
    'file:///s%65cret/a?%',
    'file:////secret/a',
    'file:///x/..//secret/a',
    'file:///x//../secret/a',
    'file://anyhost/secret/a',
    'file:/secret/a',
  ])('is hidden as %s', (uri) => {
    expect(hiding.seesResource('files', uri)).toBe(false)
  })

  test('hides no other one, and a pattern for the own URI hides as well', () => {
    expect(hiding.seesResource('files', 'file:///open/a%20b')).toBe(true)
    expect(view({ upstreams: ['*'], resources: ['!file:///*'] }).seesResource('files', 'file:///a')).toBe(false)
  })

  test('may be a template, by its text', () => {
    expect(hiding.seesTemplate('files', 'file:///secret/{name}')).toBe(false)
    expect(hiding.seesTemplate('files', 'file:///open/../secret/{name}')).toBe(false)
    expect(hiding.seesTemplate('files', 'file:///open/{+name}{?Query}')).toBe(true)
  })

  test.each(['notes://VAULT/a', 'notes://u@vault/a', 'notes://vault:1/a', 'NOTES://vault//a', 'notes://vault/a?b'])(
    'is hidden as %s, of any scheme',
    (uri) => {
      expect(view({ upstreams: ['*'], resources: ['!notes://vault/a'] }).seesResource('files', uri)).toBe(false)
    },
  )
})

test('what is allowed of resources is allowed in each spelling', () => {
  const open = view({ upstreams: ['files'], resources: ['mcplex://files/file:///open/*'] })
  expect(open.seesResource('files', 'file:///open/a b')).toBe(true)
  expect(open.seesResource('files', 'file:///open/a%20b')).toBe(true)
  expect(open.seesResource('files', 'file:///open/%2E%2E/secret')).toBe(false)
  for (const uri of ['open/../x#{', 'open/../x?{', 'open/%2e%2e/x#{', 'open/..%2fx?%', 'open//../../x', 'open//../x'])
    expect(open.seesResource('files', `file:///${uri}`), uri).toBe(false)
  // Braces are in no URI, so servers differ in what they make of them.
  expect(open.seesResource('files', 'file:///open/{x}')).toBe(false)
  const hosts = view({
    upstreams: ['files'],
    resources: ['mcplex://files/file://Host/a*', 'mcplex://files/x:/https://b?*'],
  })
  expect([hosts.seesResource('files', 'file://Host/a'), hosts.seesResource('files', 'x:/https://b?c')]).toEqual([
    false,
    true,
  ])
})

test('endpoints are named by name or path, and all are allowed if none is named', () => {
  expect(endpointDecision({ endpoints: [] }, '').isAllowed).toBe(true)
  expect(['', 'a', 'b'].map((name) => endpointDecision({ endpoints: ['/mcp', 'a'] }, name))).toEqual([
    { isAllowed: true, pattern: '/mcp' },
    { isAllowed: true, pattern: 'a' },
    { isAllowed: false, pattern: undefined },
  ])
  expect(endpointDecision({ endpoints: ['/mcp/*'] }, '').isAllowed).toBe(false)
})

test('patterns', () => {
  expect(idlePatterns(['a*', '!zz', 'q'], [['ab'], ['x', 'zz']])).toEqual(['q'])
})

test('names and URIs of megabytes are hidden, and not compared with patterns', () => {
  const some = view({ upstreams: ['*'], tools: ['*', '!*a*b*c'], resources: ['!*a*b*c'] })
  const huge = 'a'.repeat(4 * 1024 ** 2)
  expect([some.seesTool('files', huge), some.seesPrompt('files', huge)]).toEqual([false, true])
  expect(some.seesResource('files', `file:///${huge}`)).toBe(false)
})
