/** The settings of a gateway, one slice for each room that has any; and as much of them as somebody likes to say. */
import type { GateSettings } from '../gates/options.ts'
import type { HttpSettings } from '../transports/http/options.ts'
import type { SessionSettings } from '../sessions/options.ts'
import type { UpstreamSettings } from '../upstreams/options.ts'

/** Complete, checked and frozen: what `fillSettings` and `loadSettings` give. */
export interface Settings {
  readonly gates: GateSettings
  readonly sessions: SessionSettings
  readonly upstream: UpstreamSettings
  readonly http: HttpSettings
}

/**
 * What a program has to say: the command. Everything left out is as `docs/configuration.md` says. `upstream.env` comes
 * on top of the few variables that every program needs, such as PATH.
 */
export interface PartialSettings {
  readonly gates?: Partial<GateSettings>
  readonly sessions?: Partial<SessionSettings>
  readonly upstream: Partial<UpstreamSettings> & Pick<UpstreamSettings, 'command'>
  readonly http?: Partial<HttpSettings>
}
