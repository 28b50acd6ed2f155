/**
 * The start of a server whose era, or revision, the operator has named: detection can be wrong, and a server that is asked
 * what it does not know may end or stay silent.
 */
import type { Protocol } from '../options.ts'
import { isLegacyVersion } from '../../protocol/revisions.ts'
import type { ClientDescription, EraName } from '../../protocol/call.ts'

/** The era that a setting names; undefined if it is to be found out. */
export function eraOfProtocol(protocol: Protocol): EraName | undefined {
  if (protocol === 'auto') return undefined
  return protocol === 'legacy' || isLegacyVersion(protocol) ? 'legacy' : 'modern'
}

/** The description of a client for the handshake: with the session-based revision that the setting names, if it names one. */
export function pinnedDescription(protocol: Protocol, client: ClientDescription): ClientDescription {
  return isLegacyVersion(protocol) ? { ...client, era: 'legacy', version: protocol } : client
}
