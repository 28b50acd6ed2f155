/** Takes over other settings while requests are served: which upstreams and endpoints come, go and stay. */
import { isDeepStrictEqual } from 'node:util'
import { unlessCancelled } from '../base/unless-cancelled.ts'
import type { Log } from '../base/log.ts'
import type { Settings } from '../config/settings.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { CallerIdentity } from './caller-identity.ts'
import type { Endpoints } from './endpoints.ts'
import type { RateLimits } from '../tenants/rate-limits.ts'
import type { TenantUse } from '../tenants/tenant-use.ts'
import { plansOf } from './endpoint-plans.ts'
import { ReloadError } from './reload-error.ts'
import { callerOf } from './legacy/notifications.ts'
import { createReloadTurns, type WantedReload, type Turn } from './reload-turns.ts'
import { changeable } from './served-upstream.ts'
import { setupFor, tenantIn } from './tenant-setups.ts'
import type { UpstreamSetup } from '../upstreams/options.ts'
import type { ServedUpstreams } from './served-upstreams.ts'

/** What a reload has done. Names of upstreams and endpoints, in the order of the settings. */
export interface ReloadReport {
  readonly added: readonly string[]
  /** Upstreams whose settings have changed, or that were to be replaced: another one has taken their place. */
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  /** Upstreams that are the same as before, with all of their processes; at most their number may have changed. */
  readonly kept: readonly string[]
  readonly endpoints: {
    readonly added: readonly string[]
    readonly changed: readonly string[]
    readonly removed: readonly string[]
  }
  /** Tenants whose settings are others, by name: what their callers may use. */
  readonly tenants: {
    readonly added: readonly string[]
    readonly changed: readonly string[]
    readonly removed: readonly string[]
  }
  /** Settings that differ and take effect only in a new process, such as `http.port`. */
  readonly needsRestart: readonly string[]
}

/** The modules whose settings a running gateway keeps. */
const lasting = ['http', 'limits', 'policy', 'sessions'] as const

export interface ReloadNeeds {
  /** The settings in force: a reload changes them. */
  readonly inForce: { settings: Settings }
  readonly upstreams: ServedUpstreams
  readonly endpoints: Endpoints
  readonly sessions: Pick<Sessions, 'all' | 'end'>
  readonly identity: Pick<CallerIdentity, 'prepare'>
  readonly rateLimits: Pick<RateLimits, 'replace'>
  readonly tenantUse: Pick<TenantUse, 'replace'>
  readonly log: Log
  /** Settles when the gateway has started; undefined if it was not started. */
  readonly started: () => Promise<unknown> | undefined
}

export interface Reload {
  /** See `Gateway.reload`. */
  reload(next: Settings): Promise<ReloadReport>
  /** See `Gateway.replaceUpstreams`. */
  replace(upstreams: readonly string[]): Promise<ReloadReport>
  /** The gateway drains, or is closed: refuses reloads from now on, also those that have not changed anything yet. */
  close(): void
}

/** Takes over other settings, and replaces upstreams; `reload-turns.ts` has the order of reloads. */
export function createReload(needs: ReloadNeeds): Reload {
  const { inForce, upstreams, endpoints, sessions, identity, rateLimits, tenantUse, log } = needs

  const reload = async ({ settings, replaced }: WantedReload, turn: Turn): Promise<ReloadReport> => {
    const started = needs.started()
    if (!started) throw new ReloadError('the gateway was not started')
    await unlessCancelled(turn.interrupted, started)
    const next = settings ?? inForce.settings
    const report = compareSettings(inForce.settings, next, replaced)
    const { added, changed, removed } = report
    const { upstreams: before } = inForce.settings
    const adjusted = report.kept.filter((name) => !isDeepStrictEqual(before[name], next.upstreams[name]))
    const takeIdentity = prepareIdentity(identity, next)
    const ofTenants = changedOfTenants(upstreams, next, replaced)
    const setups = [
      ...Object.entries(next.upstreams).filter(([name]) => changed.includes(name) || added.includes(name)),
      ...ofTenants.prepared,
    ]
    const prepared = await upstreams.prepare(setups, turn.interrupted)
    try {
      turn.commit()
    } catch (error) {
      upstreams.discardPrepared(prepared)
      throw error
    }
    // From here on without a pause: a request finds either all of the old settings or all of the new ones.
    const { upstreams: setupsInForce, endpoints: views, aliases, tenants } = next
    for (const served of upstreams.all) {
      const setup = ofTenants.kept.get(served.key) ?? setupsInForce[served.key]
      if (setup && (ofTenants.kept.has(served.key) || report.kept.includes(served.key))) served.resize(setup)
    }
    const taken = { upstreams: setupsInForce, endpoints: views, aliases, tenants, auth: next.auth }
    inForce.settings = { ...inForce.settings, ...taken }
    // A replacement of upstreams alone has nothing to take over, and `auth` may have been changed meanwhile.
    if (settings) takeIdentity()
    const endpointsOf = new Map(upstreams.all.map((served) => [served, endpoints.of(served.key)]))
    const keys = [...Object.keys(setupsInForce), ...ofTenants.kept.keys(), ...ofTenants.prepared.map(([key]) => key)]
    const retired = upstreams.put(keys, prepared, inForce.settings)
    const gone = endpoints.replace(inForce.settings)
    rateLimits.replace(tenants)
    tenantUse.replace(tenants)
    for (const served of retired) {
      // Between two rounds a call is at no worker. Where members are merged, any call may be one of those.
      const hasRounds = served.facts?.instance !== undefined
      const isBusy = (): boolean =>
        endpointsOf
          .get(served)
          ?.some(({ upstream, calls }) => calls > 0 && (hasRounds || upstream === served.upstream)) === true
      void upstreams.retire(served, isBusy, inForce.settings.http.drainMs)
    }
    for (const liveSession of sessions.all()) {
      const { endpoint: name, principal } = liveSession.session
      const endpoint = gone(name, principal.tenant)
      if (!endpoint) continue
      // The upstream may go on behind other endpoints.
      endpoint.upstream.endSession(callerOf(liveSession))
      // What is still there for others was taken from its tenant alone.
      const isThere = plansOf(inForce.settings).has(name)
      sessions.end(liveSession, isThere ? 'tenant_removed' : 'endpoint_removed').catch(() => undefined)
    }
    if (replaced.length > 0) log.info({ upstreams: changed }, 'upstreams were replaced')
    else {
      const { endpoints: of, tenants: named, needsRestart } = report
      log.info(
        {
          added,
          changed,
          adjusted,
          removed,
          endpoints_added: of.added,
          endpoints_changed: of.changed,
          endpoints_removed: of.removed,
          tenants: [...named.added, ...named.changed, ...named.removed],
          ...(needsRestart.length > 0 && { needs_restart: needsRestart }),
        },
        'the settings were read again',
      )
    }
    return report
  }

  const turns = createReloadTurns(reload)
  return {
    reload: (next) => turns.ask({ settings: next, replaced: [] }),
    replace: (names) => turns.ask({ settings: undefined, replaced: names }),
    close: () => turns.close(),
  }
}

/** @throws ReloadError if the file of keys cannot be used */
function prepareIdentity(identity: ReloadNeeds['identity'], { auth }: Settings): () => void {
  try {
    return identity.prepare(auth)
  } catch (error) {
    throw new ReloadError(error instanceof Error ? error.message : 'the settings of auth cannot be used', {
      cause: error,
    })
  }
}

/**
 * Compares the settings of a gateway with those that are to take their place.
 * @param replaced names of upstreams that count as changed
 */
function compareSettings(current: Settings, next: Settings, replaced: readonly string[]): ReloadReport {
  const upstreams = compareNames(withoutSizes(current.upstreams), withoutSizes(next.upstreams), replaced)
  const { kept: _kept, ...endpoints } = compareNames(current.endpoints, next.endpoints)
  const { kept: _same, ...tenants } = compareNames(current.tenants, next.tenants)
  return {
    ...upstreams,
    endpoints,
    tenants,
    needsRestart: lasting.flatMap((module) => {
      const { added, changed, removed } = compareNames({ ...current[module] }, { ...next[module] })
      return [...added, ...changed, ...removed].map((key) => `${module}.${key}`)
    }),
  }
}

/** Upstreams of one tenant alone that run: those that stay as they are, and what takes the place of others. */
interface OfTenants {
  readonly kept: ReadonlyMap<string, UpstreamSetup>
  readonly prepared: ReadonlyArray<readonly [key: string, setup: UpstreamSetup]>
}

/** @param replaced names of upstreams, or keys, that count as changed */
export function changedOfTenants(
  upstreams: {
    readonly all: ReadonlyArray<Pick<ServedUpstreams['all'][number], 'key' | 'name' | 'setup' | 'standing'>>
  },
  next: Settings,
  replaced: readonly string[],
): OfTenants {
  const kept = new Map<string, UpstreamSetup>()
  const prepared: Array<readonly [string, UpstreamSetup]> = []
  for (const { key, name, setup: before, standing } of upstreams.all) {
    const tenant = tenantIn(key)
    const setup = tenant === undefined ? undefined : setupFor(next, name, tenant)
    if (!setup) continue
    const isReplaced = replaced.includes(key) || replaced.includes(name)
    if (!isReplaced && isDeepStrictEqual(withoutSize(before), withoutSize(setup))) kept.set(key, setup)
    // One that could not be started would stop the reload of all others: its tenant's next endpoints start it anew.
    else if (standing !== 'failed') prepared.push([key, setup])
  }
  return { kept, prepared }
}

/** The settings of upstreams but for those that a running one can change: how many workers it has, and what stands in front of it. */
function withoutSizes(upstreams: Settings['upstreams']): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(upstreams).map(([name, setup]) => [name, withoutSize(setup)]))
}

function withoutSize(setup: UpstreamSetup): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(setup).filter(([key]) => !changeable.has(key)))
}

function compareNames(
  current: Readonly<Record<string, unknown>>,
  next: Readonly<Record<string, unknown>>,
  replaced: readonly string[] = [],
): Pick<ReloadReport, 'added' | 'changed' | 'removed' | 'kept'> {
  const both = Object.keys(next).filter((name) => Object.hasOwn(current, name))
  const isSame = (name: string): boolean => !replaced.includes(name) && isDeepStrictEqual(current[name], next[name])
  return {
    added: Object.keys(next).filter((name) => !Object.hasOwn(current, name)),
    changed: both.filter((name) => !isSame(name)),
    removed: Object.keys(current).filter((name) => !Object.hasOwn(next, name)),
    kept: both.filter(isSame),
  }
}
