/**
 * Callers that a proxy in front of mcplex has authenticated: a trusted peer says in headers who they are. Promises that headers
 * of other peers never count, and that a header which two programs could read in two ways is refused.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import type { Principal } from '../protocol/call.ts'
import type { Inbound } from '../protocol/inbound.ts'
import { isTenantName } from './issuer-line.ts'
import { defaultTenant, faultOfKeyText } from './key-record.ts'
import type { AuthSettings } from './options.ts'
import { isScope } from './scope-rules.ts'
import { TrustedPeers } from './trusted-peers.ts'

/** Who vouches for the subjects of these callers. */
export const proxyIssuer = 'proxy'

/** Why there is no caller of a proxy: for the log and the metrics, never for the client. */
export type ProxyFault =
  /** The peer is not trusted, and names no user: it is a client of its own. */
  | 'missing'
  /** The peer is not trusted, and names a user. */
  | 'untrusted_peer'
  | 'wrong_proxy_secret'
  /** The peer is trusted, and names no user. */
  | 'no_user_header'
  | 'several_values'
  | 'malformed_header'
  | 'no_tenant'

export type ProxyDecision = { readonly principal: Principal } | { readonly fault: ProxyFault }

/** Faults of a request that may have credentials of its own. The others are those of a trusted peer, and final. */
const ownCredentialsMayDo: readonly ProxyFault[] = ['missing', 'untrusted_peer', 'wrong_proxy_secret', 'no_user_header']

export function mayHaveCredentials(fault: ProxyFault): boolean {
  return ownCredentialsMayDo.includes(fault)
}

/** The settings that matter here. */
export type ProxySettings = Pick<
  AuthSettings,
  | 'proxyFrom'
  | 'proxySecret'
  | 'proxySecretHeader'
  | 'proxyUserHeader'
  | 'proxyTenantHeader'
  | 'proxyTenant'
  | 'proxyScopesHeader'
>

export class ProxyCallers {
  readonly #settings: ProxySettings
  /** By address; undefined if the secret alone decides. */
  readonly #peers: TrustedPeers | undefined
  readonly #secretHash: Buffer | undefined
  readonly #terms: string
  /** Principals that were accepted under these settings. */
  readonly #accepted: WeakSet<Principal>

  /** @param before that of the settings before: with the same settings, what it accepted stays accepted */
  constructor(settings: ProxySettings, before?: ProxyCallers) {
    const { proxyFrom, proxySecret, proxySecretHeader, proxyUserHeader } = settings
    const { proxyTenantHeader, proxyTenant, proxyScopesHeader } = settings
    this.#settings = settings
    this.#peers = proxyFrom.length === 0 ? undefined : new TrustedPeers(proxyFrom)
    this.#secretHash = proxySecret === undefined ? undefined : hashOf(proxySecret)
    this.#terms = JSON.stringify([
      proxyFrom,
      this.#secretHash?.toString('hex'),
      proxySecretHeader,
      proxyUserHeader,
      proxyTenantHeader,
      proxyTenant,
      proxyScopesHeader,
    ])
    this.#accepted = before && before.#terms === this.#terms ? before.#accepted : new WeakSet()
  }

  /** Whether what was begun for a principal may go on. */
  accepts(principal: Principal): boolean {
    return this.#accepted.has(principal)
  }

  check(inbound: Inbound): ProxyDecision {
    const { proxyUserHeader } = this.#settings
    const fault = this.#faultOfPeer(inbound)
    const user = single(inbound, proxyUserHeader)
    if (fault !== undefined) return { fault: fault === 'untrusted_peer' && user === undefined ? 'missing' : fault }
    if (user === undefined) return { fault: 'no_user_header' }
    if (user === several) return { fault: 'several_values' }
    if (!isPlain(user) || faultOfKeyText('subject', user) !== undefined) return { fault: 'malformed_header' }
    const tenant = this.#tenantOf(inbound)
    if (typeof tenant !== 'string') return tenant
    const scopes = this.#scopesOf(inbound)
    if (scopes && 'fault' in scopes) return scopes
    const principal: Principal = Object.freeze({
      tenant,
      subject: user,
      issuer: proxyIssuer,
      ...(scopes !== undefined && { scopes }),
    })
    this.#accepted.add(principal)
    return { principal }
  }

  /** Undefined if the peer is trusted. What is set has to be right: the address, the secret, or both. */
  #faultOfPeer({ remoteAddress, headers }: Inbound): ProxyFault | undefined {
    if (this.#peers?.has(remoteAddress) === false) return 'untrusted_peer'
    if (!this.#secretHash) return this.#peers ? undefined : 'untrusted_peer'
    const secret = headers[this.#settings.proxySecretHeader]
    if (secret === undefined || secret === '') return 'untrusted_peer'
    return typeof secret === 'string' && timingSafeEqual(hashOf(secret), this.#secretHash)
      ? undefined
      : 'wrong_proxy_secret'
  }

  #tenantOf(inbound: Inbound): string | { readonly fault: ProxyFault } {
    const { proxyTenantHeader, proxyTenant } = this.#settings
    if (proxyTenantHeader === undefined) return proxyTenant ?? defaultTenant
    const tenant = single(inbound, proxyTenantHeader)
    if (tenant === several) return { fault: 'several_values' }
    if (tenant === undefined) return proxyTenant ?? { fault: 'no_tenant' }
    return isTenantName(tenant) ? tenant : { fault: 'malformed_header' }
  }

  /** With a header for them, a request without it has no scopes. */
  #scopesOf({ headers }: Inbound): readonly string[] | { readonly fault: ProxyFault } | undefined {
    const { proxyScopesHeader } = this.#settings
    if (proxyScopesHeader === undefined) return undefined
    const text = headers[proxyScopesHeader] ?? ''
    if (typeof text !== 'string') return { fault: 'several_values' }
    const scopes = text.split(/[ ,]+/).filter((scope) => scope !== '')
    return scopes.every(isScope) ? Object.freeze(scopes) : { fault: 'malformed_header' }
  }
}

/** No header has it: HTTP joins values with a comma, and no value here has one. */
const several = ','

/** The one value of a header; undefined if it is missing or empty, `several` if there may be more. */
function single({ headers }: Inbound, name: string): string | undefined {
  const value = headers[name]
  if (value === undefined || value === '') return undefined
  return typeof value !== 'string' || value.includes(',') ? several : value
}

/** In other characters, the proxy and mcplex may not agree on the encoding. */
function isPlain(text: string): boolean {
  return /^[\u0020-\u007e]+$/.test(text)
}

function hashOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}
