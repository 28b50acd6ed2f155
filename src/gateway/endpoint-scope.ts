/** The endpoints of one tenant, each with the upstreams behind it. */
import type { Member } from '../router/member.ts'
import type { Router } from '../router/router.ts'
import type { Endpoint } from './endpoint.ts'
import type { Plan } from './endpoint-plans.ts'

/** An endpoint with the upstreams behind it. */
export interface PlacedEndpoint {
  readonly plan: Plan
  readonly router: Router | undefined
  /** The members that the router was given. */
  readonly given: readonly Member[]
  readonly endpoint: Endpoint
}

/** The endpoints of one tenant by name; of all callers where tenants are not told apart. */
export type TenantEndpoints = Map<string, PlacedEndpoint>

/** Whether none of them is in use now. */
export function isIdle(scope: TenantEndpoints): boolean {
  return [...scope.values()].every(({ endpoint }) => endpoint.calls === 0 && endpoint.lasting.subscriptions.count === 0)
}

/** Ends endpoints that are gone: what their clients listen to, and their routers. */
export function endEndpoints(placed: Iterable<PlacedEndpoint>): void {
  for (const { endpoint, router } of placed) {
    endpoint.lasting.end()
    router?.release()
  }
}
