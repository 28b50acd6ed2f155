/** A module of this process as an upstream for any number of clients: a pool of the server objects that it makes. */
import type { SharedResourceFacts } from '../../base/shared-resource-facts.ts'
import { PooledUpstream } from '../pooled/pooled-upstream.ts'
import type { PooledUpstreamNeeds } from '../pooled/pooled-upstream-needs.ts'
import { createModuleProgram, type ModuleProgramNeeds } from './module-program.ts'

/** An upstream that knows what its module shares among its sessions: what of it is in use or waited for, by name. */
export type ModuleUpstream = PooledUpstream & { sharedResources(): readonly SharedResourceFacts[] }

export function createModuleUpstream(needs: PooledUpstreamNeeds & ModuleProgramNeeds): ModuleUpstream {
  const program = createModuleProgram(needs)
  // A server object is made in no time, and for its caller: none is made ahead.
  const upstream = new PooledUpstream({ ...needs, settings: { ...needs.settings, spares: 0 } }, program)
  return Object.assign(upstream, { sharedResources: () => program.sharedResources?.() ?? [] })
}
