/**
 * Tokens of trusted issuers: signed JWTs for this resource, and tokens of an issuer that is asked what they are. A token that
 * was checked is remembered for a minute, because a check costs some hundred microseconds, or a question to the issuer.
 * [RFC 9068; RFC 8725; RFC 7662]
 */
import { hash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Awaitable } from '../base/awaitable.ts'
import { type Clock, wallMs } from '../base/clock.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { Log } from '../base/log.ts'
import type { Principal } from '../protocol/call.ts'
import { holdsApiKey } from './api-key.ts'
import { Introspection } from './introspection.ts'
import { IssuerKeys, KeysUnavailable } from './issuer-keys.ts'
import type { TrustedIssuer } from './issuer-line.ts'
import { RefusedTokens } from './refused-tokens.ts'
import {
  acceptClaims,
  type Accepted,
  type ClaimsFault,
  claimsOfAnswer,
  faultOfAnswer,
  skewSeconds,
} from './token-claims.ts'

/** Why a token is not accepted: for the log and the metrics, never for the client. */
export type TokenFault =
  | ClaimsFault
  | 'too_large'
  | 'no_jwt'
  | 'unknown_issuer'
  | 'algorithm'
  | 'unknown_signing_key'
  | 'wrong_signature'
  | 'issuer_unavailable'
  | 'wrong_audience'
  | 'inactive'
  | 'introspection_unavailable'

export type TokenDecision = { readonly principal: Principal } | { readonly fault: TokenFault }

interface Checked extends Accepted {
  readonly issuer: TrustedIssuer
  /** Until when it is remembered, by the monotonic clock: a clock of the machine that is set back makes it no longer. */
  readonly untilMs: number
  /** Until when it is good while the issuer does not answer. */
  readonly staleUntilMs: number
}

interface Trusted {
  readonly issuer: TrustedIssuer
  readonly keys: IssuerKeys
  readonly introspection: Introspection | undefined
  /** What its tokens are accepted under: a token that was accepted under other terms may not be a good one. */
  readonly terms: string
}

/** What tokens of other settings hand on. */
interface TokensBefore {
  /** Those whose keys of issuers are known already. */
  readonly tokens?: Tokens | undefined
  /** The address below which the endpoints are. */
  readonly publicUrl?: string | undefined
}

const maxChars = 8192
const rememberedMs = 60_000
/** How long a token is good after its last answer, while its issuer does not tell. */
const staleMs = 600_000
const mostRemembered = 10_000
/** How long a token is refused at once after its signature was wrong. */
const wrongSignatureMs = 10_000
const compact = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/
const types: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/at+jwt']

/** Codes of jose. */
const faultByCode: ReadonlyMap<unknown, TokenFault> = new Map([
  ['ERR_JWT_EXPIRED', 'expired'],
  ['ERR_JOSE_ALG_NOT_ALLOWED', 'algorithm'],
  ['ERR_JOSE_NOT_SUPPORTED', 'algorithm'],
  ['ERR_JWKS_NO_MATCHING_KEY', 'unknown_signing_key'],
  ['ERR_JWKS_MULTIPLE_MATCHING_KEYS', 'unknown_signing_key'],
  ['ERR_JWS_SIGNATURE_VERIFICATION_FAILED', 'wrong_signature'],
  ['ERR_JWT_CLAIM_VALIDATION_FAILED', 'wrong_claims'],
])

export class Tokens {
  readonly #issuers: ReadonlyMap<string, Trusted>
  readonly #clock: Clock
  readonly #remembered = new Map<string, Checked>()
  /** The terms under which each principal was accepted. */
  readonly #termsOf: WeakMap<Principal, string>
  readonly #wrong: RefusedTokens
  /** The issuer that is asked about opaque tokens. */
  readonly #asked: Trusted | undefined

  constructor(issuers: readonly TrustedIssuer[], clock: Clock, log: Log, { tokens, publicUrl }: TokensBefore = {}) {
    this.#clock = clock
    this.#wrong = new RefusedTokens(clock, wrongSignatureMs)
    this.#termsOf = tokens ? tokens.#termsOf : new WeakMap()
    this.#issuers = new Map(
      issuers.map((issuer) => {
        const before = tokens ? tokens.#issuers.get(issuer.issuer) : undefined
        // Else a reload while the issuer cannot be reached would refuse all tokens.
        const keys = before?.issuer.jwks === issuer.jwks ? before?.keys : undefined
        const { introspection: place } = issuer
        const same = isDeepStrictEqual(before?.introspection?.place, place) ? before?.introspection : undefined
        const trusted: Trusted = {
          issuer,
          keys: keys ?? new IssuerKeys(issuer, clock, log),
          introspection: place && (same ?? new Introspection(issuer.issuer, place, clock, log)),
          terms: termsOf(issuer, publicUrl),
        }
        return [issuer.issuer, trusted] as const
      }),
    )
    this.#asked = [...this.#issuers.values()].find(({ introspection }) => introspection)
    for (const [key, checked] of tokens ? tokens.#remembered : []) {
      const trusted = this.#issuers.get(checked.issuer.issuer)
      // Those of other issuers are checked again, by keys that are known.
      if (trusted?.introspection && this.#termsOf.get(checked.principal) === trusted.terms)
        this.#remembered.set(key, { ...checked, issuer: trusted.issuer })
    }
  }

  knows(issuer: string): boolean {
    return this.#issuers.has(issuer)
  }

  /** Whether a principal of a token comes from a trusted issuer, and what the token was accepted under still holds. */
  accepts(principal: Principal): boolean {
    const trusted = principal.issuer === undefined ? undefined : this.#issuers.get(principal.issuer)
    return trusted !== undefined && (this.#termsOf.get(principal) ?? trusted.terms) === trusted.terms
  }

  /**
   * The principal of a token, or why there is none; a promise only if it has to be checked anew.
   * @param audiences the URLs of the endpoint that it is to be for
   */
  check(token: string, audiences: readonly string[]): Awaitable<TokenDecision> {
    if (token.length > maxChars) return { fault: 'too_large' }
    const key = hash('sha256', token, 'base64')
    const known = this.#remembered.get(key)
    if (known && this.#clock.now() < known.untilMs && wallMs() < known.expiresAtMs) return decided(known, audiences)
    if (this.#wrong.has(key)) return { fault: 'wrong_signature' }
    return this.#check(token, key, audiences)
  }

  async #check(token: string, key: string, audiences: readonly string[]): Promise<TokenDecision> {
    const [, head = '', payload = ''] = compact.exec(token) ?? []
    const header = jsonIn(head)
    const claims = jsonIn(payload)
    if (!header || !claims) {
      // An API key is no business of the issuer.
      const asked = holdsApiKey(token) ? undefined : this.#asked
      return asked ? this.#ask(token, key, asked, audiences) : { fault: 'no_jwt' }
    }
    const { iss } = claims
    const trusted = typeof iss === 'string' ? this.#issuers.get(iss) : undefined
    if (!trusted) return { fault: 'unknown_issuer' }
    if (trusted.introspection) return this.#ask(token, key, trusted, audiences)
    const { typ } = header
    if (!types.includes(typeof typ === 'string' ? typ.toLowerCase() : typ)) return { fault: 'wrong_type' }
    const { issuer, keys } = trusted
    try {
      const { jwtVerify } = await import('jose')
      const { payload: verified } = await jwtVerify(token, keys.keyFor, {
        algorithms: [...issuer.algorithms],
        issuer: issuer.issuer,
        clockTolerance: skewSeconds,
        requiredClaims: ['sub', 'exp', 'aud'],
      })
      return this.#take(verified as JsonObject, trusted, key, audiences)
    } catch (error) {
      const fault = faultOf(error)
      if (fault === 'wrong_signature') this.#wrong.add(key)
      return { fault }
    }
  }

  /** Asks the issuer. While it does not answer, what it said the last time holds for some minutes. */
  async #ask(token: string, key: string, trusted: Trusted, audiences: readonly string[]): Promise<TokenDecision> {
    const answer = (await trusted.introspection?.ask(token, key, this.#remembered.has(key))) ?? 'unavailable'
    if (answer === 'unavailable') {
      const known = this.#remembered.get(key)
      const isGood = known && this.#clock.now() < known.staleUntilMs && wallMs() < known.expiresAtMs
      return isGood ? decided(known, audiences) : { fault: 'introspection_unavailable' }
    }
    const fault = answer === 'inactive' ? answer : faultOfAnswer(answer, trusted.issuer)
    if (fault !== undefined || answer === 'inactive') {
      this.#remembered.delete(key)
      return { fault: fault ?? 'inactive' }
    }
    return this.#take(claimsOfAnswer(answer), trusted, key, audiences)
  }

  /** Takes the claims of a token whose signature, issuer and times are right. */
  #take(claims: JsonObject, { issuer, terms }: Trusted, key: string, audiences: readonly string[]): TokenDecision {
    const accepted = acceptClaims(claims, issuer)
    if ('fault' in accepted) {
      // What its issuer says now counts, also while it does not answer later.
      this.#remembered.delete(key)
      return accepted
    }
    this.#termsOf.set(accepted.principal, terms)
    const untilMs = this.#clock.now() + (issuer.introspection?.rememberMs ?? rememberedMs)
    const checked: Checked = { ...accepted, issuer, untilMs, staleUntilMs: untilMs + staleMs }
    this.#remember(key, checked)
    return decided(checked, audiences)
  }

  /** Forgets the tokens of a tenant: the next request with one has it checked anew. @returns how many there were */
  forget(tenant: string): number {
    let forgotten = 0
    for (const [key, { principal }] of this.#remembered)
      if (principal.tenant === tenant && this.#remembered.delete(key)) forgotten++
    return forgotten
  }

  #remember(key: string, checked: Checked): void {
    this.#remembered.delete(key)
    this.#remembered.set(key, checked)
    if (this.#remembered.size <= mostRemembered) return
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest)
      return
    }
  }
}

/** For each endpoint anew: a token for one is of no use at another. */
function decided({ principal, audiences: named, issuer }: Checked, audiences: readonly string[]): TokenDecision {
  const isForUs =
    issuer.audience === undefined ? audiences.some((one) => named.includes(one)) : named.includes(issuer.audience)
  return isForUs ? { principal } : { fault: 'wrong_audience' }
}

function termsOf(issuer: TrustedIssuer, publicUrl: string | undefined): string {
  const { audience, tenantClaim, tenant, jwks, algorithms, introspection } = issuer
  const asked = introspection && [introspection.url, introspection.clientId]
  return JSON.stringify([audience, audience ?? publicUrl, tenantClaim, tenant, jwks, algorithms, asked])
}

function jsonIn(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function faultOf(error: unknown): TokenFault {
  if (error instanceof KeysUnavailable) return 'issuer_unavailable'
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (error instanceof Error && 'claim' in error && error.claim === 'nbf') return 'not_valid_yet'
  return faultByCode.get(code) ?? 'no_jwt'
}
