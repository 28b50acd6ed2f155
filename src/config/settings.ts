/** The settings of a gateway, and the partial settings that a program gives. */
import type { LimitSettings } from '../admission/options.ts'
import type { AuthSettings } from '../identity/options.ts'
import type { PolicySettings } from '../policy/options.ts'
import type { EndpointSettings } from '../gateway/options.ts'
import type { HttpSettings } from '../transports/http/options.ts'
import type { SessionSettings } from '../sessions/options.ts'
import type { UpstreamSettings, UpstreamSetup } from '../upstreams/options.ts'
import type { ModuleSettings } from '../upstreams/module/options.ts'
import type { TenantSettings } from '../tenants/options.ts'
import type { StdioSettings } from '../upstreams/stdio/options.ts'

/** Complete, checked and frozen settings, as `fillSettings` and `load` return them. */
export interface Settings {
  readonly limits: LimitSettings
  readonly sessions: SessionSettings
  /** The servers behind the gateway, by name: at least one. */
  readonly upstreams: Readonly<Record<string, UpstreamSetup>>
  /** The named endpoints. `/mcp`, and `/mcp/{upstream}` for each upstream, are always there. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>
  /** Names for clients in place of names of tools or prompts with prefix: `{ search: 'brave__web_search' }`. */
  readonly aliases: Readonly<Record<string, string>>
  /** What each tenant may use, by name. Without any, tenants are not told apart, and each caller may use everything. */
  readonly tenants: Readonly<Record<string, TenantSettings>>
  readonly http: HttpSettings
  readonly auth: AuthSettings
  readonly policy: PolicySettings
}

/** What a program gives for one upstream: only what names its server is required, a command or a module. */
export type PartialUpstream =
  | (Partial<UpstreamSettings & StdioSettings> & Pick<StdioSettings, 'command'>)
  | (Partial<UpstreamSettings & ModuleSettings> & Pick<ModuleSettings, 'module'>)

/**
 * What a program gives: one `upstream`, or several `upstreams` by name. Anything left out has the default of
 * `docs/configuration.md`. The `env` of an upstream is added to the few variables that every process needs, such as PATH.
 */
export interface PartialSettings {
  readonly limits?: Partial<LimitSettings>
  readonly sessions?: Partial<SessionSettings>
  /** The same as `limits.maxConnections`. */
  readonly maxConnections?: number
  /** The same as `sessions.maxSessionMs`: the longest life of a session, in milliseconds. */
  readonly connectionTimeout?: number
  /** The same as `sessions.idleTimeoutMs`, in milliseconds. */
  readonly idleTimeout?: number
  /** The only upstream, which is then named `server`. */
  readonly upstream?: PartialUpstream
  readonly upstreams?: Readonly<Record<string, PartialUpstream>>
  readonly endpoints?: Readonly<Record<string, Partial<EndpointSettings>>>
  readonly aliases?: Readonly<Record<string, string>>
  readonly tenants?: Readonly<Record<string, Partial<TenantSettings>>>
  readonly http?: Partial<HttpSettings>
  readonly auth?: Partial<AuthSettings>
  readonly policy?: Partial<PolicySettings>
}
