/**
 * The endpoints of a gateway by name: that of all upstreams, one for each upstream, and the named ones. An endpoint with one
 * upstream and without a view has that upstream behind it, and costs nothing more; any other one has a router.
 *
 * Where tenants are told apart, each has endpoints of its own, made when its first caller comes: so their lists,
 * subscriptions and answers never meet.
 */
import type { MemoryBudget } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { Call } from '../protocol/call.ts'
import { createRouter } from '../router/router.ts'
import {
  type Behind,
  createEndpoint,
  createLastingParts,
  type Endpoint,
  type LastingParts,
  type SharedServices,
} from './endpoint.ts'
import { createOperationOf, type OperationOf } from './charged-operations.ts'
import {
  type EndpointPlanSettings,
  hasTenants,
  isSamePlan,
  type Plan,
  plansOf,
  tenantInForce,
} from './endpoint-plans.ts'
import { unknownEndpoint } from './unknown-endpoint.ts'
import type { ServedUpstream } from './served-upstream.ts'
import type { ServedUpstreams } from './served-upstreams.ts'
import { isAt, nameIn, tenantIn } from './tenant-setups.ts'
import { endEndpoints, isIdle, type PlacedEndpoint, type TenantEndpoints } from './endpoint-scope.ts'
import { startedServer } from './started-server.ts'
import type { StartRoom } from './wait-for-start.ts'

export interface EndpointsNeeds {
  readonly settings: EndpointPlanSettings
  readonly upstreams: ServedUpstreams
  readonly shared: SharedServices
  readonly memory: MemoryBudget
}

/** The key of the scope of all callers. No tenant has it: tenants have scopes only where this one is not used. */
const allCallers = ''

/** The most tenants that have endpoints at once without a name in the settings. */
const maxUnnamed = 1000

export class Endpoints {
  readonly #needs: EndpointsNeeds
  /** For all requests that wait for a start, at whatever endpoint. */
  readonly #startRoom: StartRoom
  #settings: EndpointPlanSettings
  #hasTenants: boolean
  #scopes = new Map<string, TenantEndpoints>()
  /** How many of the scopes are of tenants without a name in the settings. */
  #unnamed = 0
  /** What endpoints that are made later have to know of the start. */
  #discovered: RawObject | undefined
  #refusal: Refusal | undefined

  constructor(needs: EndpointsNeeds) {
    this.#needs = needs
    this.#settings = needs.settings
    this.#hasTenants = hasTenants(needs.settings)
    this.#startRoom = { free: needs.shared.settings.limits.queue }
    if (!this.#hasTenants) this.#open(allCallers)
  }

  /** The endpoint with a name, for the callers of a tenant; empty for that of all upstreams. */
  find(name: string, tenant: string): Endpoint | undefined {
    return this.#scopeOf(tenant)?.get(name)?.endpoint
  }

  /**
   * The refusal of a name for which `find` finds nothing: one that is hidden looks as one that is not there.
   * Refuses with: `not_found`, `unknown_tenant`, `overloaded`.
   */
  refusalOf(name: string, tenant: string): Refusal {
    const scope = this.#scopeOf(tenant)
    if (scope) return unknownEndpoint(name, [...scope.keys()])
    return new Refusal(tenantInForce(this.#settings, tenant) === undefined ? 'unknown_tenant' : 'overloaded')
  }

  get #placed(): PlacedEndpoint[] {
    return [...this.#scopes.values()].flatMap((scope) => [...scope.values()])
  }

  /** The endpoints that an upstream is behind, by its key, alone or among others. */
  of(upstream: string): readonly Endpoint[] {
    const placed = this.#placed.filter(({ plan }) => this.#isBehind(upstream, plan))
    return placed.map(({ endpoint }) => endpoint)
  }

  #isBehind(key: string, { members, ofTenant }: Plan): boolean {
    const tenant = tenantIn(key)
    return members.includes(nameIn(key)) && (tenant === undefined || tenant === ofTenant)
  }

  /** Whether a call of an endpoint may be at a worker of an upstream, by its key: at a merged one, what the call names says so. */
  mayBeAt(upstream: string, { endpoint, call }: { readonly endpoint: string; readonly call: Call }): boolean {
    const { plan, router } = this.#scopes.get(this.#keyOf(call.principal.tenant))?.get(endpoint) ?? {}
    const name = nameIn(upstream)
    return plan !== undefined && isAt(upstream, plan, this.#settings) && (router?.memberOf(call) ?? name) === name
  }

  /** How many requests wait for the start of an upstream. */
  get waiting(): number {
    return this.#placed.reduce((sum, { endpoint }) => sum + endpoint.lasting.startWait.waiting, 0)
  }

  /** A DiscoverResult is known before the start is over: answers clients that ask for it with that. */
  discovered(serverDescription: RawObject): void {
    this.#discovered = serverDescription
    for (const { endpoint } of this.#placed) endpoint.lasting.startWait.discovered(serverDescription)
  }

  /** Refuses all requests that wait for a start. */
  refuseWaiting(refusal: Refusal): void {
    this.#refusal = refusal
    for (const { endpoint } of this.#placed) endpoint.lasting.startWait.fail(refusal)
  }

  /** Ends the endpoints of a tenant with the lists and streams of its callers; its next caller gets others. */
  forget(tenant: string): void {
    const scope = this.#hasTenants ? this.#scopes.get(tenant) : undefined
    if (scope) this.#drop(tenant, scope)
  }

  #drop(key: string, scope: TenantEndpoints): void {
    endEndpoints(scope.values())
    this.#scopes.delete(key)
    if (this.#isUnnamed(key)) this.#unnamed--
  }

  /** Ends the routers: none asks for missing members any more. */
  release(): void {
    for (const { router } of this.#placed) router?.release()
  }

  /** An upstream has started, could not be started, or another one has taken its place. */
  changed(served: ServedUpstream): void {
    for (const scope of this.#scopes.values())
      for (const [name, placed] of scope)
        if (this.#isBehind(served.key, placed.plan)) this.#refresh(scope, name, placed)
  }

  /**
   * Makes the endpoints those of other settings, whose upstreams are in place already. If tenants are told apart from now
   * on, or not any more, all endpoints are others.
   * @returns those that are gone: by name, for the callers of a tenant
   */
  replace(settings: EndpointPlanSettings): (name: string, tenant: string) => Endpoint | undefined {
    const [before, keyBefore] = [this.#scopes, this.#hasTenants ? (tenant: string) => tenant : () => allCallers]
    const goesOn = this.#hasTenants === hasTenants(settings)
    this.#settings = settings
    this.#hasTenants = hasTenants(settings)
    this.#scopes = new Map()
    this.#unnamed = 0
    const gone = new Map<string, Map<string, Endpoint>>()
    for (const [key, old] of before) {
      const plans = goesOn ? this.#plansOf(key) : new Map<string, Plan>()
      if (plans.size > 0) this.#replaceScope(key, old, plans)
      const former = [...old].filter(([name]) => !plans.has(name))
      endEndpoints(former.map(([, placed]) => placed))
      gone.set(key, new Map(former.map(([name, { endpoint }]) => [name, endpoint])))
    }
    if (!this.#hasTenants && !this.#scopes.has(allCallers)) this.#open(allCallers)
    return (name, tenant) => gone.get(keyBefore(tenant))?.get(name)
  }

  #replaceScope(key: string, old: TenantEndpoints, plans: ReadonlyMap<string, Plan>): void {
    const scope = this.#add(key)
    for (const [name, plan] of plans) {
      const placed = old.get(name)
      if (placed && isSamePlan(placed.plan, plan)) this.#refresh(scope, name, { ...placed, plan })
      else this.#place(scope, name, this.#create(name, plan, placed))
    }
  }

  #keyOf(tenant: string): string {
    return this.#hasTenants ? tenant : allCallers
  }

  /** The endpoints of a tenant, which are made if need be; undefined if it is refused, or if there are too many tenants. */
  #scopeOf(tenant: string): TenantEndpoints | undefined {
    const key = this.#keyOf(tenant)
    return this.#scopes.get(key) ?? this.#open(key)
  }

  #open(key: string): TenantEndpoints | undefined {
    const plans = this.#plansOf(key)
    const isRefused = this.#hasTenants && tenantInForce(this.#settings, key) === undefined
    if (isRefused || !this.#hasRoom(key)) return undefined
    const scope = this.#add(key)
    for (const [name, plan] of plans) {
      const placed = this.#create(name, plan)
      const { startWait } = placed.endpoint.lasting
      if (this.#discovered) startWait.discovered(this.#discovered)
      this.#place(scope, name, placed)
      if (this.#refusal) startWait.fail(this.#refusal)
    }
    return scope
  }

  #add(key: string): TenantEndpoints {
    const scope: TenantEndpoints = new Map()
    this.#scopes.set(key, scope)
    if (this.#isUnnamed(key)) this.#unnamed++
    return scope
  }

  #isUnnamed(key: string): boolean {
    return this.#hasTenants && !Object.hasOwn(this.#settings.tenants, key)
  }

  /** Whether a tenant may have endpoints. If there are too many without a name, those of one that does nothing now go. */
  #hasRoom(key: string): boolean {
    if (!this.#isUnnamed(key) || this.#unnamed < maxUnnamed) return true
    for (const [other, scope] of this.#scopes) {
      if (!isIdle(scope) || !this.#isUnnamed(other)) continue
      this.#drop(other, scope)
      return true
    }
    return false
  }

  #plansOf(key: string): ReadonlyMap<string, Plan> {
    return plansOf(this.#settings, this.#hasTenants ? key : undefined)
  }

  /** Puts other upstreams behind an endpoint whose plan is the same, if there are others. */
  #refresh(scope: TenantEndpoints, name: string, placed: PlacedEndpoint): void {
    const { router, endpoint } = placed
    const members = this.#membersOf(placed.plan)
    const [only] = members
    const given = members.map(({ member }) => member)
    const isOther = router
      ? given.length !== placed.given.length || given.some((member, at) => member !== placed.given[at])
      : only && only.upstream !== endpoint.upstream
    if (isOther) router?.replace(given)
    const succeeds = isOther && !router && only
    this.#place(scope, name, { ...placed, given, ...(succeeds && { endpoint: this.#succeed(endpoint.lasting, only) }) })
  }

  /** Puts an endpoint in place, and tells its clients what is known of the starts. */
  #place(scope: TenantEndpoints, name: string, placed: PlacedEndpoint): void {
    scope.set(name, placed)
    const members = this.#membersOf(placed.plan)
    const { startWait, subscriptions } = placed.endpoint.lasting
    const { upstreams } = this.#needs
    if (members.some(({ standing }) => standing === 'started')) {
      // One that is started now for a tenant is the same server as that of all others.
      startWait.started(startedServer(members.map((one) => (one.facts ? one : (upstreams.get(one.name) ?? one)))))
      subscriptions.started()
    } else if (members.every(({ standing }) => standing === 'failed'))
      startWait.fail(new Refusal('upstream_unavailable'))
  }

  /** @param old the endpoint whose place it takes */
  #create(name: string, plan: Plan, old?: PlacedEndpoint): PlacedEndpoint {
    const { shared, memory } = this.#needs
    const { clock, log, settings } = shared
    const { limits } = settings
    const { view, naming, tenant } = plan
    const members = this.#membersOf(plan)
    const given = members.map(({ member }) => member)
    const router =
      naming &&
      createRouter({ members: given, naming, view, tenant, memberWaitMs: limits.upstreamWaitMs, memory, clock, log })
    const behind: Behind | undefined = router ?? members[0]
    if (!behind) throw new Error(`there is no upstream behind the endpoint ${name}`)
    if (old) {
      const endpoint = this.#succeed(old.endpoint.lasting, behind)
      old.router?.release()
      return { plan, router, given, endpoint }
    }
    const startTimeoutMs = Math.max(...members.map(({ setup }) => setup.startTimeoutMs))
    const lasting = createLastingParts(name, behind, { startTimeoutMs, startRoom: this.#startRoom }, shared)
    const endpoint = createEndpoint(lasting, behind, shared, this.#operationOf(behind))
    return { plan, router, given, endpoint }
  }

  /** An endpoint that takes the place of another one: what lasts goes over to it. */
  #succeed(lasting: LastingParts, behind: Behind): Endpoint {
    const endpoint = createEndpoint(lasting, behind, this.#needs.shared, this.#operationOf(behind))
    lasting.subscriptions.moveTo(behind.upstream)
    return endpoint
  }

  #operationOf(behind: Behind): OperationOf {
    return createOperationOf(behind, () => this.#settings)
  }

  #membersOf({ members, ofTenant }: Pick<Plan, 'members' | 'ofTenant'>): readonly ServedUpstream[] {
    return members.flatMap((name) => this.#needs.upstreams.forTenant(name, ofTenant) ?? [])
  }
}
