/** The API keys that are accepted, looked up by their ids. */
import { timingSafeEqual } from 'node:crypto'
import { type Principal, principalKey } from '../protocol/call.ts'
import { hashOfSecret, readApiKey } from './api-key.ts'
import type { KeyRecord } from './key-record.ts'

/** Who vouches for the subjects of keys. */
export const keysIssuer = 'keys'

/** Why a key is not accepted: for the log and the metrics, never for the client. */
export type KeyFault = 'malformed' | 'unknown_key' | 'wrong_secret' | 'revoked' | 'expired'

/** The principal of a key, or why there is none. `keyId` may be logged. */
export type KeyDecision =
  { readonly principal: Principal } | { readonly fault: KeyFault; readonly keyId: string | undefined }

interface KnownKey {
  readonly hash: Buffer
  readonly principal: Principal
  readonly isRevoked: boolean
}

export class KnownKeys {
  readonly #byId = new Map<string, KnownKey>()
  /** The keys of each principal that are not revoked. */
  readonly #byOwner = new Map<string, KnownKey[]>()

  /** @param records with several for one id, the last one counts */
  constructor(records: readonly KeyRecord[]) {
    for (const { id, hash, tenant, subject, scopes, expiresAtMs, revokedAtMs } of records) {
      const principal: Principal = Object.freeze({
        tenant,
        subject,
        issuer: keysIssuer,
        keyId: id,
        ...(scopes !== undefined && { scopes: Object.freeze([...scopes]) }),
        ...(expiresAtMs !== undefined && { expiresAtMs }),
      })
      this.#byId.set(id, { hash: Buffer.from(hash, 'hex'), principal, isRevoked: revokedAtMs !== undefined })
    }
    for (const known of this.#byId.values()) {
      if (known.isRevoked) continue
      const owner = ownerOf(known.principal)
      const others = this.#byOwner.get(owner)
      if (others) others.push(known)
      else this.#byOwner.set(owner, [known])
    }
  }

  /** How many keys are accepted at a time. */
  count(nowMs: number): number {
    let count = 0
    for (const { principal, isRevoked } of this.#byId.values()) if (!isRevoked && !isOver(principal, nowMs)) count++
    return count
  }

  /** @param nowMs milliseconds since 1970 */
  check(text: string, nowMs: number): KeyDecision {
    const read = readApiKey(text)
    if (!read) return { fault: 'malformed', keyId: undefined }
    const { id, secret } = read
    const known = this.#byId.get(id)
    // Which ids there are is no secret: they are logged.
    if (!known) return { fault: 'unknown_key', keyId: id }
    if (!timingSafeEqual(hashOfSecret(id, secret), known.hash)) return { fault: 'wrong_secret', keyId: id }
    if (known.isRevoked) return { fault: 'revoked', keyId: id }
    if (isOver(known.principal, nowMs)) return { fault: 'expired', keyId: id }
    return { principal: known.principal }
  }

  /** Whether the key of a principal is still accepted, for the same subject. */
  isValid(principal: Principal, nowMs: number): boolean {
    const known = principal.keyId === undefined ? undefined : this.#byId.get(principal.keyId)
    return (
      known !== undefined &&
      !known.isRevoked &&
      !isOver(known.principal, nowMs) &&
      isSameOwner(known.principal, principal)
    )
  }

  /** Whether any key of this principal is still accepted: neither revoked nor over. */
  hasOwner(principal: Principal, nowMs: number): boolean {
    if (this.isValid(principal, nowMs)) return true
    const own = this.#byOwner.get(ownerOf(principal)) ?? []
    return own.some((known) => !isOver(known.principal, nowMs))
  }
}

function isOver({ expiresAtMs }: Principal, nowMs: number): boolean {
  return expiresAtMs !== undefined && nowMs >= expiresAtMs
}

/** ScopedRequest for each open stream, again and again: it allocates nothing. */
function isSameOwner(one: Principal, other: Principal): boolean {
  return one === other || (one.tenant === other.tenant && one.issuer === other.issuer && one.subject === other.subject)
}

function ownerOf(principal: Principal): string {
  return JSON.stringify(principalKey(principal))
}
