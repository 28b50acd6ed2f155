/** The facts that a gateway reports at its start, and its health report. */
import type { Clock } from '../base/clock.ts'
import { version } from '../base/version.ts'
import { capabilitiesIn, type Catalog } from '../catalog/catalog.ts'
import type { EraName, Caller } from '../protocol/call.ts'
import type { HealthCheck, HealthReport } from '../protocol/health.ts'
import { isObject } from '../protocol/json-text.ts'
import type { Mode } from '../upstreams/options.ts'
import type { IsolationModes } from '../upstreams/pooling/isolation-modes.ts'
import type { ServerEraInfo, UpstreamFacts } from '../upstreams/upstream.ts'
import { serverInfoOf } from '../protocol/server-description.ts'

/** What is known about the server after the start. */
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
}

export async function facts(
  { eras, sharing, serverEras }: UpstreamFacts,
  catalog: Catalog,
  startMs: number,
): Promise<GatewayFacts> {
  let tools = 0
  for (const serverEra of serverEras) tools = Math.max(tools, await countTools(serverEra, catalog))
  const info = serverEras[0] && serverInfoOf(serverEras[0].serverDescription)
  const { name, version: serverVersion } = info ?? {}
  return {
    eras,
    modes: Object.fromEntries(serverEras.map(({ era, mode }) => [era, mode])),
    sharing,
    serverName: typeof name === 'string' ? name : undefined,
    serverVersion: typeof serverVersion === 'string' ? serverVersion : undefined,
    tools,
    startMs,
  }
}

/** Counts the tools. As a side effect, the catalogue has the list before the first client asks for it. */
async function countTools(serverEra: ServerEraInfo, catalog: Catalog): Promise<number> {
  if (!isObject(capabilitiesIn(serverEra.serverDescription)['tools'])) return 0
  const caller: Caller = {
    principal: { tenant: '', subject: '' },
    client: { era: serverEra.era, version: '', capabilities: {}, info: undefined },
    session: undefined,
  }
  try {
    const page = await catalog.page(caller, 'tools/list', undefined)
    const tools = 'error' in page ? undefined : page.result.value['tools']
    return Array.isArray(tools) ? tools.length : 0
  } catch {
    return 0
  }
}

export interface GatewayState {
  readonly draining: boolean
  readonly uptimeMs: number
  readonly memory: NonNullable<HealthReport['memory']>
  readonly counts: Readonly<Record<string, number>>
}

/** @param check pings the server; undefined until it has started */
export async function healthReport(
  state: GatewayState,
  check: (() => Promise<HealthCheck>) | undefined,
  clock: Clock,
): Promise<HealthReport> {
  const startedMs = clock.now()
  const found = check ? await check() : { ok: false, detail: 'the server is being started' }
  const ms = clock.now() - startedMs
  const status = !check ? 'starting' : state.draining ? 'draining' : found.ok ? 'ok' : 'down'
  return {
    status,
    ready: status === 'ok',
    live: true,
    checks: { upstream: { ...found, ms } },
    version,
    uptimeSeconds: Math.round(state.uptimeMs / 1000),
    memory: state.memory,
    counts: state.counts,
  }
}
