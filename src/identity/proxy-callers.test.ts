import { expect, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import { systemClock as clock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { silentLog as log } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import type { Principal } from '../protocol/call.ts'
import type { Inbound } from '../protocol/inbound.ts'
import { newApiKey } from './api-key.ts'
import { createIdentity, type Identity } from './identity.ts'
import { writeKeyLine } from './key-record.ts'
import type { AuthSettings } from './options.ts'
import { ProxyCallers, type ProxySettings } from './proxy-callers.ts'

const proxy = '10.0.0.7'
const secret = 'a-secret-of-the-proxy'
const settings: ProxySettings = {
  proxyFrom: [proxy],
  proxySecret: undefined,
  proxySecretHeader: 'x-mcplex-proxy-secret',
  proxyUserHeader: 'x-forwarded-user',
  proxyTenantHeader: undefined,
  proxyTenant: undefined,
  proxyScopesHeader: undefined,
}
const inbound = (headers: Inbound['headers'], remoteAddress: string | undefined = proxy): Inbound => ({
  method: 'POST',
  path: '/mcp',
  headers,
  connection: 'c',
  remoteAddress,
  body: () => Promise.reject(new Error('the body is not to be read')),
  closed: new Cancel(),
})
const faultOf = (more: Partial<ProxySettings>, headers: Inbound['headers'], from?: string): string => {
  const decision = new ProxyCallers({ ...settings, ...more }).check(inbound(headers, from))
  return 'fault' in decision ? decision.fault : 'none'
}

test('a trusted peer says who is calling', () => {
  const callers = new ProxyCallers(settings)
  expect(callers.check(inbound({ 'x-forwarded-user': 'ann@example.com' }))).toEqual({
    principal: { tenant: 'default', subject: 'ann@example.com', issuer: 'proxy' },
  })
})

test('tenant and scopes come from headers if they are told so', () => {
  const callers = new ProxyCallers({ ...settings, proxyTenantHeader: 'x-org', proxyScopesHeader: 'x-groups' })
  const headers = { 'x-forwarded-user': 'ann', 'x-org': 'acme', 'x-groups': 'mcp:tools,mcp:admin  x' }
  expect(callers.check(inbound(headers))).toEqual({
    principal: { tenant: 'acme', subject: 'ann', issuer: 'proxy', scopes: ['mcp:tools', 'mcp:admin', 'x'] },
  })
  expect(callers.check(inbound({ ...headers, 'x-groups': undefined }))).toMatchObject({ principal: { scopes: [] } })
})

test.each<[string, Partial<ProxySettings>, Inbound['headers'], string?]>([
  ['untrusted_peer', {}, { 'x-forwarded-user': 'ann' }, '10.0.0.8'],
  ['untrusted_peer', {}, { 'x-forwarded-user': 'ann' }, '127.0.0.1'],
  ['untrusted_peer', {}, { 'x-forwarded-user': 'ann' }, 'unix'],
  ['missing', {}, {}, '10.0.0.8'],
  ['no_user_header', {}, {}],
  ['no_user_header', {}, { 'x-forwarded-user': '' }],
  ['no_user_header', {}, { 'x-auth-request-user': 'ann' }],
  ['several_values', {}, { 'x-forwarded-user': 'ann, bob' }],
  ['several_values', {}, { 'x-forwarded-user': 'ann,bob' }],
  ['several_values', {}, { 'x-forwarded-user': ['ann', 'bob'] }],
  ['several_values', {}, { 'x-forwarded-user': ',' }],
  ['malformed_header', {}, { 'x-forwarded-user': ' ann' }],
  ['malformed_header', {}, { 'x-forwarded-user': 'ann\u00e9' }],
  ['malformed_header', {}, { 'x-forwarded-user': 'ann\tx' }],
  ['malformed_header', {}, { 'x-forwarded-user': 'a'.repeat(257) }],
  ['no_tenant', { proxyTenantHeader: 'x-org' }, { 'x-forwarded-user': 'ann' }],
  ['none', { proxyTenantHeader: 'x-org', proxyTenant: 'acme' }, { 'x-forwarded-user': 'ann' }],
  ['malformed_header', { proxyTenantHeader: 'x-org' }, { 'x-forwarded-user': 'ann', 'x-org': '../x' }],
  ['several_values', { proxyTenantHeader: 'x-org' }, { 'x-forwarded-user': 'ann', 'x-org': 'a, b' }],
  ['malformed_header', { proxyScopesHeader: 'x-groups' }, { 'x-forwarded-user': 'ann', 'x-groups': 'a"b' }],
])('%s with %j for %j from %j', (fault, more, headers, from) => {
  expect(faultOf(more, headers, from)).toBe(fault)
})

test('a peer whose address is not known is not trusted', () => {
  const callers = new ProxyCallers(settings)
  expect(callers.check({ ...inbound({ 'x-forwarded-user': 'ann' }), remoteAddress: undefined })).toEqual({
    fault: 'untrusted_peer',
  })
})

test('a secret is asked for, in place of the address or beside it', () => {
  const user = { 'x-forwarded-user': 'ann' }
  const right = { ...user, 'x-mcplex-proxy-secret': secret }
  const alone = { proxyFrom: [], proxySecret: secret }
  expect(faultOf(alone, right, '192.0.2.1')).toBe('none')
  expect(faultOf(alone, user)).toBe('untrusted_peer')
  expect(faultOf(alone, { ...user, 'x-mcplex-proxy-secret': '' })).toBe('untrusted_peer')
  expect(faultOf(alone, { ...user, 'x-mcplex-proxy-secret': `${secret}x` })).toBe('wrong_proxy_secret')
  expect(faultOf(alone, { ...user, 'x-mcplex-proxy-secret': `${secret}, ${secret}` })).toBe('wrong_proxy_secret')
  expect(faultOf({ proxySecret: secret }, right)).toBe('none')
  expect(faultOf({ proxySecret: secret }, right, '10.0.0.8')).toBe('untrusted_peer')
  expect(faultOf({ proxySecret: secret }, user)).toBe('untrusted_peer')
})

test('without any trust, nobody is trusted', () => {
  expect(faultOf({ proxyFrom: [] }, { 'x-forwarded-user': 'ann', 'x-mcplex-proxy-secret': secret })).toBe(
    'untrusted_peer',
  )
})

const none: AuthSettings = {
  ...settings,
  methods: ['proxy'],
  keysFile: undefined,
  keys: [],
  issuers: [],
  publicUrl: undefined,
  scopes: [],
}

function identityOf(more: Partial<AuthSettings>): { identity: Identity; reasons: string[]; ids: unknown[] } {
  const events = createEvents()
  const reasons: string[] = []
  const ids: unknown[] = []
  events.on('authDecision', ({ method, reason, requestId }) => {
    reasons.push(`${method} ${reason}`)
    ids.push(requestId)
  })
  const all = { ...none, ...more }
  return { identity: createIdentity({ settings: all, clock, log, events, changed() {} }), reasons, ids }
}

async function principalOf(identity: Identity, headers: Inbound['headers'], from?: string): Promise<Principal> {
  return identity.authenticate(inbound(headers, from))
}

test('beside keys, a request that no proxy vouches for needs a key of its own', async () => {
  const { id, hash, text } = newApiKey()
  const keys = [writeKeyLine({ id, hash, tenant: 'acme', subject: 'bob' })]
  const { identity, reasons } = identityOf({ methods: ['keys', 'proxy'], keys })
  const user = { 'x-forwarded-user': 'ann' }
  expect(await principalOf(identity, user)).toMatchObject({ subject: 'ann', issuer: 'proxy' })
  // What a stranger says of itself changes nothing about whose key it has.
  expect(await principalOf(identity, { ...user, 'x-api-key': text }, '10.0.0.8')).toMatchObject({ subject: 'bob' })
  expect(await principalOf(identity, { 'x-api-key': text })).toMatchObject({ subject: 'bob', issuer: 'keys' })
  await expect(principalOf(identity, user, '10.0.0.8')).rejects.toThrow(Refusal)
  await expect(principalOf(identity, {}, '10.0.0.8')).rejects.toThrow(Refusal)
  await expect(principalOf(identity, {})).rejects.toThrow(Refusal)
  // A fault of the proxy is no reason to look for other credentials.
  await expect(principalOf(identity, { 'x-forwarded-user': 'a,b', 'x-api-key': text })).rejects.toThrow(Refusal)
  expect(reasons).toEqual([
    'proxy ok',
    'keys ok',
    'keys ok',
    'proxy untrusted_peer',
    'none missing',
    'proxy no_user_header',
    'proxy several_values',
  ])
})

test('the refusal has the id that the log has', async () => {
  const { identity, ids } = identityOf({})
  const refusal: unknown = await principalOf(identity, {}).catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'unauthorized', details: { data: { requestId: ids[0] } } })
  expect(ids[0]).toEqual(expect.any(String))
})

test('what was begun ends when the proxy is trusted no more, or on other terms', async () => {
  const { identity } = identityOf({})
  const ann = await principalOf(identity, { 'x-forwarded-user': 'ann' })
  expect([identity.isValid(ann), identity.mayReturn(ann)]).toEqual([true, true])
  identity.take(identity.prepare({ ...none, scopes: ['mcp:tools tools/*'] }))
  expect([identity.isValid(ann), identity.mayReturn(ann)]).toEqual([true, true])
  identity.take(identity.prepare({ ...none, proxyFrom: ['10.0.0.8'] }))
  expect([identity.isValid(ann), identity.mayReturn(ann)]).toEqual([false, true])
  identity.take(identity.prepare({ ...none, methods: ['keys'] }))
  expect([identity.isValid(ann), identity.mayReturn(ann)]).toEqual([false, false])
  expect(identity.isValid({ tenant: 'default', subject: 'anonymous' })).toBe(false)
})
