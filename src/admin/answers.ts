/** The answers of the JSON API. Times are texts of ISO 8601; ages and durations are in milliseconds. */
import type { WorkerEnd } from '../base/events.ts'
import type { ReloadResult } from './reload-result.ts'

export interface ApiInstance {
  readonly pid: number
  readonly version: string
  readonly node: string
  readonly status: 'ok' | 'degraded' | 'starting' | 'draining' | 'down'
  readonly startedAt: string
  readonly uptimeMs: number
  readonly endpoint?: string | undefined
  readonly config?: string | undefined
  readonly memory: { readonly heldBytes: number; readonly limitBytes: number; readonly rssBytes: number }
  readonly counts: Readonly<Record<string, number>>
}

export interface ApiUpstream {
  readonly name: string
  readonly kind: string
  readonly state: UpstreamStateName
  readonly why?: string | undefined
  readonly since: string
  /** When a pause ends by itself; also while it is disabled. */
  readonly resumesInMs?: number | undefined
  readonly breaker: ApiBreaker
  /** Undefined: as many calls run as come. */
  readonly concurrency?: ApiConcurrency | undefined
  readonly tools: number
  readonly workers: Readonly<Record<string, number>>
  /** How many workers have ended, by reason. */
  readonly ended: Readonly<Partial<Record<WorkerEnd, number>>>
  /** Calls that run, and calls that wait. */
  readonly calls: number
  readonly waiting: number
  readonly oldestWaitMs: number
  readonly counts: Readonly<Record<string, number>>
  /** What a module shares among its sessions, as far as it is in use or waited for: a hundred at most. */
  readonly sharedResources: ReadonlyArray<{
    readonly kind: 'lock' | 'pool' | 'limited'
    readonly name: string
    readonly inUse: number
    readonly waiting: number
    readonly oldestWaitMs: number
    readonly size?: number | undefined
  }>
  readonly held: ReadonlyArray<{
    readonly tool: string
    readonly hash: string
    readonly change: string
    readonly differs: readonly string[]
  }>
  /** How many more are held back. */
  readonly more: number
}

export type UpstreamStateName = 'starting' | 'ready' | 'failed' | 'unhealthy' | 'paused' | 'disabled'

/** The circuit breaker of an upstream. */
export interface ApiBreaker {
  readonly state: 'closed' | 'open' | 'half_open'
  /** Whether an operator holds it there. */
  readonly forced: boolean
  /** When the next call is let through, in milliseconds from now, if it is open by itself. */
  readonly retryInMs?: number | undefined
}

/** How many calls may run at once, and how many do, of all upstreams that share the limit. */
export interface ApiConcurrency {
  readonly limit: number
  readonly adaptive: boolean
  readonly running: number
}

export interface ApiBreakerChange {
  readonly upstream: string
  readonly changed: boolean
  readonly breaker: ApiBreaker
}

export interface ApiWorker {
  readonly upstream: string
  /** Its number, as the log has it. */
  readonly worker?: number | undefined
  readonly state: string
  readonly purpose: string
  readonly replaced: boolean
  readonly pid?: number | undefined
  /** What its processes took when they were last looked at, in bytes. */
  readonly memoryBytes?: number | undefined
  readonly ageMs: number
  readonly calls: number
  readonly callsTotal: number
  /** The label of the session that it works for alone. */
  readonly session?: string | undefined
}

/** What has become of an upstream. */
export interface ApiUpstreamChange {
  readonly upstream: string
  /** Whether anything has changed: a pause that is not in force cannot be ended. */
  readonly changed: boolean
  readonly access: 'open' | 'paused' | 'disabled'
  readonly resumesInMs?: number | undefined
  readonly waiting: number
}

export interface ApiSession {
  readonly label: string
  readonly tenant: string
  readonly endpoint: string
  readonly client?: string | undefined
  readonly era: string
  readonly version: string
  readonly ready: boolean
  readonly ageMs: number
  readonly idleMs: number
  readonly calls: number
  readonly callsTotal: number
  readonly streams: number
  readonly inputRequests: number
  readonly keptBytes: number
}

/** A session with all that is known of it. */
export interface ApiSessionDetails extends ApiSession {
  readonly subject: string
  readonly issuer?: string | undefined
  readonly clientVersion?: string | undefined
  readonly tools?: { readonly names: readonly string[]; readonly count: number; readonly hash: string } | undefined
  readonly running: readonly ApiCall[]
  readonly history: readonly ApiPastCall[]
}

export interface ApiPastCall {
  readonly method: string
  readonly tool?: string | undefined
  readonly at: string
  readonly durationMs: number
  readonly outcome: string
}

export interface ApiLastError {
  readonly method: string
  readonly tool?: string | undefined
  readonly status: string
  readonly at: string
}

export interface ApiClosedSession {
  readonly label: string
  readonly tenant: string
  readonly client?: string | undefined
  readonly reason: string
  readonly endedAt: string
  readonly ageMs: number
  readonly calls: number
  readonly lastError?: ApiLastError | undefined
}

export interface ApiErrorCount {
  readonly reason: string
  readonly tenant?: string | undefined
  readonly client?: string | undefined
  readonly tool?: string | undefined
  readonly upstream?: string | undefined
  readonly count: number
  readonly lastAt: string
}

export interface ApiCall {
  readonly method: string
  readonly tool?: string | undefined
  readonly upstream?: string | undefined
  readonly session?: string | undefined
  readonly client?: string | undefined
  readonly ageMs: number
  readonly requestId: string
  readonly waiting: boolean
}

export interface ApiTenantLimit {
  readonly scope: string
  readonly of?: string | undefined
  readonly limit: string
  readonly dryRun: boolean
  readonly left?: number | undefined
  readonly allowed: number
  readonly refused: number
  readonly wouldRefuse: number
}

export interface ApiTenant {
  readonly tenant: string
  readonly named: boolean
  readonly clients: number
  readonly maxClients: number
  readonly calls: number
  readonly maxCalls: number
  readonly workers: number
  readonly maxWorkers: number
  readonly waiting: number
  readonly maxWaiting: number
  readonly limitsOf?: string | undefined
  readonly weight: number
  readonly allows: {
    readonly upstreams: readonly string[]
    readonly endpoints: readonly string[]
    readonly tools: readonly string[]
    readonly prompts: readonly string[]
    readonly resources: readonly string[]
  }
  readonly limits: readonly ApiTenantLimit[]
}

export interface ApiExplainedStep {
  readonly step: string
  readonly passes: boolean
  readonly says: string
  readonly refusal?: string | undefined
  readonly by?: { readonly option: string; readonly text?: string | undefined } | undefined
  readonly cost?: number | undefined
  readonly left?: number | undefined
}

/** What would happen to a call. */
export interface ApiExplanation {
  readonly runs: boolean
  readonly waits: boolean
  readonly refusal?: string | undefined
  readonly upstream?: string | undefined
  readonly steps: readonly ApiExplainedStep[]
}

export interface ApiDrain {
  readonly draining: boolean
  readonly sinceMs?: number | undefined
  readonly leftMs?: number | undefined
  readonly callsInFlight: number
  readonly waitingFor: readonly ApiCall[]
}

export interface ApiReloads {
  readonly begun: number
  readonly last?: ReloadResult | undefined
}

/** The answer of each operation. */
export interface ApiAnswers {
  readonly instance: ApiInstance
  readonly upstreams: { readonly upstreams: readonly ApiUpstream[] }
  readonly workers: { readonly total: number; readonly workers: readonly ApiWorker[] }
  readonly tenants: { readonly total: number; readonly tenants: readonly ApiTenant[] }
  readonly tenant: ApiTenant
  readonly explain: ApiExplanation
  readonly purgeTenant: {
    readonly tenant: string
    readonly sessions: number
    readonly calls: number
    readonly workers: number
    readonly limits: number
    readonly tokens: number
    readonly closedSessions: number
    readonly errors: number
    readonly sharedServers: readonly string[]
  }
  readonly pauseUpstream: ApiUpstreamChange
  readonly resumeUpstream: ApiUpstreamChange
  readonly disableUpstream: ApiUpstreamChange
  readonly enableUpstream: ApiUpstreamChange
  readonly setBreaker: ApiBreakerChange
  readonly recycleUpstream: { readonly upstream: string; readonly workers: readonly number[] }
  readonly acceptDefinitions: {
    readonly upstream: string
    readonly accepted: number
    readonly tools: readonly string[]
  }
  readonly sessions: { readonly total: number; readonly sessions: readonly ApiSession[] }
  readonly session: ApiSessionDetails
  readonly closeSession: { readonly label: string }
  readonly closedSessions: { readonly total: number; readonly sessions: readonly ApiClosedSession[] }
  readonly errors: { readonly total: number; readonly errors: readonly ApiErrorCount[] }
  readonly reloads: ApiReloads
  readonly startReload: { readonly number: number }
  readonly drain: ApiDrain
  readonly startDrain: { readonly draining: true }
}
