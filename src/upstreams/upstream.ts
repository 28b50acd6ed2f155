/** An upstream: an MCP server behind mcplex, as the gateway sees it. Each kind of server implements this interface. */
import type { HealthCheck } from '../protocol/health.ts'
import type { Call, EraName, Filter, Reply, Caller, Update } from '../protocol/call.ts'
import { Refusal } from '../base/refusal.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import type { Mode } from './options.ts'
import type { IsolationModes } from './pooling/isolation-modes.ts'

/** One era of the server. A server of both eras has two, each with its own workers. */
export interface ServerEraInfo {
  readonly era: EraName
  readonly mode: Mode
  /** The InitializeResult or DiscoverResult from the start. */
  readonly serverDescription: RawObject
}

/** What the start has found out about the server. */
export interface UpstreamFacts {
  /** All eras of the server, best first. */
  readonly eras: readonly EraName[]
  readonly sharing: IsolationModes
  /** The eras in use, in the same order. */
  readonly serverEras: readonly ServerEraInfo[]
}

/** A registered subscriber. */
export interface Listening {
  /** Changes the filter; resolves when the server has confirmed. */
  refilter(filter: Filter): Promise<void>
  stop(): void
}

/** How a subscriber takes updates. */
export interface Hearing {
  take(update: Update): void
  /** Whether its client reads the stream at the moment: if not, a waiting call may carry an input request to it. */
  isRead(): boolean
}

export interface Upstream {
  /**
   * Finds out which eras the server speaks. Throws `UpstreamStartError`.
   * @param discovered called with the DiscoverResult before it is known whether the server speaks the other era, too
   */
  start(discovered: (serverDescription: RawObject) => void): Promise<UpstreamFacts>
  /** Runs a call on a worker of the caller's group. Throws a `Refusal` if no worker is available. */
  call(call: Call): Reply
  /** Subscribes to what the workers of the caller's group send outside of calls. Starts no worker. */
  listen(caller: Caller, filter: Filter, hearing: Hearing): Promise<Listening>
  /** Forwards a notification of a client to its own worker, if it has one. Throws `overloaded` if that does not read. */
  tell(caller: Caller, method: string, params: RawObject | undefined): void
  /** Ends the workers of a session. */
  endSession(caller: Caller): void
  /** Server descriptions and lists. */
  readonly catalogSource: CatalogSource
  /** Whether calls can be served, by pinging the server; cheap if it has sent anything a moment ago. */
  check(): Promise<HealthCheck>
  /** Figures for operators, by name. */
  counts(): Readonly<Record<string, number>>
  close(): Promise<void>
}

/** Where the catalogue gets its content. A source is a set of workers that list the same; its key names it. */
export interface CatalogSource {
  /** The key of the source for a caller's server description (`list` undefined) or one of its lists. */
  sourceOf(caller: Caller, list: string | undefined): string
  /** The era in which a source is asked; without a source, the era in which the caller's calls run. */
  eraOf(caller: Caller, source?: string): EraName
  /** Whether a source is for clients without extensions, of which there is a closed set. */
  isUsual(source: string): boolean
  /** Whether a source is for clients that declare no capabilities, as most do. */
  isPlain(source: string): boolean
  /**
   * The server description for clients of a source. Throws `NoRoom` if there is no slot for a worker to ask: at once,
   * or after the longest wait if `mayWait`.
   */
  serverDescription(caller: Caller, source: string, mayWait: boolean): Promise<RawObject>
  /** The server description from the start, for a client that declares nothing. */
  plainDescription(caller: Caller): RawObject
  /** One page of a list. Throws `NoRoom` if there is no slot for a worker to ask. */
  list(caller: Caller, source: string, method: string, cursor: string | undefined): Promise<Answer>
  /**
   * Has a list come from a worker of the caller's own group, as soon as there is one.
   * @returns the key of the source of the list, as long as that worker lives
   */
  own(caller: Caller, list: string): Promise<string>
  /**
   * Calls `stale` when a list of a source may have changed; `isOfUse` tells whether the old list is better than none.
   */
  onStale(stale: (source: string, list: string, isOfUse: boolean) => void): void
}

/** There is no worker to ask, and no slot to start one. */
export class NoRoom extends Refusal {
  constructor(cause?: unknown) {
    super('overloaded', { cause })
    this.name = 'NoRoom'
  }
}

/** The server could not be started or does not speak MCP. Its details are for the operator and never sent to clients. */
export class UpstreamStartError extends Error {
  /** The command line; secrets in it are masked. */
  readonly command: string
  readonly exit: string | undefined
  /** Whether the start time-out has passed: the server may need more time. */
  readonly late: boolean
  readonly stderr: string
  /** Lines on stdout that are no messages. */
  readonly stdout: string

  constructor(
    message: string,
    details: { command: string; exit?: string; late?: boolean; stderr: string; stdout?: string },
  ) {
    super(message)
    this.name = 'UpstreamStartError'
    this.command = details.command
    this.exit = details.exit
    this.late = details.late === true
    this.stderr = details.stderr
    this.stdout = details.stdout ?? ''
  }
}
