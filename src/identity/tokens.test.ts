/** Tokens against the real key set of an issuer, over real HTTP. */
import { createHmac, createSign, generateKeyPairSync, type KeyObject, sign as signWith } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { manualClock, systemClock, wallMs } from '../base/clock.ts'
import { silentLog } from '../base/log.ts'
import { readIssuerLine, type TrustedIssuer } from './issuer-line.ts'
import { type TokenDecision, Tokens } from './tokens.ts'

type Json = Readonly<Record<string, unknown>>

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const jwk = (key: KeyObject, more: Json): Json => ({ ...key.export({ format: 'jwk' }), ...more })

const resource = 'https://mcp.example.com/mcp'
const audiences = [resource, 'https://mcp.example.com/sse']

/** An issuer over HTTP: what it serves can be changed, and its requests are counted. */
class Issuer {
  keys: readonly Json[] = [
    jwk(rsa.publicKey, { kid: 'rsa', alg: 'RS256', use: 'sig' }),
    jwk(ec.publicKey, { kid: 'ec', alg: 'ES256' }),
    jwk(ed.publicKey, { kid: 'ed', alg: 'EdDSA' }),
  ]
  isDown = false
  /** Whether it takes requests and answers none. */
  isSilent = false
  body: string | undefined
  fetches = 0
  url = ''
  readonly server: Server = createServer((request, response) => {
    if (this.isDown) return void response.socket?.destroy()
    if (this.isSilent) return
    if (request.url === '/.well-known/openid-configuration')
      return void response.end(JSON.stringify({ issuer: this.url, jwks_uri: `${this.url}/keys` }))
    if (request.url !== '/keys') return void response.writeHead(404).end()
    this.fetches++
    response.end(this.body ?? JSON.stringify({ keys: this.keys }))
  })

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
    return this
  }

  trusted(more = ''): TrustedIssuer {
    const found = readIssuerLine(`${this.url} ${more}`)
    if (!found) throw new Error('not an issuer')
    return found
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}

let issuer: Issuer
let tokens: Tokens
beforeAll(async () => {
  issuer = await new Issuer().open()
  tokens = new Tokens([issuer.trusted()], systemClock, silentLog)
})
afterAll(() => issuer.close())

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const seconds = (): number => Math.floor(wallMs() / 1000)

function claims(more: Json = {}): Json {
  return { iss: issuer.url, sub: 'ann', aud: resource, iat: seconds(), exp: seconds() + 300, ...more }
}

function signed(head: Json, payload: unknown, key: KeyObject = rsa.privateKey): string {
  const input = `${part(head)}.${part(payload)}`
  const signature =
    head['alg'] === 'ES256'
      ? createSign('sha256').update(input).sign({ key, dsaEncoding: 'ieee-p1363' })
      : head['alg'] === 'EdDSA'
        ? signWith(null, Buffer.from(input), key)
        : createSign('sha256').update(input).sign(key)
  return `${input}.${signature.toString('base64url')}`
}

const rs256 = { alg: 'RS256', kid: 'rsa', typ: 'at+jwt' }
const of = (more: Json = {}, head: Json = {}): string => signed({ ...rs256, ...head }, claims(more))
const hmac = (secret: string | Buffer, head: Json = {}): string => {
  const input = `${part({ ...rs256, alg: 'HS256', ...head })}.${part(claims())}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
const changed = (token: string, at: number, by: (part: string) => string): string =>
  token
    .split('.')
    .map((one, index) => (index === at ? by(one) : one))
    .join('.')

const principalOf = (decision: TokenDecision): unknown => ('principal' in decision ? decision.principal : decision)

describe('a good token is the principal that it names', () => {
  test.each<[string, () => string]>([
    ['with RSA', () => of()],
    ['with an elliptic curve', () => signed({ alg: 'ES256', kid: 'ec' }, claims(), ec.privateKey)],
    ['with Edwards curves', () => signed({ alg: 'EdDSA', kid: 'ed' }, claims(), ed.privateKey)],
    ['without a type', () => of({}, { typ: undefined })],
    ['with the type JWT', () => of({}, { typ: 'JWT' })],
    ['for several audiences', () => of({ aud: ['other', resource] })],
    ['from a clock that is a little ahead', () => of({ nbf: seconds() + 30, iat: seconds() + 30 })],
  ])('%s', async (_, token) => {
    expect(principalOf(await tokens.check(token(), audiences))).toMatchObject({
      tenant: 'default',
      subject: 'ann',
      issuer: issuer.url,
    })
  })

  test('with its scopes, in either spelling, and its end', async () => {
    const exp = seconds() + 100
    const found = principalOf(await tokens.check(of({ scope: 'a b', exp }), audiences))
    expect(found).toMatchObject({ scopes: ['a', 'b'], expiresAtMs: exp * 1000 })
    expect(principalOf(await tokens.check(of({ scp: ['c'] }), audiences))).toMatchObject({ scopes: ['c'] })
    expect(principalOf(await tokens.check(of({ scp: 'd e' }), audiences))).toMatchObject({ scopes: ['d', 'e'] })
  })

  test('and the second check of it needs no promise, at another endpoint its own audience', async () => {
    const token = of()
    await tokens.check(token, audiences)
    expect(tokens.check(token, audiences)).toHaveProperty('principal')
    expect(tokens.check(token, ['https://mcp.example.com/mcp/other'])).toEqual({ fault: 'wrong_audience' })
  })
})

/** [RFC 8725] and what was done to others. */
const bad: ReadonlyArray<readonly [string, () => string, string]> = [
  ['nothing', () => '', 'no_jwt'],
  ['a key of its holder (DPoP)', () => of({ cnf: { jkt: 'x' } }), 'bound_token'],
  ['a certificate of its holder', () => of({ cnf: { 'x5t#S256': 'x' } }), 'bound_token'],
  ['an empty proof of possession', () => of({ cnf: {} }), 'bound_token'],
  ['one part', () => 'abc', 'no_jwt'],
  ['two parts', () => 'abc.def', 'no_jwt'],
  ['four parts', () => `${of()}.abc`, 'no_jwt'],
  ['five parts, as if it were encrypted', () => 'a.b.c.d.e', 'no_jwt'],
  ['parts that are no JSON', () => 'abc.def.ghi', 'no_jwt'],
  ['a header that is a list', () => `${part('[]')}.${part(claims())}.abc`, 'no_jwt'],
  ['claims that are a list', () => `${part(rs256)}.${part('[]')}.abc`, 'no_jwt'],
  ['claims that are null', () => signed(rs256, 'null'), 'no_jwt'],
  ['an empty signature', () => changed(of(), 2, () => ''), 'no_jwt'],
  ['a part with padding', () => changed(of(), 1, (one) => `${one}==`), 'no_jwt'],
  ['plain base64', () => changed(of(), 2, () => 'ab+/cd=='), 'no_jwt'],
  ['a line break', () => `${of()}\n`, 'no_jwt'],
  ['more than 8 KiB', () => of({ more: 'x'.repeat(8192) }), 'too_large'],
  ['no signature, by the algorithm none', () => `${part({ ...rs256, alg: 'none' })}.${part(claims())}.`, 'no_jwt'],
  ['the algorithm none with a signature', () => changed(of(), 0, () => part({ ...rs256, alg: 'none' })), 'algorithm'],
  ['the algorithm None', () => changed(of(), 0, () => part({ ...rs256, alg: 'None' })), 'algorithm'],
  ['the algorithm nOnE', () => changed(of(), 0, () => part({ ...rs256, alg: 'nOnE' })), 'algorithm'],
  ['no algorithm', () => changed(of(), 0, () => part({ kid: 'rsa' })), 'no_jwt'],
  ['an algorithm that is a number', () => changed(of(), 0, () => part({ ...rs256, alg: 1 })), 'no_jwt'],
  ['a list of algorithms', () => changed(of(), 0, () => part({ ...rs256, alg: ['RS256'] })), 'no_jwt'],
  ['the public key as a shared secret', () => hmac(rsa.publicKey.export({ type: 'spki', format: 'pem' })), 'algorithm'],
  [
    'the public key in DER as a shared secret',
    () => hmac(rsa.publicKey.export({ type: 'spki', format: 'der' })),
    'algorithm',
  ],
  ['an empty shared secret', () => hmac(''), 'algorithm'],
  ['the same with HS512', () => hmac('', { alg: 'HS512' }), 'algorithm'],
  ['an encrypted key algorithm', () => changed(of(), 0, () => part({ ...rs256, alg: 'RSA-OAEP' })), 'algorithm'],
  ['a weak algorithm', () => changed(of(), 0, () => part({ ...rs256, alg: 'RS1' })), 'algorithm'],
  [
    'the algorithm of another key',
    () => changed(of(), 0, () => part({ ...rs256, alg: 'ES256' })),
    'unknown_signing_key',
  ],
  ['the signature of another key', () => signed(rs256, claims(), otherRsa.privateKey), 'wrong_signature'],
  ['the id of another key', () => of({}, { kid: 'ec' }), 'unknown_signing_key'],
  ['a key that is not known', () => of({}, { kid: 'nobody' }), 'unknown_signing_key'],
  ['a key id that is a path', () => of({}, { kid: '../../../../dev/null' }), 'unknown_signing_key'],
  ['a key id that is SQL', () => of({}, { kid: "x' UNION SELECT 'key" }), 'unknown_signing_key'],
  ['a key id that is a URL', () => of({}, { kid: 'https://evil.example/keys' }), 'unknown_signing_key'],
  [
    'a key of its own in the header',
    () => signed({ ...rs256, jwk: jwk(otherRsa.publicKey, {}) }, claims(), otherRsa.privateKey),
    'wrong_signature',
  ],
  [
    'the address of a key set of its own',
    () => signed({ ...rs256, jku: 'https://evil.example/jwks' }, claims(), otherRsa.privateKey),
    'wrong_signature',
  ],
  [
    'the address of a certificate of its own',
    () => signed({ ...rs256, x5u: 'https://evil.example/x5u' }, claims(), otherRsa.privateKey),
    'wrong_signature',
  ],
  [
    'a certificate of its own',
    () => signed({ ...rs256, x5c: ['MIIB'] }, claims(), otherRsa.privateKey),
    'wrong_signature',
  ],
  [
    'other claims under the same signature',
    () => changed(of(), 1, () => part(claims({ sub: 'root' }))),
    'wrong_signature',
  ],
  [
    'another header under the same signature',
    () => changed(of(), 0, () => part({ ...rs256, x: 1 })),
    'wrong_signature',
  ],
  ['half of the signature', () => changed(of(), 2, (one) => one.slice(0, 40)), 'wrong_signature'],
  ['a signature of zeros', () => changed(of(), 2, () => Buffer.alloc(256).toString('base64url')), 'wrong_signature'],
  [
    'zeros as the signature of a curve',
    () =>
      changed(signed({ alg: 'ES256', kid: 'ec' }, claims(), ec.privateKey), 2, () =>
        Buffer.alloc(64).toString('base64url'),
      ),
    'wrong_signature',
  ],
  [
    'the signature of a curve in DER',
    () =>
      changed(signed({ alg: 'ES256', kid: 'ec' }, claims(), ec.privateKey), 2, () =>
        createSign('sha256').update('x').sign(ec.privateKey).toString('base64url'),
      ),
    'wrong_signature',
  ],
  ['a critical extension that is not known', () => of({}, { crit: ['b64'], b64: false }), 'no_jwt'],
  ['a critical extension of its own', () => of({}, { crit: ['x'], x: 1 }), 'algorithm'],
  ['an empty list of critical extensions', () => of({}, { crit: [] }), 'no_jwt'],
  ['a type for something else', () => of({}, { typ: 'logout+jwt' }), 'wrong_type'],
  ['a type of proof', () => of({}, { typ: 'dpop+jwt' }), 'wrong_type'],
  ['a type that is a list', () => of({}, { typ: ['JWT'] }), 'wrong_type'],
  ['no issuer', () => of({ iss: undefined }), 'unknown_issuer'],
  ['another issuer', () => of({ iss: 'https://evil.example' }), 'unknown_issuer'],
  ['the issuer with a slash', () => of({ iss: `${issuer.url}/` }), 'unknown_issuer'],
  ['the issuer with more behind it', () => of({ iss: `${issuer.url}.evil.example` }), 'unknown_issuer'],
  ['the issuer in capital letters', () => of({ iss: issuer.url.toUpperCase() }), 'unknown_issuer'],
  ['a list of issuers', () => of({ iss: [issuer.url] }), 'unknown_issuer'],
  ['no audience', () => of({ aud: undefined }), 'wrong_claims'],
  ['another audience', () => of({ aud: 'https://other.example.com/mcp' }), 'wrong_audience'],
  ['the audience of another path', () => of({ aud: `${resource}/other` }), 'wrong_audience'],
  ['the audience with a slash', () => of({ aud: `${resource}/` }), 'wrong_audience'],
  ['the beginning of the audience', () => of({ aud: 'https://mcp.example.com' }), 'wrong_audience'],
  ['an audience that is an object', () => of({ aud: { [resource]: true } }), 'wrong_audience'],
  ['an empty list of audiences', () => of({ aud: [] }), 'wrong_audience'],
  ['an audience within a list within a list', () => of({ aud: [[resource]] }), 'wrong_audience'],
  ['no end', () => of({ exp: undefined }), 'wrong_claims'],
  ['an end that is a text', () => of({ exp: `${seconds() + 300}` }), 'wrong_claims'],
  ['an end that has come', () => of({ exp: seconds() - 1 }), 'expired'],
  ['an end long ago', () => of({ exp: 1 }), 'expired'],
  ['a negative end', () => of({ exp: -1 }), 'expired'],
  ['a beginning in two minutes', () => of({ nbf: seconds() + 120 }), 'not_valid_yet'],
  ['a beginning that is a text', () => of({ nbf: 'now' }), 'not_valid_yet'],
  ['no subject', () => of({ sub: undefined }), 'wrong_claims'],
  ['an empty subject', () => of({ sub: '' }), 'wrong_claims'],
  ['a subject that is a number', () => of({ sub: 1 }), 'wrong_claims'],
  ['a subject that is an object', () => of({ sub: { toString: 'ann' } }), 'wrong_claims'],
  [
    'half a character as the subject',
    () => signed(rs256, JSON.stringify(claims({ sub: 'x' })).replace('"x"', '"\\ud800"')),
    'wrong_claims',
  ],
  ['a subject with a line break', () => of({ sub: 'ann\nroot' }), 'wrong_claims'],
  ['a subject without an end', () => of({ sub: 'a'.repeat(2000) }), 'wrong_claims'],
]

test('there are more than 60 bad tokens', () => {
  expect(bad.length).toBeGreaterThanOrEqual(60)
})

describe('a bad token is refused, also if it is sent again', () => {
  test.each(bad)('%s', async (_, make, fault) => {
    const token = make()
    expect(await tokens.check(token, audiences)).toEqual({ fault })
    expect(await tokens.check(token, audiences)).toHaveProperty('fault')
  })
})

describe('the tenant', () => {
  const tenantOf = async (line: string, more: Json): Promise<unknown> => {
    const decision = await new Tokens([issuer.trusted(line)], systemClock, silentLog).check(of(more), audiences)
    return 'principal' in decision ? decision.principal.tenant : decision.fault
  }
  test.each<[string, Json, string]>([
    ['', {}, 'default'],
    ['tenant=acme', {}, 'acme'],
    ['tenantClaim=org_id', { org_id: 'blue' }, 'blue'],
    ['tenantClaim=org_id tenant=acme', {}, 'acme'],
    ['tenantClaim=org_id', {}, 'no_tenant'],
    ['tenantClaim=org_id tenant=acme', { org_id: 'a/b' }, 'no_tenant'],
    ['tenantClaim=org_id tenant=acme', { org_id: 1 }, 'no_tenant'],
    ['tenantClaim=__proto__', {}, 'no_tenant'],
    ['tenantClaim=toString', {}, 'no_tenant'],
  ])('%j with %j is %s', async (line, more, tenant) => {
    expect(await tenantOf(line, more)).toBe(tenant)
  })

  test('an audience of its own is in place of the URLs', async () => {
    const own = new Tokens([issuer.trusted('audience=mcplex')], systemClock, silentLog)
    expect(await own.check(of({ aud: 'mcplex' }), audiences)).toHaveProperty('principal')
    expect(await own.check(of(), audiences)).toEqual({ fault: 'wrong_audience' })
  })

  test('a narrower list of algorithms is kept', async () => {
    const narrow = new Tokens([issuer.trusted('algorithms=ES256')], systemClock, silentLog)
    expect(await narrow.check(of(), audiences)).toEqual({ fault: 'algorithm' })
    const curve = signed({ alg: 'ES256', kid: 'ec' }, claims(), ec.privateKey)
    expect(await narrow.check(curve, audiences)).toHaveProperty('principal')
  })
})

describe('the keys of an issuer', () => {
  const opened = async (): Promise<{
    own: Issuer
    fresh: Tokens
    clock: ReturnType<typeof manualClock>
    token: (more?: Json, head?: Json, key?: KeyObject) => string
  }> => {
    const own = await new Issuer().open()
    const clock = manualClock()
    return {
      own,
      clock,
      fresh: new Tokens([own.trusted()], clock, silentLog),
      token: (more = {}, head = {}, key = rsa.privateKey) =>
        signed({ ...rs256, ...head }, claims({ iss: own.url, ...more }), key),
    }
  }

  test('are fetched once for many tokens at once', async () => {
    const { own, fresh, token } = await opened()
    const all = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => fresh.check(token({ jti: at }), audiences)),
    )
    expect(all.every((one) => 'principal' in one)).toBe(true)
    expect(own.fetches).toBe(1)
    own.close()
  })

  test('are fetched at most once in 30 s for keys that are not known, and a new one is found then', async () => {
    const { own, fresh, token, clock } = await opened()
    await fresh.check(token(), audiences)
    for (let count = 0; count < 20; count++)
      expect(await fresh.check(token({}, { kid: `k${count}` }), audiences)).toEqual({ fault: 'unknown_signing_key' })
    expect(own.fetches).toBe(1)
    own.keys = [...own.keys, jwk(otherRsa.publicKey, { kid: 'next', alg: 'RS256' })]
    clock.advance(30_000)
    expect(await fresh.check(token({}, { kid: 'next' }, otherRsa.privateKey), audiences)).toHaveProperty('principal')
    expect(own.fetches).toBe(2)
    own.close()
  })

  test('serve for hours while the issuer cannot be reached, but not for days', async () => {
    const { own, fresh, token, clock } = await opened()
    await fresh.check(token(), audiences)
    own.isDown = true
    clock.advance(3 * 3_600_000)
    expect(await fresh.check(token({ jti: 1 }), audiences)).toHaveProperty('principal')
    clock.advance(24 * 3_600_000)
    expect(await fresh.check(token({ jti: 2 }), audiences)).toEqual({ fault: 'issuer_unavailable' })
    own.isDown = false
    clock.advance(30_000)
    expect(await fresh.check(token({ jti: 3 }), audiences)).toHaveProperty('principal')
    own.close()
  })

  test('serve while they are fetched again from an issuer that does not answer', async () => {
    const { own, fresh, token, clock } = await opened()
    await fresh.check(token(), audiences)
    own.isSilent = true
    clock.advance(600_001)
    for (let count = 0; count < 3; count++)
      expect(await fresh.check(token({ jti: count }), audiences)).toHaveProperty('principal')
    own.close()
  })

  test('that the issuer has withdrawn are not accepted twelve minutes later, not even for a token that was checked', async () => {
    const { own, fresh, token, clock } = await opened()
    const checked = token()
    expect(await fresh.check(checked, audiences)).toHaveProperty('principal')
    own.keys = [jwk(otherRsa.publicKey, { kid: 'next', alg: 'RS256' })]
    clock.advance(720_000)
    expect(await fresh.check(checked, audiences)).toEqual({ fault: 'unknown_signing_key' })
    own.close()
  })

  test('serve on when other settings take effect while the issuer cannot be reached, but not those of another place', async () => {
    const { own, fresh, token, clock } = await opened()
    await fresh.check(token(), audiences)
    own.isDown = true
    const next = (more: string): Tokens => new Tokens([own.trusted(more)], clock, silentLog, { tokens: fresh })
    expect(await next('tenant=acme').check(token(), audiences)).toMatchObject({ principal: { tenant: 'acme' } })
    expect(await next(`jwks=${own.url}/keys`).check(token(), audiences)).toEqual({ fault: 'issuer_unavailable' })
    own.close()
  })

  test.each<[string, string]>([
    ['that are no JSON', 'nothing'],
    ['that are a list', '[]'],
    ['without keys', '{}'],
    ['of more than a mebibyte', `{"keys":[],"more":"${'x'.repeat(1024 ** 2)}"}`],
  ])('%s are not used, and those before stay in force', async (_, body) => {
    const { own, fresh, token, clock } = await opened()
    await fresh.check(token(), audiences)
    own.body = body
    clock.advance(600_001)
    expect(await fresh.check(token({ jti: 1 }), audiences)).toHaveProperty('principal')
    clock.advance(30_000)
    expect(await fresh.check(token({}, { kid: 'new' }), audiences)).toEqual({ fault: 'unknown_signing_key' })
    expect(await fresh.check(token({ jti: 2 }), audiences)).toHaveProperty('principal')
    own.close()
  })

  test('of metadata that names another issuer are not used', async () => {
    const { own, clock } = await opened()
    const renamed = new Tokens([{ ...own.trusted(), issuer: `${own.url}/tenant` }], clock, silentLog)
    const token = signed(rs256, claims({ iss: `${own.url}/tenant` }))
    expect(await renamed.check(token, audiences)).toEqual({ fault: 'issuer_unavailable' })
    own.close()
  })
})

test('what was accepted is good under the same terms alone', async () => {
  const publicUrl = 'https://mcp.example.com'
  const before = new Tokens([issuer.trusted()], systemClock, silentLog, { publicUrl })
  const decision = await before.check(of(), audiences)
  if (!('principal' in decision)) throw new Error('not accepted')
  const isGood = (line: string, url = publicUrl): boolean =>
    new Tokens([issuer.trusted(line)], systemClock, silentLog, { tokens: before, publicUrl: url }).accepts(
      decision.principal,
    )
  expect([before.accepts(decision.principal), isGood('')]).toEqual([true, true])
  const others = ['audience=mcplex', 'algorithms=ES256', 'tenantClaim=org', 'tenant=acme', `jwks=${issuer.url}/keys`]
  for (const line of others) expect([line, isGood(line)]).toEqual([line, false])
  expect(isGood('', 'https://other.example.com')).toBe(false)
  expect(new Tokens([], systemClock, silentLog, { tokens: before }).accepts(decision.principal)).toBe(false)
})

test('a token with a wrong signature that comes again is refused without a promise, for ten seconds', async () => {
  const clock = manualClock()
  const own = new Tokens([issuer.trusted()], clock, silentLog)
  const forged = signed({ alg: 'RS256', kid: 'rsa' }, claims(), otherRsa.privateKey)
  expect(await own.check(forged, audiences)).toEqual({ fault: 'wrong_signature' })
  expect(own.check(forged, audiences)).toEqual({ fault: 'wrong_signature' })
  clock.advance(10_001)
  expect(own.check(forged, audiences)).toBeInstanceOf(Promise)
})

test('a token that has ended is refused, although it was checked before', async () => {
  const token = of({ exp: seconds() + 2 })
  expect(await tokens.check(token, audiences)).toHaveProperty('principal')
  await expect.poll(() => tokens.check(token, audiences), { timeout: 20_000 }).toEqual({ fault: 'expired' })
})

test('tokens of a tenant that is forgotten are checked anew, and those of others are not', async () => {
  const own = new Tokens([issuer.trusted('tenantClaim=org')], systemClock, silentLog)
  const tokenOf = (org: string): string => signed({ alg: 'RS256', kid: 'rsa' }, claims({ org }))
  const [acme, beta] = [tokenOf('acme'), tokenOf('beta')]
  for (const token of [acme, beta]) expect(await own.check(token, audiences)).toHaveProperty('principal')
  expect([own.forget('acme'), own.forget('acme')]).toEqual([1, 0])
  const [anew, known] = [own.check(acme, audiences), own.check(beta, audiences)]
  expect([anew instanceof Promise, known instanceof Promise]).toEqual([true, false])
  expect(await anew).toMatchObject({ principal: { tenant: 'acme' } })
})
