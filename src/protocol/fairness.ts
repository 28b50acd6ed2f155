/** In which turns calls that wait are served: between tenants by their weights, and then between the clients of each. */
import type { FairQueueNeeds } from '../base/fair-queue.ts'
import type { WaitCounts } from '../base/waiting-line.ts'
import type { Call } from './call.ts'

/** By which weights the keys of a line share what there is, and how many of a tenant may wait in all lines together. */
export type Fairness = Pick<FairQueueNeeds, 'weightOf'> & { readonly waits?: WaitCounts }

/** What tells whose a call is, and of which client. */
export type FairCall = Pick<Call, 'fairnessKey'> & { readonly principal: Pick<Call['principal'], 'tenant'> }

/** The keys of a call in a line: its tenant, and what tells its client from others of the tenant. */
export function fairPathOf({ principal, fairnessKey }: FairCall): readonly [tenant: string, client: string] {
  return [principal.tenant, fairnessKey]
}

/**
 * Who takes turns and shares memory with others: the user where there are credentials, since many users may come over the
 * connections of one proxy; else the connection.
 */
export function claimantOf({ tenant, issuer, subject }: Call['principal'], connection: string): string {
  return issuer === undefined ? connection : JSON.stringify([tenant, issuer, subject])
}

/**
 * Tenants share by their weights; all that is below a tenant has equal parts.
 * @param weightOf at least 1
 * @param waits how many of a tenant may wait
 */
export function byTenant(weightOf: (tenant: string) => number, waits?: WaitCounts): Fairness {
  return {
    weightOf: ([tenant = '', ...below]) => (below.length === 0 ? weightOf(tenant) : 1),
    ...(waits && { waits }),
  }
}
