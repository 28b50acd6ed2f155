/** The facts that a gateway reports at its start, and its health report. */
import type { Clock } from '../base/clock.ts'
import { version } from '../base/version.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Settings } from '../config/settings.ts'
import type { Authenticate } from '../identity/authenticate.ts'
import type { EraName } from '../protocol/call.ts'
import { type HealthCheck, type HealthReader, type HealthReport, reportForAnyone } from '../protocol/health.ts'
import type { Mode } from '../upstreams/options.ts'
import type { IsolationModes } from '../upstreams/pooling/isolation-modes.ts'
import type { ServerEraInfo } from '../upstreams/upstream.ts'
import { serverInfoOf } from '../protocol/server-description.ts'
import { commonCaller, hasLists } from './common-lists.ts'
import { hasTenants } from './endpoint-plans.ts'
import type { ServedUpstream } from './served-upstream.ts'

/** What is known after the start. With several upstreams, what is said of the server is said of all of them together. */
export interface GatewayFacts {
  readonly eras: readonly EraName[]
  /** How clients share processes, by each era of the server that is used. */
  readonly modes: Readonly<Partial<Record<EraName, Mode>>>
  /** How clients share processes, by kind of client; clients without sessions may be refused. */
  readonly sharing: IsolationModes
  readonly serverName: string | undefined
  readonly serverVersion: string | undefined
  /** How many tools the server lists to a client without capabilities. */
  readonly tools: number
  readonly startMs: number
  /** Each upstream by name. */
  readonly upstreams: Readonly<Record<string, UpstreamReport>>
}

/** What is known of one upstream. */
export interface UpstreamReport {
  readonly standing: ServedUpstream['standing']
  /** These are unknown until it has started. */
  readonly eras: readonly EraName[]
  readonly sharing: IsolationModes | undefined
  readonly serverName: string | undefined
  readonly serverVersion: string | undefined
  readonly tools: number
}

/** The facts of a gateway of which at least one upstream has started. */
export async function gatewayFacts(upstreams: readonly ServedUpstream[], startMs: number): Promise<GatewayFacts> {
  const reports: ReadonlyArray<readonly [string, UpstreamReport]> = await Promise.all(
    upstreams.map(async (served) => [served.key, await reportOf(served)] as const),
  )
  const started = upstreams.flatMap(({ facts }) => facts ?? [])
  const [first] = started
  if (!first) throw new Error('no upstream has started')
  const only = reports.length === 1 ? reports[0]?.[1] : undefined
  const areAllKnown = started.length === upstreams.length
  const refusing = started.find(({ sharing }) => sharing.stateless === 'refuse')
  return {
    eras: first.eras.filter((era) => started.every(({ eras }) => eras.includes(era))),
    modes: Object.fromEntries(first.serverEras.map(({ era, mode }) => [era, mode])),
    sharing: areAllKnown && !refusing ? first.sharing : { ...(refusing ?? first).sharing, stateless: 'refuse' },
    serverName: only?.serverName,
    serverVersion: only?.serverVersion,
    tools: reports.reduce((sum, [, { tools }]) => sum + tools, 0),
    startMs,
    upstreams: Object.fromEntries(reports),
  }
}

/** What is known of an upstream. */
export async function reportOf({ facts, catalog, standing }: ServedUpstream): Promise<UpstreamReport> {
  let tools = 0
  for (const serverEra of facts?.serverEras ?? []) tools = Math.max(tools, await countTools(serverEra, catalog))
  const [first] = facts?.serverEras ?? []
  const { name, version: serverVersion } = (first && serverInfoOf(first.serverDescription)) ?? {}
  return {
    standing,
    eras: facts?.eras ?? [],
    sharing: facts?.sharing,
    serverName: typeof name === 'string' ? name : undefined,
    serverVersion: typeof serverVersion === 'string' ? serverVersion : undefined,
    tools,
  }
}

/** Counts the tools. As a side effect, the catalogue has the list before the first client asks for it. */
async function countTools(serverEra: ServerEraInfo, catalog: Catalog): Promise<number> {
  if (!hasLists(serverEra, 'tools')) return 0
  try {
    const listed = await catalog.page(commonCaller(serverEra.era), 'tools/list', undefined)
    const tools = 'error' in listed ? undefined : listed.page.result.value['tools']
    return Array.isArray(tools) ? tools.length : 0
  } catch {
    return 0
  }
}

export interface GatewayState {
  readonly draining: boolean
  /** Whether all new work is refused for now. */
  readonly refusesWork: boolean
  readonly uptimeMs: number
  readonly memory: NonNullable<HealthReport['memory']>
  readonly counts: Readonly<Record<string, number>>
}

/** The check of the only upstream, unless its settings name it. */
const unnamed = 'upstream'

export interface HealthQuestion {
  readonly settings: Pick<Settings, 'auth' | 'tenants'>
  /** Whether the settings name the upstreams, and so does the report. */
  readonly isNamed: () => boolean
  readonly authenticate?: Authenticate | undefined
  readonly reader?: HealthReader | undefined
}

/** Whether clients may not learn of servers which only others use: credentials or tenants tell them apart. */
function tellsCallersApart({ settings, authenticate }: HealthQuestion): boolean {
  return authenticate !== undefined || hasTenants(settings) || settings.auth.methods.some((method) => method !== 'none')
}

export async function healthReport(
  state: GatewayState,
  upstreams: readonly ServedUpstream[],
  asked: HealthQuestion,
  clock: Clock,
): Promise<HealthReport> {
  const isNamed = asked.isNamed()
  const checks = await Promise.all(
    upstreams.map(async (served): Promise<readonly [string, HealthCheck]> => {
      const startedMs = clock.now()
      const found = await served.health()
      return [isNamed ? served.key : unnamed, { ...found, ms: clock.now() - startedMs }]
    }),
  )
  const good = checks.filter(([, { ok }]) => ok).length
  const hasStarted = upstreams.some(({ standing }) => standing === 'started')
  const standing = good === checks.length ? 'ok' : good > 0 ? 'degraded' : 'down'
  const status = !hasStarted ? 'starting' : state.draining ? 'draining' : standing
  const report: HealthReport = {
    status,
    ready: (status === 'ok' || status === 'degraded') && !state.refusesWork,
    live: true,
    checks: Object.fromEntries(checks),
    version,
    uptimeSeconds: Math.round(state.uptimeMs / 1000),
    memory: state.memory,
    counts: state.counts,
    ...(isNamed && {
      upstreams: Object.fromEntries(upstreams.map((served) => [served.key, served.counts()])),
    }),
  }
  return asked.reader === 'anyone' && tellsCallersApart(asked) ? reportForAnyone(report) : report
}
