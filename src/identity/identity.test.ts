import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Cancel } from '../base/cancel.ts'
import { systemClock as clock, wallMs } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { silentLog as log } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import type { Inbound } from '../protocol/inbound.ts'
import { newApiKey } from './api-key.ts'
import { createIdentity, type Identity } from './identity.ts'
import { type KeyRecord, writeKeyLine } from './key-record.ts'
import { writeKeys } from './keys-file.ts'
import type { AuthSettings } from './options.ts'

const none: AuthSettings = {
  methods: ['none'],
  keysFile: undefined,
  keys: [],
  issuers: [],
  publicUrl: undefined,
  scopes: [],
  proxyFrom: [],
  proxySecret: undefined,
  proxySecretHeader: 'x-mcplex-proxy-secret',
  proxyUserHeader: 'x-forwarded-user',
  proxyTenantHeader: undefined,
  proxyTenant: undefined,
  proxyScopesHeader: undefined,
}
const keyOf = (more: object = {}): { text: string; line: string } => {
  const { id, hash, text } = newApiKey()
  return { text, line: writeKeyLine({ id, hash, tenant: 'acme', subject: 'ann', ...more }) }
}
const inbound = (headers: Inbound['headers'] = {}): Inbound => ({
  method: 'POST',
  path: '/mcp',
  headers,
  connection: 'c',
  body: () => Promise.reject(new Error('the body is not to be read')),
  closed: new Cancel(),
})
const identityOf = (settings: Partial<AuthSettings>, changed = (): void => {}): Identity =>
  createIdentity({ settings: { ...none, ...settings }, clock, log, events: createEvents(), changed })
const refusalOf = (identity: Identity, headers: Inbound['headers']): Refusal => {
  try {
    void identity.authenticate(inbound(headers))
  } catch (error) {
    if (error instanceof Refusal) return error
  }
  throw new Error('it was not refused')
}

test('without methods everybody is the same, and credentials do not matter', async () => {
  const identity = identityOf({})
  expect(await identity.authenticate(inbound({ authorization: 'Bearer x' }))).toEqual({
    tenant: 'default',
    subject: 'anonymous',
  })
})

test('all refusals of credentials are the same for the client', () => {
  const [key, old] = [keyOf(), keyOf({ expiresAtMs: 1000 })]
  const identity = identityOf({ methods: ['keys'], keys: [key.line, old.line] })
  const all = [keyOf().text, old.text, 'abc', `${key.text.slice(0, -1)}g`].map((text) =>
    refusalOf(identity, { authorization: `Bearer ${text}` }),
  )
  for (const { code, message, details } of all)
    expect({ code, message, details }).toEqual({
      code: 'unauthorized',
      message: 'Valid credentials are required.',
      details: {
        headers: { 'WWW-Authenticate': 'Bearer realm="mcplex", error="invalid_token"' },
        data: { requestId: expect.any(String) },
      },
    })
})

test('what was begun with a key is good until the key ends', async () => {
  const ending = keyOf({ expiresAtMs: wallMs() + 300 })
  const identity = identityOf({ methods: ['keys'], keys: [ending.line] })
  const principal = await identity.authenticate(inbound({ authorization: `Bearer ${ending.text}` }))
  expect(identity.isValid(principal)).toBe(true)
  await expect.poll(() => identity.isValid(principal), { timeout: 20_000 }).toBe(false)
})

test('other settings are told, and what they do not accept any more is not good', async () => {
  let changes = 0
  const key = keyOf()
  const identity = identityOf({ methods: ['keys'], keys: [key.line] }, () => changes++)
  const principal = await identity.authenticate(inbound({ authorization: `Bearer ${key.text}` }))
  identity.take(identity.prepare({ ...none, methods: ['keys'], keys: [] }))
  expect([changes, identity.isValid(principal), identity.mayReturn(principal)]).toEqual([1, false, false])
  identity.take(identity.prepare(none))
  expect(identity.isValid({ tenant: 'default', subject: 'anonymous' })).toBe(true)
})

/** An identity with a file of keys, which a test changes while settings are prepared. */
function withKeysFile(
  first: readonly KeyRecord[],
  keys: readonly string[] = [],
): {
  readonly identity: Identity
  readonly settings: AuthSettings
  readonly path: string
  readonly write: (...records: readonly KeyRecord[]) => void
} {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-identity-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'keys.json')
  const write = (...records: readonly KeyRecord[]): void => writeFileSync(path, writeKeys(records), { mode: 0o600 })
  write(...first)
  const settings: AuthSettings = { ...none, methods: ['keys'], keysFile: path, keys }
  const identity = identityOf(settings)
  onTestFinished(() => identity.close())
  return { identity, settings, path, write }
}

const recordOf = (subject: string): { text: string; record: KeyRecord } => {
  const { id, hash, text } = newApiKey()
  return { text, record: { id, hash, tenant: 'acme', subject } }
}

test('a key that is revoked while other settings are prepared does not come back with them', () => {
  const [ann, bob] = [recordOf('ann'), recordOf('bob')]
  const { identity, settings, write } = withKeysFile([ann.record, bob.record])
  const ready = identity.prepare(settings)
  write({ ...ann.record, revokedAtMs: 1 }, bob.record)
  identity.take(ready)
  refusalOf(identity, { authorization: `Bearer ${ann.text}` })
  expect(identity.authenticate(inbound({ authorization: `Bearer ${bob.text}` }))).toMatchObject({ subject: 'bob' })
})

test('a keys file that is broken when other settings take effect changes no key of it, but those of the settings', () => {
  const [ann, bob] = [recordOf('ann'), recordOf('bob')]
  const { identity, settings, path } = withKeysFile([ann.record], [writeKeyLine(bob.record)])
  const ready = identity.prepare({ ...settings, keys: [] })
  writeFileSync(path, '{')
  identity.take(ready)
  expect(identity.authenticate(inbound({ authorization: `Bearer ${ann.text}` }))).toMatchObject({ subject: 'ann' })
  refusalOf(identity, { authorization: `Bearer ${bob.text}` })
})

test('a key that the running identity saw revoked stays so if the file is broken when older settings take effect', async () => {
  const [ann, bob] = [recordOf('ann'), recordOf('bob')]
  const { identity, settings, path, write } = withKeysFile([ann.record, bob.record])
  const ready = identity.prepare(settings)
  write({ ...ann.record, revokedAtMs: 1 }, bob.record)
  await expect.poll(() => identity.keyCount, { timeout: 20_000 }).toBe(1)
  writeFileSync(path, '{')
  identity.take(ready)
  refusalOf(identity, { authorization: `Bearer ${ann.text}` })
  expect(identity.keyCount).toBe(1)
})

test('a key with scopes lacks those of other methods, and one without them lacks nothing', async () => {
  const [narrow, wide] = [keyOf({ scopes: ['mcp:tools'] }), keyOf()]
  const identity = identityOf({
    methods: ['keys'],
    keys: [narrow.line, wide.line],
    scopes: ['mcp:tools tools/*', 'mcp:admin logging/*'],
  })
  const of = ({ text }: { text: string }): ReturnType<Identity['authenticate']> =>
    identity.authenticate(inbound({ 'x-api-key': text }))
  const [first, second] = [await of(narrow), await of(wide)]
  expect(() => identity.checkScopes(first, [{ method: 'tools/call' }], '/mcp')).not.toThrow()
  expect(() => identity.checkScopes(first, [{ method: 'logging/setLevel' }], '/mcp')).toThrow(Refusal)
  expect(() => identity.checkScopes(second, [{ method: 'logging/setLevel' }], '/mcp')).not.toThrow()
})

test('a token of an issuer that is not trusted any more is not good', () => {
  const issuer = 'https://login.example.com'
  const identity = identityOf({ methods: ['oauth'], issuers: [issuer], publicUrl: 'https://mcp.example.com' })
  const principal = { tenant: 'default', subject: 'ann', issuer, expiresAtMs: wallMs() + 60_000 }
  expect([identity.isValid(principal), identity.mayReturn(principal)]).toEqual([true, true])
  expect(identity.isValid({ ...principal, expiresAtMs: wallMs() - 1 })).toBe(false)
  expect(identity.isValid({ ...principal, issuer: 'https://other.example.com' })).toBe(false)
  expect(identity.isValid({ tenant: 'default', subject: 'anonymous' })).toBe(false)
})
