/** What the failures of fetch say of a request: whether any of it can have reached the server. Pure. */

/** What node and its fetch call a failure before anything was sent. */
const unsent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EPROTO',
  'UND_ERR_CONNECT_TIMEOUT',
  // Ports of other protocols, which fetch does not talk to.
  'bad port',
])
/** A certificate that is not trusted ends a connection before anything is said. */
const isOfCertificate = /CERT|SIGNATURE|SELF_SIGNED|ERR_TLS|ERR_SSL/

/** @param error what fetch threw */
export function isUnsent(error: unknown): boolean {
  const cause = causeBehind(error)
  // A network that goes away under a request that was sent has the same codes, for another step.
  if (cause instanceof Error && 'syscall' in cause && cause.syscall === 'read') return false
  const name = causeOf(error)
  return unsent.has(name) || isOfCertificate.test(name)
}

/** The code of the failure behind what fetch throws, or its words if it has none. */
export function causeOf(error: unknown): string {
  const cause = causeBehind(error)
  if (!(cause instanceof Error)) return String(cause)
  return 'code' in cause ? String(cause.code) : cause.message
}

function causeBehind(error: unknown): unknown {
  return error instanceof Error ? (error.cause ?? error) : error
}
