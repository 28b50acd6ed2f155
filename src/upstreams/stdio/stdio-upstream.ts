/** A stdio command as an upstream for any number of clients: a pool of processes that run the command. */
import { PooledUpstream } from '../pooled/pooled-upstream.ts'
import type { PooledUpstreamNeeds } from '../pooled/pooled-upstream-needs.ts'
import { createStdioProgram, type StdioProgramNeeds } from './stdio-program.ts'

export function createStdioUpstream(needs: PooledUpstreamNeeds & StdioProgramNeeds): PooledUpstream {
  return new PooledUpstream(needs, createStdioProgram(needs))
}
