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
import { composeGateway as createFilledGateway, type Gateway } from './gateway/gateway.ts'

/**
 * Services that a program may provide. By default nothing is logged, the clock is the system's, and state is in memory.
 */
export interface GatewayNeeds {
  readonly log?: Log
  readonly clock?: Clock
  readonly backplane?: Backplane
}

/**
 * Creates a gateway in front of one MCP server. Nothing runs before `start`.
 * @throws ConfigError that names every setting that is unknown or invalid
 */
export function createGateway(settings: PartialSettings, needs: GatewayNeeds = {}): Gateway {
  return createFilledGateway({ ...needs, settings: fillSettings(settings, thisMachine()) })
}

export { ConfigError, type ConfigCode, type Problem } from './config/problem.ts'
export { Refusal, type RefusalCode, type RefusalDetails } from './base/refusal.ts'
export { CommandStartError, UpstreamStartError, type GatewayFacts, type TransportServices } from './gateway/gateway.ts'
export type { Backplane, Clock, Gateway, Log, PartialSettings, PartialUpstream }
export type { Events, EventName, EventSource } from './base/events.ts'
export type { Settings } from './config/settings.ts'
export type { HealthReport } from './protocol/health.ts'
export type { Inbound, Outbound } from './protocol/inbound.ts'
