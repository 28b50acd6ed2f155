/** The settings of a gateway, one object for each module that has some, and the partial settings that a program gives. */
import type { LimitSettings } from '../admission/options.ts'
import type { HttpSettings } from '../transports/http/options.ts'
import type { SessionSettings } from '../sessions/options.ts'
import type { UpstreamSettings } from '../upstreams/options.ts'

/** Complete, checked and frozen settings, as `fillSettings` and `load` return them. */
export interface Settings {
  readonly limits: LimitSettings
  readonly sessions: SessionSettings
  readonly upstream: UpstreamSettings
  readonly http: HttpSettings
}

/**
 * What a program gives: only the command is required. Anything left out has the default of `docs/configuration.md`.
 * `upstream.env` is added to the few variables that every process needs, such as PATH.
 */
export interface PartialSettings {
  readonly limits?: Partial<LimitSettings>
  readonly sessions?: Partial<SessionSettings>
  readonly upstream: Partial<UpstreamSettings> & Pick<UpstreamSettings, 'command'>
  readonly http?: Partial<HttpSettings>
}
