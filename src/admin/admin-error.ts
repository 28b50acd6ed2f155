/** Why a request of an operator is not answered. Shown as problem details. [RFC 9457] */
export class AdminError extends Error {
  readonly status: number
  /** A word that does not change. */
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.name = 'AdminError'
    this.status = status
    this.reason = reason
  }
}
