/**
 * An upstream: an MCP server behind mcplex, as the rest of the house sees it. One file per kind implements this.
 */
import type { HealthCheck } from '../protocol/health.ts'
import type { Call, EraName, Filter, Reply, Caller, Update } from '../protocol/call.ts'
import { Refusal } from '../base/refusal.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import type { Mode } from './options.ts'
import type { IsolationModes } from './pooling/isolation-modes.ts'

/** One era in which the server can be spoken with. A server of both eras has two faces, each with its own processes. */
export interface ServerEraInfo {
  readonly era: EraName
  readonly mode: Mode
  /** InitializeResult or DiscoverResult, as learnt at the start. */
  readonly serverDescription: RawObject
}

/** What was found out about the server at the start. */
export interface UpstreamFacts {
  /** All eras that the server speaks, best first. */
  readonly eras: readonly EraName[]
  readonly sharing: IsolationModes
  /** The eras that clients are served in, in the same order. */
  readonly serverEras: readonly ServerEraInfo[]
}

/** A listener that was registered. */
export interface Listening {
  /** Changes what is listened for; resolves when the server knows of it. */
  refilter(filter: Filter): Promise<void>
  stop(): void
}

/** How a listener takes what it hears. */
export interface Hearing {
  take(update: Update): void
  /** Whether its client reads that at this moment: if not, a question may go to it with a call that waits. */
  isRead(): boolean
}

export interface Upstream {
  /**
   * Finds out which eras the server speaks. Throws `UpstreamStartError`.
   * @param discovered told what a server says of itself in the stateless era, before it is known what else it speaks
   */
  start(discovered: (serverDescription: RawObject) => void): Promise<UpstreamFacts>
  /** Sends the call to a process of the caller's unit. Throws a `Refusal` if there is none to be had. */
  call(call: Call): Reply
  /** Hears of what the processes of the seat's unit say outside of calls. Starts no process. */
  listen(caller: Caller, filter: Filter, hearing: Hearing): Promise<Listening>
  /** Passes a notification of a client on to its own process, if it has one. Throws `overloaded` if that takes nothing. */
  tell(caller: Caller, method: string, params: RawObject | undefined): void
  /** Ends what a session held. */
  endSession(caller: Caller): void
  /** Handshake and lists: asked of processes that belong to no client. */
  readonly catalogSource: CatalogSource
  /** Whether calls can be served, by asking the server; cheap when it answered a moment ago. */
  check(): Promise<HealthCheck>
  /** Figures for people, by name. */
  counts(): Readonly<Record<string, number>>
  close(): Promise<void>
}

/** What the catalogue learns from. A source is a set of processes that list the same; its key names it. */
export interface CatalogSource {
  /** The key of the source that a seat's handshake and lists come from. */
  sourceOf(caller: Caller, list: string | undefined): string
  /** The era in which the server is asked for what a source says; without one, for what a seat calls. */
  eraOf(caller: Caller, source?: string): EraName
  /** Whether a source is one of a closed set, of clients without extensions. */
  isUsual(source: string): boolean
  /** Whether a source is that of clients that declare nothing, as most do. */
  isPlain(source: string): boolean
  /**
   * What the server says of itself to such a client. Throws `NoRoom` if there is none for a process that could be
   * asked: at once, or after the longest wait in line.
   */
  serverDescription(caller: Caller, source: string, mayWait: boolean): Promise<RawObject>
  /** What the server said of itself at the start, to a client that declares nothing. */
  plainDescription(caller: Caller): RawObject
  /** One page of a list. Throws `NoRoom` if there is none for a process that could be asked for that source. */
  list(caller: Caller, source: string, method: string, cursor: string | undefined): Promise<Answer>
  /**
   * Has a process of the seat's own unit tell what is on a list, as soon as there is one.
   * @returns the source that the list is of from now on, while that process lives
   */
  own(caller: Caller, list: string): Promise<string>
  /**
   * Calls `stale` whenever one of a source's lists may have changed; `isOfUse` tells whether the list as it was is
   * still better than none.
   */
  onStale(stale: (source: string, list: string, isOfUse: boolean) => void): void
}

/** There is no room for a process that could be asked, and none that is there can be. */
export class NoRoom extends Refusal {
  constructor(cause?: unknown) {
    super('overloaded', { cause })
    this.name = 'NoRoom'
  }
}

/** The server could not be started or does not speak MCP. For the operator: nothing of it reaches a client. */
export class UpstreamStartError extends Error {
  /** The command line; secrets in it are masked. */
  readonly command: string
  readonly exit: string | undefined
  /** Whether its time was up: it may need more of it. */
  readonly late: boolean
  readonly stderr: string
  /** What it said on stdout that is no message. */
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
