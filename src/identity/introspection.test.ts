/** Opaque tokens, and an issuer over real HTTP that is asked about them: a good one, and all ways to be a bad one. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { manualClock, wallMs } from '../base/clock.ts'
import { type Log, silentLog } from '../base/log.ts'
import { readIssuerLine, type TrustedIssuer } from './issuer-line.ts'
import { type TokenDecision, Tokens } from './tokens.ts'

type Json = Readonly<Record<string, unknown>>

const resource = 'https://mcp.example.com/mcp'
const audiences = [resource]
const secret = 'a-secret-of+mcplex'

class Issuer {
  /** What it answers: an object, a text as it is, or nothing at all. */
  answer: Json | string | undefined
  status = 200
  headers: Record<string, string> = { 'Content-Type': 'application/json' }
  asked: Array<{ readonly authorization: string; readonly body: string; readonly url: string }> = []
  /** Whether it takes questions and answers none. */
  isSilent = false
  url = ''
  readonly server: Server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      this.asked.push({ authorization: request.headers.authorization ?? '', body, url: request.url ?? '' })
      if (this.isSilent) return
      const { answer } = this
      response.writeHead(this.status, this.headers).end(typeof answer === 'string' ? answer : JSON.stringify(answer))
    })
  })

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
    return this
  }

  close(): void {
    this.server.closeAllConnections()
    this.server.close()
  }
}

let issuer: Issuer
let clock: ReturnType<typeof manualClock>
let lines: string
beforeEach(async () => {
  issuer = await new Issuer().open()
  issuer.answer = active()
  clock = manualClock()
  lines = ''
})
afterEach(() => issuer.close())

const seconds = (): number => Math.floor(wallMs() / 1000)
const active = (more: Json = {}): Json => ({
  active: true,
  sub: 'ann',
  aud: resource,
  exp: seconds() + 3600,
  token_type: 'Bearer',
  scope: 'mcp:tools mcp:admin',
  ...more,
})

function trusted(more = ''): TrustedIssuer {
  const found = readIssuerLine(
    `${issuer.url} introspection=${issuer.url}/ask clientId=mcplex clientSecret=${secret} ${more}`,
  )
  if (!found) throw new Error('not an issuer')
  return found
}

const note = (fields: object, message?: string): void => {
  const { err } = fields as { err?: unknown }
  lines += `${JSON.stringify(fields)} ${String(err)} ${message ?? ''}\n`
}
const log: Log = { ...silentLog, info: note, warn: note }
const tokensOf = (more = '', before?: Tokens): Tokens => new Tokens([trusted(more)], clock, log, { tokens: before })
const check = async (tokens: Tokens, token = 'opaque-token'): Promise<TokenDecision> => tokens.check(token, audiences)
const subject = { principal: expect.objectContaining({ subject: 'ann' }) }

test('an active token is the principal that its issuer names, who asks as the client of the line', async () => {
  const decision = await check(tokensOf('tenantClaim=org'), 'a+b/c=')
  expect(decision).toEqual({ fault: 'no_tenant' })
  issuer.answer = active({ org: 'acme' })
  expect(await check(tokensOf('tenantClaim=org'), 'a+b/c=')).toEqual({
    principal: {
      tenant: 'acme',
      subject: 'ann',
      issuer: issuer.url,
      scopes: ['mcp:tools', 'mcp:admin'],
      expiresAtMs: Number(issuer.answer['exp']) * 1000,
    },
  })
  const basic = Buffer.from(`mcplex:${encodeURIComponent(secret)}`).toString('base64')
  expect(issuer.asked.at(-1)).toEqual({
    authorization: `Basic ${basic}`,
    body: 'token=a%2Bb%2Fc%3D&token_type_hint=access_token',
    url: '/ask',
  })
})

test('a token of no user is that of the client to which it was given', async () => {
  issuer.answer = active({ sub: undefined, client_id: 'robot' })
  expect(await check(tokensOf())).toMatchObject({ principal: { subject: 'robot' } })
})

test('an answer is remembered for as long as the line says, and no longer than the token lasts', async () => {
  const tokens = tokensOf('remember=10s')
  expect(await check(tokens)).toEqual(subject)
  clock.advance(9000)
  // At once: no promise.
  expect(tokens.check('opaque-token', audiences)).toEqual(subject)
  expect(tokens.check('opaque-token', ['https://mcp.example.com/other'])).toEqual({ fault: 'wrong_audience' })
  clock.advance(2000)
  issuer.answer = { active: false }
  expect(await check(tokens)).toEqual({ fault: 'inactive' })
  expect(issuer.asked).toHaveLength(2)
})

test('a token that is not active is not asked about again for 5 s', async () => {
  const tokens = tokensOf()
  issuer.answer = { active: false }
  expect(await check(tokens)).toEqual({ fault: 'inactive' })
  issuer.answer = active()
  expect(await check(tokens)).toEqual({ fault: 'inactive' })
  expect(issuer.asked).toHaveLength(1)
  clock.advance(5001)
  expect(await check(tokens)).toEqual(subject)
})

test('one question at a time is asked about a token, and few at once', async () => {
  const tokens = tokensOf()
  const same = await Promise.all(Array.from({ length: 50 }, () => check(tokens)))
  expect(same.every((one) => 'principal' in one)).toBe(true)
  expect(issuer.asked).toHaveLength(1)
  issuer.isSilent = true
  const many = Array.from({ length: 40 }, (_, at) => check(tokens, `other-${at}`))
  await expect.poll(() => issuer.asked.length).toBe(33)
  // Those beyond the bound are turned away at once, while the others still wait.
  const unavailable = many.map(() => ({ fault: 'introspection_unavailable' }))
  expect(await Promise.all(many.slice(32))).toEqual(unavailable.slice(32))
  expect(tokens.check('opaque-token', audiences)).toEqual(subject)
  clock.advance(2001)
  expect(await Promise.all(many.slice(0, 32))).toEqual(unavailable.slice(0, 32))
})

test('strangers do not keep a known token from being asked about', async () => {
  const tokens = tokensOf('remember=1s')
  expect(await check(tokens)).toEqual(subject)
  clock.advance(1001)
  issuer.isSilent = true
  const many = Array.from({ length: 32 }, (_, at) => check(tokens, `made-up-${at}`))
  await expect.poll(() => issuer.asked.length).toBe(33)
  issuer.isSilent = false
  issuer.answer = { active: false }
  expect(await check(tokens, 'made-up-32')).toEqual({ fault: 'introspection_unavailable' })
  expect(await check(tokens)).toEqual({ fault: 'inactive' })
  clock.advance(2001)
  await Promise.all(many)
})

test('a token about which the issuer takes no question is no reason to ask about no other', async () => {
  const tokens = tokensOf()
  issuer.status = 400
  expect(await check(tokens, 'odd')).toEqual({ fault: 'introspection_unavailable' })
  issuer.status = 200
  expect(await check(tokens)).toEqual(subject)
  expect(await check(tokens, 'odd')).toEqual({ fault: 'introspection_unavailable' })
  expect(issuer.asked).toHaveLength(2)
  clock.advance(5001)
  expect(await check(tokens, 'odd')).toEqual(subject)
})

test('what the issuer said last counts while it does not answer, also if that is refused here', async () => {
  const tokens = tokensOf('tenantClaim=org remember=1s')
  issuer.answer = active({ org: 'acme' })
  expect(await check(tokens)).toEqual(subject)
  clock.advance(1001)
  issuer.answer = active()
  expect(await check(tokens)).toEqual({ fault: 'no_tenant' })
  issuer.status = 503
  expect(await check(tokens)).toEqual({ fault: 'introspection_unavailable' })
})

describe('an answer is not taken', () => {
  test.each<[string, Json, string]>([
    ['without a subject', { sub: undefined }, 'wrong_claims'],
    ['with an empty subject', { sub: '' }, 'wrong_claims'],
    ['without an audience', { aud: undefined }, 'wrong_claims'],
    ['for another resource', { aud: 'https://other.example.com' }, 'wrong_audience'],
    ['without an end', { exp: undefined }, 'wrong_claims'],
    ['with an end that is no number', { exp: '9999999999' }, 'expired'],
    ['that has ended', { exp: 1000 }, 'expired'],
    ['that is not valid yet', { nbf: 99_999_999_999 }, 'not_valid_yet'],
    ['of another issuer', { iss: 'https://other.example.com' }, 'wrong_claims'],
    ['for a refresh token', { token_type: 'refresh_token' }, 'wrong_type'],
    ['for a refresh token of Keycloak', { typ: 'Refresh' }, 'wrong_type'],
    ['for a token that is bound to a key', { token_type: 'DPoP' }, 'wrong_type'],
    ['for a token that is bound to a certificate', { cnf: { 'x5t#S256': 'x' } }, 'bound_token'],
  ])('%s', async (_, more, fault) => {
    issuer.answer = active(more)
    const tokens = tokensOf()
    expect(await check(tokens)).toEqual({ fault })
    expect(await check(tokens)).toEqual({ fault })
  })
})

describe('an issuer that does not tell is unavailable, and no reason to trust a token:', () => {
  test.each<[string, (faulty: Issuer) => void]>([
    ['500', (faulty) => (faulty.status = 500)],
    ['401, for a wrong secret', (faulty) => (faulty.status = 401)],
    ['no JSON', (faulty) => (faulty.answer = '<html>')],
    ['a JSON text', (faulty) => (faulty.answer = '"active"')],
    ['no word about the token', (faulty) => (faulty.answer = { sub: 'ann' })],
    ['active as a text', (faulty) => (faulty.answer = { active: 'true', sub: 'ann' })],
    ['a huge body', (faulty) => (faulty.answer = active({ x: 'x'.repeat(100_000) }))],
    ['an endless redirect', (faulty) => Object.assign(faulty, { status: 307, headers: { Location: '/ask' } })],
    ['no server', (faulty) => faulty.close()],
  ])('%s', async (_, spoil) => {
    spoil(issuer)
    const tokens = tokensOf()
    expect(await check(tokens)).toEqual({ fault: 'introspection_unavailable' })
    // It is left alone for a moment.
    const { length } = issuer.asked
    expect(await check(tokens, 'another')).toEqual({ fault: 'introspection_unavailable' })
    expect(issuer.asked).toHaveLength(length)
    expect(lines).toContain('the issuer does not tell what its tokens are')
    expect(lines).not.toMatch(/opaque-token|another"|a-secret|ann/)
  })
})

test('while the issuer does not answer, known tokens are good for ten minutes more, and unknown ones are not', async () => {
  const tokens = tokensOf()
  await check(tokens)
  issuer.status = 503
  clock.advance(61_000)
  expect(await check(tokens)).toEqual(subject)
  expect(await check(tokens, 'unknown')).toEqual({ fault: 'introspection_unavailable' })
  clock.advance(500_000)
  // Settings that leave the line as it is forget nothing.
  const reloaded = tokensOf('', tokens)
  expect(await check(reloaded)).toEqual(subject)
  expect(await check(tokensOf('tenant=other', tokens))).toEqual({ fault: 'introspection_unavailable' })
  clock.advance(100_000)
  expect(await check(reloaded)).toEqual({ fault: 'introspection_unavailable' })
  issuer.status = 200
  clock.advance(3000)
  expect(await check(reloaded)).toEqual(subject)
  expect(lines).toContain('the issuer tells again what its tokens are')
})

test('neither an API key nor a token of another issuer is told to the issuer', async () => {
  const part = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const foreign = `${part({ alg: 'RS256' })}.${part({ iss: 'https://other.example.com' })}.x`
  const tokens = tokensOf()
  expect(await check(tokens, `mcpx_k3f9x0q2m1ab_${'x'.repeat(43)}_00000000`)).toEqual({ fault: 'no_jwt' })
  expect(await check(tokens, foreign)).toEqual({ fault: 'unknown_issuer' })
  expect(issuer.asked).toEqual([])
  // Its own are, whatever their form.
  const own = `${part({ alg: 'RS256' })}.${part({ iss: issuer.url })}.x`
  expect(await check(tokens, own)).toEqual(subject)
})
