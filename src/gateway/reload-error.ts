/** Why a reload has changed nothing. */

export interface ReloadErrorDetails {
  /** The upstream that could not be started. */
  readonly upstream?: string | undefined
  /** The `UpstreamStartError` of that upstream, for the operator alone. */
  readonly cause?: unknown
  /** See `ReloadError.isReplaced`. */
  readonly isReplaced?: boolean
  /** See `ReloadError.isClosing`. */
  readonly isClosing?: boolean
}

/** An upstream could not be started, so that nothing was changed; or the reload did not get so far. */
export class ReloadError extends Error {
  /** The name of the upstream; undefined if none is the reason. */
  readonly upstream: string | undefined
  /** Whether a newer reload has taken the place of this one before it had changed anything. */
  readonly isReplaced: boolean
  /** Whether the gateway is being shut down: this is no fault of the settings. */
  readonly isClosing: boolean

  constructor(message: string, { upstream, cause, isReplaced = false, isClosing = false }: ReloadErrorDetails = {}) {
    super(message, { cause })
    this.name = 'ReloadError'
    this.upstream = upstream
    this.isReplaced = isReplaced
    this.isClosing = isClosing
  }
}
