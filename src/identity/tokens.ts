/**
 * Tokens of trusted issuers: signed JWTs for this resource. A token that was checked is remembered for a minute, because a
 * check costs some hundred microseconds. [RFC 9068; RFC 8725]
 */
import { hash } from 'node:crypto'
import type { Awaitable } from '../base/awaitable.ts'
import { type Clock, wallMs } from '../base/clock.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { Log } from '../base/log.ts'
import type { Principal } from '../protocol/call.ts'
import { IssuerKeys, KeysUnavailable } from './issuer-keys.ts'
import { isTenantName, type TrustedIssuer } from './issuer-line.ts'
import { defaultTenant, faultOfKeyText } from './key-record.ts'

/** Why a token is not accepted: for the log and the metrics, never for the client. */
export type TokenFault =
  | 'too_large'
  | 'no_jwt'
  | 'unknown_issuer'
  | 'wrong_type'
  | 'algorithm'
  | 'unknown_signing_key'
  | 'wrong_signature'
  | 'issuer_unavailable'
  | 'expired'
  | 'not_valid_yet'
  | 'wrong_claims'
  | 'wrong_audience'
  | 'no_tenant'

export type TokenDecision = { readonly principal: Principal } | { readonly fault: TokenFault }

interface Checked {
  readonly principal: Principal
  readonly audiences: readonly string[]
  readonly issuer: TrustedIssuer
  /** Until when it is remembered, by the monotonic clock: a clock of the machine that is set back makes it no longer. */
  readonly untilMs: number
  /** In milliseconds since 1970. */
  readonly expiresAtMs: number
}

interface Trusted {
  readonly issuer: TrustedIssuer
  readonly keys: IssuerKeys
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
const mostRemembered = 10_000
/** How far the clocks of issuers may be ahead, in seconds. */
const skewSeconds = 60
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

  constructor(issuers: readonly TrustedIssuer[], clock: Clock, log: Log, { tokens, publicUrl }: TokensBefore = {}) {
    this.#clock = clock
    this.#termsOf = tokens ? tokens.#termsOf : new WeakMap()
    this.#issuers = new Map(
      issuers.map((issuer) => {
        const before = tokens ? tokens.#issuers.get(issuer.issuer) : undefined
        // Else a reload while the issuer cannot be reached would refuse all tokens.
        const keys = before?.issuer.jwks === issuer.jwks ? before?.keys : undefined
        const { audience, tenantClaim, tenant, jwks, algorithms } = issuer
        const terms = JSON.stringify([audience, audience ?? publicUrl, tenantClaim, tenant, jwks, algorithms])
        return [issuer.issuer, { issuer, keys: keys ?? new IssuerKeys(issuer, clock, log), terms }] as const
      }),
    )
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
    return this.#check(token, key, audiences)
  }

  async #check(token: string, key: string, audiences: readonly string[]): Promise<TokenDecision> {
    const [, head = '', payload = ''] = compact.exec(token) ?? []
    const header = jsonIn(head)
    const claims = jsonIn(payload)
    if (!header || !claims) return { fault: 'no_jwt' }
    const { iss } = claims
    const trusted = typeof iss === 'string' ? this.#issuers.get(iss) : undefined
    if (!trusted) return { fault: 'unknown_issuer' }
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
      return { fault: faultOf(error) }
    }
  }

  /** Takes the claims of a token whose signature, issuer and times are right. */
  #take(claims: JsonObject, { issuer, terms }: Trusted, key: string, audiences: readonly string[]): TokenDecision {
    const { sub, exp, aud } = claims
    if (typeof sub !== 'string' || faultOfKeyText('subject', sub) !== undefined) return { fault: 'wrong_claims' }
    const expiresAtMs = typeof exp === 'number' ? exp * 1000 : Number.NaN
    // The skew is for clocks that are ahead, not for tokens that have ended.
    if (!(wallMs() < expiresAtMs)) return { fault: 'expired' }
    const tenant = tenantOf(claims, issuer)
    if (tenant === undefined) return { fault: 'no_tenant' }
    const principal: Principal = Object.freeze({
      tenant,
      subject: sub,
      issuer: issuer.issuer,
      scopes: Object.freeze(scopesOf(claims)),
      expiresAtMs,
    })
    const named = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string')
    this.#termsOf.set(principal, terms)
    const untilMs = this.#clock.now() + rememberedMs
    const checked: Checked = { principal, audiences: named, issuer, untilMs, expiresAtMs }
    this.#remember(key, checked)
    return decided(checked, audiences)
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

function tenantOf(claims: JsonObject, { tenantClaim, tenant }: TrustedIssuer): string | undefined {
  const claim = tenantClaim === undefined || !Object.hasOwn(claims, tenantClaim) ? undefined : claims[tenantClaim]
  if (claim !== undefined) return typeof claim === 'string' && isTenantName(claim) ? claim : undefined
  return tenantClaim === undefined ? (tenant ?? defaultTenant) : tenant
}

/** `scope` as text [RFC 9068, 2.2.3], or `scp`, as others write it. */
function scopesOf({ scope, scp }: JsonObject): string[] {
  const found = scope ?? scp
  const words = typeof found === 'string' ? found.split(' ') : Array.isArray(found) ? found : []
  return words.filter((word) => typeof word === 'string' && word !== '').map(String)
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
