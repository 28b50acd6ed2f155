/** Why there is no decision on a call: a text of mcplex itself, without anything that a client or a server has sent. */
export class NoDecision extends Error {
  /** Whether the call or its result is too large to be asked about, which says nothing of the policy. */
  readonly isTooLarge: boolean

  constructor(message: string, how: { readonly isTooLarge?: boolean; readonly cause?: unknown } = {}) {
    super(message, how.cause === undefined ? undefined : { cause: how.cause })
    this.name = 'NoDecision'
    this.isTooLarge = how.isTooLarge === true
  }
}
