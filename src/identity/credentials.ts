/** Finds the credentials of a request. Only headers carry them: addresses are logged on the way. Pure. */
import { header, type Inbound } from '../protocol/inbound.ts'
import { holdsApiKey } from './api-key.ts'

/** Why a request has no credentials that could be looked at: for the log and the metrics, never for the client. */
export type CredentialsFault = 'missing' | 'in_address' | 'not_bearer' | 'several'

export type Credentials = { readonly token: string } | { readonly fault: CredentialsFault }

const inAddress = /(?:^|&)(?:access_token|api_?key)=/i
/** [RFC 6750, 2.1] */
const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i

/**
 * The bearer token of a request, or what its header `X-Api-Key` has. No header of both: what one program on the way checks
 * must be what is used here.
 */
export function credentialsOf(inbound: Inbound): Credentials {
  const query = inbound.query ?? ''
  if (query !== '' && (inAddress.test(query) || holdsApiKey(query))) return { fault: 'in_address' }
  const authorization = header(inbound, 'authorization')
  const key = header(inbound, 'x-api-key')
  if (authorization === undefined) return key === undefined || key === '' ? { fault: 'missing' } : { token: key }
  if (key !== undefined) return { fault: 'several' }
  const token = bearer.exec(authorization)?.[1]
  return token === undefined ? { fault: 'not_bearer' } : { token }
}
