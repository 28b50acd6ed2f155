/** The settings of the HTTP edge. */

export interface HttpSettings {
  /** The address to listen on. */
  readonly host: string
  /** The port to listen on; 0 takes any free one. */
  readonly port: number
  /** Host names besides loopback and `host` under which requests are accepted. */
  readonly allowHosts: readonly string[]
  /** Origins besides loopback ones whose pages may send requests; compared to the letter. */
  readonly allowOrigins: readonly string[]
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number
  /** Whether an address other than loopback may be opened without authentication. */
  readonly insecure: boolean
  /** How long calls in flight may take when the server shuts down, in milliseconds. */
  readonly drainMs: number
}
