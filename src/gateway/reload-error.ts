/** Why a reload has changed nothing. */

/** An upstream could not be started, so that nothing was changed. */
export class ReloadError extends Error {
  /** The name of the upstream; undefined if the gateway itself could not be changed. */
  readonly upstream: string | undefined

  /** @param cause the `UpstreamStartError` of the upstream, for the operator alone */
  constructor(message: string, upstream?: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ReloadError'
    this.upstream = upstream
  }
}
