/** Decides from a failure of fetch whether any part of the request can have reached the server. Pure. */

/** The codes that node and its fetch have for failures before anything was sent. */
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
  // fetch refuses to use the ports of some other protocols.
  'bad port',
])
/** An untrusted certificate ends a connection before the request is sent. */
const isOfCertificate = /CERT|SIGNATURE|SELF_SIGNED|ERR_TLS|ERR_SSL/

/** @param error what fetch threw */
export function isUnsent(error: unknown): boolean {
  const cause = causeBehind(error)
  // A network failure after the request was sent has the same codes, but the system call is a read.
  if (cause instanceof Error && 'syscall' in cause && cause.syscall === 'read') return false
  const name = causeOf(error)
  return unsent.has(name) || isOfCertificate.test(name)
}

/** The code of the cause of an error that fetch threw, or its message if it has no code. */
export function causeOf(error: unknown): string {
  const cause = causeBehind(error)
  if (!(cause instanceof Error)) return String(cause)
  return 'code' in cause ? String(cause.code) : cause.message
}

function causeBehind(error: unknown): unknown {
  return error instanceof Error ? (error.cause ?? error) : error
}
