/** What a gateway offers to the command and to embedders; `gateway.ts` composes one. */
import type { EventSource } from '../base/events.ts'
import type { AcceptedDefinitions } from '../catalog/definitions.ts'
import type { PartialSettings } from '../config/settings.ts'
import type { HealthReader, HealthReport } from '../protocol/health.ts'
import type { Inbound, Outbound } from '../protocol/inbound.ts'
import type { UpstreamOperations } from '../upstreams/control/operations.ts'
import type { GatewayFacts } from './health.ts'
import type { Overview } from './overview.ts'
import type { ReloadReport } from './reload.ts'
import type { TransportServices } from './transport-services.ts'
import type { UpstreamState } from './upstream-states.ts'

/** @typeParam Given the settings that `reload` takes: those of a program, or complete ones where they are filled by the caller */
export interface Gateway<Given = PartialSettings> {
  /**
   * Starts the upstream and detects what it offers. A second call returns the promise of the first.
   * Throws `UpstreamStartError`, also if the gateway is closed before or meanwhile; a start that fails closes the
   * gateway.
   */
  start(): Promise<GatewayFacts>
  /**
   * Takes over other settings while requests are served. Upstreams with the same settings stay as they are. The others are
   * started first, then all changes at once; upstreams that have lost their place get no new calls, and end when they have
   * none any more, at the latest after `http.drainMs`. Sessions and their subscriptions are kept, except those of endpoints
   * that are gone, and clients are told that lists have changed. Settings of other modules take effect in a new process
   * only; the report names those that differ. A newer reload takes the place of one whose upstreams are still being started.
   * @throws ConfigError, or ReloadError if an upstream cannot be started, a newer reload has taken its place, or the gateway
   * does not run: nothing is changed then
   */
  reload(settings: Given): Promise<ReloadReport>
  /**
   * Replaces upstreams by new ones with the same settings, as `reload` does with those that have changed: a module is
   * loaded again, as its file is now. Names without an upstream are ignored; the report tells those that were replaced.
   * It goes before other reloads whose upstreams are still being started.
   * @param upstreams their names
   * @throws ReloadError if one of them cannot be started, they are replaced once more meanwhile, or the gateway does not
   * run: nothing is changed then
   */
  replaceUpstreams(upstreams: readonly string[]): Promise<ReloadReport>
  /** Answers one exchange on an MCP endpoint. Never rejects. */
  handle(inbound: Inbound): Promise<Outbound>
  /**
   * Reports the health. Pings the server unless it has just shown a sign of life.
   * @param reader `anyone` gets the status alone where callers are told apart, by credentials or by tenant, as over HTTP; an
   * operator, the default, the whole report
   */
  health(reader?: HealthReader): Promise<HealthReport>
  /**
   * Refuses new work, waits for calls in flight as long as the settings say, then ends streams and tells clients when
   * to reconnect.
   */
  drain(): Promise<void>
  /**
   * Ends sessions and streams at once, and each process in steps: its input is closed, SIGTERM follows 2 s later,
   * SIGKILL 3 s after that. Resolves when no process is left. With `force`, SIGKILL is sent at once, also while an
   * earlier close is under way.
   */
  close(how?: { readonly force?: boolean }): Promise<void>
  /**
   * Accepts the definitions of tools that are held back at an upstream (`onChange: hold`); its clients are told that the
   * tools have changed.
   * @param hashes only those with these hashes; undefined for all
   * @returns what was accepted; undefined if there is no upstream of that name
   */
  acceptDefinitions(upstream: string, hashes?: ReadonlySet<string>): AcceptedDefinitions | undefined
  /**
   * What an operator can do with an upstream while it is served: pause and disable it, and replace its workers. What is
   * paused or disabled stays so when another upstream takes its place. Undefined if there is no upstream of that name.
   */
  operations(upstream: string): UpstreamOperations | undefined
  /** What is known of each upstream now. Never rejects. */
  upstreamStates(): Promise<readonly UpstreamState[]>
  /** What an operator sees of it, and does to it. */
  readonly overview: Overview
  /** How many calls are in flight. */
  readonly callsInFlight: number
  readonly events: EventSource
  /** For what carries requests here: `nodeHandler`, `fetchHandler` and the transports of the command read it. */
  readonly transportServices: TransportServices
}
