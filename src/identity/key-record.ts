/**
 * What is kept of an API key: whose it is, and the hash of its secret, never the secret. In the keys file it is a JSON object,
 * in the configuration a line: `ID HASH tenant=acme subject=ann expires=2027-01-31T00:00:00Z`. Pure.
 */
import { isObject } from '../base/json.ts'
import { isScope } from './scope-rules.ts'
import { keyHashShape, keyIdShape } from './api-key.ts'

export interface KeyRecord {
  readonly id: string
  /** In hexadecimal digits. */
  readonly hash: string
  readonly tenant: string
  readonly subject: string
  /** For people. */
  readonly name?: string
  /** What requests with it may do, where scopes are asked for; undefined for everything. */
  readonly scopes?: readonly string[]
  /** These in milliseconds since 1970. */
  readonly createdAtMs?: number
  readonly expiresAtMs?: number
  readonly revokedAtMs?: number
}

export const defaultTenant = 'default'

export type KeyText = 'tenant' | 'subject' | 'name'

const nameText = { test: isName, accepted: 'a text of up to 256 characters without control characters' }

const texts: Readonly<Record<KeyText, { readonly accepted: string; test(text: string): boolean }>> = {
  tenant: {
    test: (text) => /^(?!__proto__$)[A-Za-z0-9_-]{1,64}$/.test(text),
    accepted: 'up to 64 letters, digits and the characters _ and -',
  },
  subject: nameText,
  name: nameText,
}

/** What a text of a record has to be, if it is not that; undefined if it is. */
export function faultOfKeyText(what: KeyText, text: string): string | undefined {
  return texts[what].test(text) ? undefined : texts[what].accepted
}

/** The record of a JSON value; a fault in words if it is not one. */
export function readKeyRecord(value: unknown): KeyRecord | { readonly fault: string } {
  if (!isObject(value)) return { fault: 'is not an object' }
  const { id, hash, tenant = defaultTenant, subject, name, scopes, createdAt, expiresAt, revokedAt, ...unknown } = value
  if (typeof id !== 'string' || !keyIdShape.test(id)) return { fault: 'has no id of 12 letters and digits' }
  if (typeof hash !== 'string' || !keyHashShape.test(hash))
    return { fault: `${id} has no hash of 64 hexadecimal digits` }
  // A misspelt end or revocation must not be a key without one.
  const [stranger] = Object.keys(unknown)
  if (stranger !== undefined) return { fault: `${id} has a member that is not known: ${JSON.stringify(stranger)}` }
  const faulty = (['tenant', 'subject', 'name'] as const).find((what) => {
    const text = { tenant, subject, name: name ?? subject }[what]
    return typeof text !== 'string' || faultOfKeyText(what, text) !== undefined
  })
  if (faulty || typeof tenant !== 'string' || typeof subject !== 'string')
    return { fault: `${id} has a ${faulty} that is not accepted: ${texts[faulty ?? 'subject'].accepted}` }
  if (scopes !== undefined && !isScopes(scopes)) return { fault: `${id} has scopes that are no list of scopes` }
  const times = { createdAtMs: timeOf(createdAt), expiresAtMs: timeOf(expiresAt), revokedAtMs: timeOf(revokedAt) }
  for (const [what, ms] of Object.entries(times))
    // A key whose end cannot be read must not be one without an end.
    if (Number.isNaN(ms)) return { fault: `${id} has a time that is not one: ${what.replace('Ms', '')}` }
  return {
    id,
    hash,
    tenant,
    subject,
    ...(typeof name === 'string' && { name }),
    ...(isScopes(scopes) && { scopes }),
    ...(times.createdAtMs !== undefined && { createdAtMs: times.createdAtMs }),
    ...(times.expiresAtMs !== undefined && { expiresAtMs: times.expiresAtMs }),
    ...(times.revokedAtMs !== undefined && { revokedAtMs: times.revokedAtMs }),
  }
}

/** The record as JSON, with the same names as `readKeyRecord`. */
export function writeKeyRecord({ createdAtMs, expiresAtMs, revokedAtMs, ...rest }: KeyRecord): object {
  return {
    ...rest,
    ...(createdAtMs !== undefined && { createdAt: isoTime(createdAtMs) }),
    ...(expiresAtMs !== undefined && { expiresAt: isoTime(expiresAtMs) }),
    ...(revokedAtMs !== undefined && { revokedAt: isoTime(revokedAtMs) }),
  }
}

/** The record of a line of the configuration; undefined if it is not one. */
export function readKeyLine(line: string): KeyRecord | undefined {
  const [id, hash, ...members] = line.trim().split(/\s+/)
  const value: Record<string, unknown> = { id, hash }
  for (const member of members) {
    const [, name = '', text = ''] = /^(tenant|subject|name|scopes|expires)=(.+)$/.exec(member) ?? []
    const key = name === 'expires' ? 'expiresAt' : name
    if (name === '' || value[key] !== undefined) return undefined
    try {
      const decoded = decodeURIComponent(text)
      value[key] = key === 'scopes' ? decoded.split(' ') : decoded
    } catch {
      return undefined
    }
  }
  const read = readKeyRecord(value)
  return 'fault' in read ? undefined : read
}

export function writeKeyLine({ id, hash, tenant, subject, name, scopes, expiresAtMs }: KeyRecord): string {
  const members = {
    tenant,
    subject,
    name,
    scopes: scopes?.join(' '),
    expires: expiresAtMs === undefined ? undefined : isoTime(expiresAtMs),
  }
  const written = Object.entries(members).flatMap(([key, text]) =>
    text === undefined ? [] : [`${key}=${encodeURIComponent(text).replaceAll('%3A', ':')}`],
  )
  return [id, hash, ...written].join(' ')
}

function isScopes(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string' && isScope(one))
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Milliseconds since 1970; NaN for a value that is no time. */
function timeOf(value: unknown): number | undefined {
  if (value === undefined) return undefined
  return typeof value === 'string' && /^\d{4}-\d\d-\d\d(T|$)/.test(value) ? Date.parse(value) : Number.NaN
}

function isName(text: string): boolean {
  return text.length <= 256 && text.trim() === text && text !== '' && !/\p{Cc}|\p{Cf}|\p{Cs}/u.test(text)
}
