/**
 * The embedding API. A program creates a gateway, starts it, and mounts it on a server: with `mcplex/node` on
 * `node:http` and frameworks on top of it, with `mcplex/fetch` on servers that take a fetch handler, or with
 * `gateway.handle` on anything that can make an `Inbound` and write an `Outbound`.
 */
import type { Backplane } from './backplane/backplane.ts'
import type { Clock } from './base/clock.ts'
import type { Log } from './base/log.ts'
import { fillSettings } from './config/assemble.ts'
import { thisMachine } from './config/load.ts'
import type { PartialSettings, PartialUpstream } from './config/settings.ts'
import type { CallPolicy } from './policy/call-policy.ts'
import { composeGateway as createFilledGateway, type Gateway } from './gateway/gateway.ts'

/**
 * Services that a program may provide. By default nothing is logged, the clock is the system's, and state is in memory.
 */
export interface GatewayNeeds {
  readonly log?: Log
  readonly clock?: Clock
  readonly backplane?: Backplane
  /** Decides on each call before it runs, and on its result, in place of the webhook of the settings `policy`. */
  readonly policy?: CallPolicy
}

/**
 * Creates a gateway in front of one or several MCP servers. Nothing runs before `start`.
 * @throws ConfigError that names every setting that is unknown or invalid
 */
export function createGateway(settings: PartialSettings, needs: GatewayNeeds = {}): Gateway {
  const gateway = createFilledGateway({ ...needs, settings: fillSettings(settings, thisMachine()) })
  const { events, overview, transportServices } = gateway
  return {
    events,
    overview,
    transportServices,
    start: () => gateway.start(),
    // What is wrong with the settings is told like all else that goes wrong: by the promise.
    reload: async (next) => gateway.reload(fillSettings(next, thisMachine())),
    replaceUpstreams: (upstreams) => gateway.replaceUpstreams(upstreams),
    handle: (inbound) => gateway.handle(inbound),
    health: (reader) => gateway.health(reader),
    acceptDefinitions: (upstream, hashes) => gateway.acceptDefinitions(upstream, hashes),
    operations: (upstream) => gateway.operations(upstream),
    upstreamStates: () => gateway.upstreamStates(),
    drain: () => gateway.drain(),
    close: (how) => gateway.close(how),
    get callsInFlight() {
      return gateway.callsInFlight
    },
  }
}

export { ConfigError, type ConfigCode, type Problem } from './config/problem.ts'
export { Refusal, type RefusalCode, type RefusalDetails } from './base/refusal.ts'
export {
  CommandStartError,
  ReloadError,
  UpstreamsStartError,
  UpstreamStartError,
  type GatewayFacts,
  type Overview,
  type ReloadReport,
  type TransportServices,
  type UpstreamOperations,
  type UpstreamState,
} from './gateway/gateway.ts'
export type { Backplane, Clock, Gateway, Log, PartialSettings, PartialUpstream }
export type { Events, EventName, EventSource } from './base/events.ts'
export type { Settings } from './config/settings.ts'
export type { HealthReport } from './protocol/health.ts'
export type { CallPolicy, MayBeTold, MayRun, PolicyCall, Refused } from './policy/call-policy.ts'
export type { Inbound, Outbound } from './protocol/inbound.ts'
