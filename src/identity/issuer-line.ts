/**
 * An issuer of tokens as a line of the settings: its URL, and what is expected of its tokens:
 * `https://login.example.com tenantClaim=org_id audience=mcplex jwks=https://login.example.com/keys algorithms=RS256+ES256`. Pure.
 */
import { isFetchable } from '../base/fetchable-url.ts'
import type { IntrospectionPlace } from './introspection.ts'

export interface TrustedIssuer {
  /** Compared with `iss` character by character. */
  readonly issuer: string
  /** The audience of its tokens; undefined for the URLs of the endpoints. [RFC 8707] */
  readonly audience: string | undefined
  /** The claim that names the tenant; with `tenant`, that one is for tokens without it. */
  readonly tenantClaim: string | undefined
  readonly tenant: string | undefined
  /** Where its keys are; undefined to find that out from its metadata. */
  readonly jwks: string | undefined
  readonly algorithms: readonly string[]
  /** Where mcplex asks what its tokens are; undefined if they are checked by its keys. [RFC 7662] */
  readonly introspection: IntrospectionPlace | undefined
}

/** How long an answer about a token is remembered unless a line says otherwise, and at most, in seconds. */
const rememberSeconds = { usual: 60, most: 300 }

/** Those with a key pair: with a shared secret, mcplex could issue tokens itself, and `none` is no signature. */
const knownAlgorithms: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

const member = /^(audience|tenantClaim|tenant|jwks|algorithms|introspection|clientId|clientSecret|remember)=(\S+)$/

/** The issuer of a line; undefined if it is not one. */
export function readIssuerLine(line: string): TrustedIssuer | undefined {
  const [issuer = '', ...members] = line.trim().split(/\s+/)
  const found = new Map<string, string>()
  for (const text of members) {
    const [, name = '', value = ''] = member.exec(text) ?? []
    if (name === '' || found.has(name)) return undefined
    found.set(name, value)
  }
  const jwks = found.get('jwks')
  const tenant = found.get('tenant')
  const algorithms = found.get('algorithms')?.split('+') ?? knownAlgorithms
  if (!isFetchable(issuer) || (jwks !== undefined && !isFetchable(jwks))) return undefined
  if (!algorithms.every((name) => knownAlgorithms.includes(name))) return undefined
  if (tenant !== undefined && !isTenantName(tenant)) return undefined
  const introspection = introspectionOf(found)
  if (introspection === 'faulty') return undefined
  return {
    issuer,
    audience: found.get('audience'),
    tenantClaim: found.get('tenantClaim'),
    tenant,
    jwks,
    algorithms,
    introspection,
  }
}

/** Where to ask, and as whom, are told together, and in place of keys. */
function introspectionOf(found: ReadonlyMap<string, string>): IntrospectionPlace | 'faulty' | undefined {
  const [url, clientId, clientSecret] = ['introspection', 'clientId', 'clientSecret'].map((name) => found.get(name))
  const remember = found.get('remember')
  if (url === undefined) return (clientId ?? clientSecret ?? remember) ? 'faulty' : undefined
  if (clientId === undefined || clientSecret === undefined || !isFetchable(url)) return 'faulty'
  if (found.has('jwks') || found.has('algorithms')) return 'faulty'
  const seconds = remember === undefined ? rememberSeconds.usual : Number(/^(\d{1,3})s$/.exec(remember)?.[1])
  if (!(seconds >= 1 && seconds <= rememberSeconds.most)) return 'faulty'
  return { url, clientId, clientSecret, rememberMs: seconds * 1000 }
}

/** The secret in a line, whatever else is wrong with it. */
export function secretInIssuerLine(line: string): string | undefined {
  return /(?:^|\s)clientSecret=(\S+)/.exec(line)?.[1]
}

export function isTenantName(text: string): boolean {
  return /^(?!__proto__$)[A-Za-z0-9_-]{1,64}$/.test(text)
}
