/** Under whose limits a tenant counts: its own, or those of another one that several tenants share. Pure. */
import type { TenantSettings } from './options.ts'

/** The tenant whose settings may hold for those without a name. */
export const standard = 'default'

/** @returns the tenant itself if it shares the limits of no other one */
export function limitsHolderOf(tenants: ReadonlyMap<string, Pick<TenantSettings, 'limitsOf'>>, tenant: string): string {
  const { limitsOf = '' } = tenants.get(tenant) ?? tenants.get(standard) ?? {}
  return limitsOf === '' ? tenant : limitsOf
}
