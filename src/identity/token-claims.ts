/** What the claims of a token say, once it is known that its issuer has made them. Pure but for the time. */
import { wallMs } from '../base/clock.ts'
import type { JsonObject } from '../base/json.ts'
import type { Principal } from '../protocol/call.ts'
import { isTenantName, type TrustedIssuer } from './issuer-line.ts'
import { defaultTenant, faultOfKeyText } from './key-record.ts'

/** Why claims are not accepted: for the log and the metrics, never for the client. */
export type ClaimsFault = 'wrong_claims' | 'expired' | 'not_valid_yet' | 'no_tenant' | 'wrong_type' | 'bound_token'

export interface Accepted {
  readonly principal: Principal
  readonly audiences: readonly string[]
  /** In milliseconds since 1970. */
  readonly expiresAtMs: number
}

/** How far the clocks of issuers may be ahead, in seconds. */
export const skewSeconds = 60

/** The principal of claims whose issuer and times were checked, but for their end. */
export function acceptClaims(claims: JsonObject, issuer: TrustedIssuer): Accepted | { readonly fault: ClaimsFault } {
  const { sub, exp, aud, cnf } = claims
  // Only the holder of a key may use it, which nothing here can check: whoever has stolen it must not. [RFC 7800, 3.1; RFC 9449, 7.2]
  if (cnf !== undefined && cnf !== null) return { fault: 'bound_token' }
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
  const audiences = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string')
  return { principal, audiences, expiresAtMs }
}

/**
 * What is wrong with the claims of an active token in the answer of its issuer, which also tells of tokens that are no access
 * tokens. [RFC 7662, 2.2]
 */
export function faultOfAnswer(answer: JsonObject, { issuer }: TrustedIssuer): ClaimsFault | undefined {
  const { iss, nbf, token_type: type, typ, exp, aud } = answer
  if (iss !== undefined && iss !== issuer) return 'wrong_claims'
  // Refresh tokens are active as well, and so are tokens of another kind than bearer tokens.
  if (!isBearer(type) || !isBearer(typ)) return 'wrong_type'
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf * 1000 <= wallMs() + skewSeconds * 1000))
    return 'not_valid_yet'
  return exp === undefined || aud === undefined ? 'wrong_claims' : undefined
}

/** The claims of an answer. Without a user, the subject is the client, as in a JWT. [RFC 9068, 2.2] */
export function claimsOfAnswer(answer: JsonObject): JsonObject {
  const { sub, client_id: client } = answer
  return sub === undefined && client !== undefined ? { ...answer, sub: client } : answer
}

function isBearer(type: unknown): boolean {
  return type === undefined || (typeof type === 'string' && /^(bearer|access_token|jwt|at\+jwt)$/i.test(type))
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
