/**
 * The embedding API. A program makes a gateway, starts it, and mounts it on a server: by `mcplex/node` for `node:http`
 * and what is built on it, by `mcplex/fetch` for what takes `fetch(Request)`, or by `gateway.handle` for anything that
 * can make an `Inbound` and write an `Outbound`.
 */
import type { Backplane } from './backplane/backplane.ts'
import type { Clock } from './base/clock.ts'
import type { Log } from './base/log.ts'
import { fillSettings } from './config/assemble.ts'
import { thisMachine } from './config/load.ts'
import type { PartialSettings } from './config/settings.ts'
import { composeGateway as createFilledGateway, type Gateway } from './gateway/gateway.ts'

/** What a program may bring along; without it there is silence, the system's clock, and memory. */
export interface GatewayNeeds {
  readonly log?: Log
  readonly clock?: Clock
  readonly backplane?: Backplane
}

/**
 * A gateway in front of one MCP server. Nothing runs before `start`.
 * @throws ConfigError naming every setting that is unknown or not accepted
 */
export function createGateway(settings: PartialSettings, needs: GatewayNeeds = {}): Gateway {
  return createFilledGateway({ ...needs, settings: fillSettings(settings, thisMachine()) })
}

export { ConfigError, type ConfigCode, type Problem } from './config/problem.ts'
export { Refusal, type RefusalCode, type RefusalDetails } from './base/refusal.ts'
export { UpstreamStartError, type GatewayEdge, type GatewayFacts } from './gateway/gateway.ts'
export type { Backplane, Clock, Gateway, Log, PartialSettings }
export type { Events, EventName, EventSource } from './base/events.ts'
export type { Settings } from './config/settings.ts'
export type { HealthReport } from './protocol/health.ts'
export type { Inbound, Outbound } from './protocol/inbound.ts'
