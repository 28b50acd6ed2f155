/** A module of this process as an upstream for any number of clients: a pool of the server objects that it makes. */
import { PooledUpstream } from '../pooled/pooled-upstream.ts'
import type { PooledUpstreamNeeds } from '../pooled/pooled-upstream-needs.ts'
import { createModuleProgram, type ModuleProgramNeeds } from './module-program.ts'

export function createModuleUpstream(needs: PooledUpstreamNeeds & ModuleProgramNeeds): PooledUpstream {
  // A server object is made in no time, and for its caller: none is made ahead.
  return new PooledUpstream({ ...needs, settings: { ...needs.settings, spares: 0 } }, createModuleProgram(needs))
}
