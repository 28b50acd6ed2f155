/** What is said once requests are served. */
import type { Settings } from '../../../config/settings.ts'
import type { GatewayFacts } from '../../../gateway/gateway.ts'

/** The isolation modes of clients with sessions and without. */
export interface Sharing {
  readonly sessions: string
  readonly stateless: string
}

/** An upstream; how clients share it is unknown until it has started. */
export type ReadyUpstream = Omit<GatewayFacts['upstreams'][string], 'sharing'> & {
  readonly sharing: Sharing | undefined
}

export interface Ready {
  readonly version: string
  /** The beginning of a command line that starts this copy of mcplex. */
  readonly command: string
  /** The URL for clients, without a path. */
  readonly url: string
  readonly address: string
  readonly port: number
  /** The Unix socket, if it listens at one. */
  readonly socket: string | undefined
  /** The URL for operators, without a path, if there is one. */
  readonly admin: string | undefined
  readonly server: {
    readonly name: string
    readonly version: string | undefined
    readonly eras: readonly string[]
    readonly tools: number
    readonly startMs: number
  }
  /** The isolation mode of each server era. */
  readonly modes: Readonly<Record<string, string>>
  /** What is known of each upstream. */
  readonly upstreams: Readonly<Record<string, ReadyUpstream>>
  readonly sharing: Sharing
  readonly settings: Settings
}
