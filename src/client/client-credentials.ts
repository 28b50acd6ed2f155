/** What a client proves itself with at an endpoint, and how it gets something better when that is refused. */

/** An answer that refuses the credentials of a message; the server has not run the message. */
export interface RefusedCredentials {
  readonly status: 401 | 403
  /** What the message was sent with. */
  readonly bearer: string | undefined
  /** The header `WWW-Authenticate`. */
  readonly challenge: string | undefined
  /** Whether this message was refused before, with other credentials. */
  readonly isAgain: boolean
}

export interface ClientCredentials {
  /** Sent as a bearer token; undefined if there is none. May wait for a renewal that is due. Never rejects. */
  bearer(): Promise<string | undefined>
  /**
   * Gets other credentials, which may wait for a person.
   * @returns whether the message can be sent again. Never rejects
   */
  renew(refused: RefusedCredentials): Promise<boolean>
}

/** Whether an answer says that the credentials lack a scope that the message needs. [RFC 6750, 3.1] */
export function lacksScope(status: number, challenge: string | undefined): boolean {
  return status === 403 && challenge !== undefined && /\berror="?insufficient_scope\b/.test(challenge)
}
