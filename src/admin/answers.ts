/** The answers of the JSON API. Times are texts of ISO 8601; ages and durations are in milliseconds. */

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
  readonly state: 'starting' | 'ready' | 'failed' | 'unhealthy'
  readonly why?: string | undefined
  readonly since: string
  readonly tools: number
  readonly counts: Readonly<Record<string, number>>
  readonly held: ReadonlyArray<{
    readonly tool: string
    readonly hash: string
    readonly change: string
    readonly differs: readonly string[]
  }>
}

export interface ApiSession {
  readonly label: string
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
  readonly client?: string | undefined
  readonly reason: string
  readonly endedAt: string
  readonly ageMs: number
  readonly calls: number
  readonly lastError?: ApiLastError | undefined
}

export interface ApiErrorCount {
  readonly reason: string
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
}

export interface ApiDrain {
  readonly draining: boolean
  readonly sinceMs?: number | undefined
  readonly leftMs?: number | undefined
  readonly callsInFlight: number
  readonly waitingFor: readonly ApiCall[]
}

/** The answer of each operation. */
export interface ApiAnswers {
  readonly instance: ApiInstance
  readonly upstreams: { readonly upstreams: readonly ApiUpstream[] }
  readonly sessions: { readonly total: number; readonly sessions: readonly ApiSession[] }
  readonly session: ApiSession & { readonly history: readonly ApiPastCall[] }
  readonly closeSession: { readonly label: string }
  readonly closedSessions: { readonly total: number; readonly sessions: readonly ApiClosedSession[] }
  readonly errors: { readonly total: number; readonly errors: readonly ApiErrorCount[] }
  readonly drain: ApiDrain
  readonly startDrain: { readonly draining: true }
}
