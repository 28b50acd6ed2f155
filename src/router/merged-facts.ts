/** What the start has found out about several servers, as one. Pure. */
import type { UpstreamFacts } from '../upstreams/upstream.ts'

/**
 * The stateless era is offered only if every member offers it: otherwise its clients would share what the server means
 * for one of them. A member without facts has not answered yet, and counts as session-based.
 */
export function mergeFacts(facts: ReadonlyArray<UpstreamFacts | undefined>): UpstreamFacts {
  const known = facts.filter((one) => one !== undefined)
  const [first] = known
  if (!first) throw new Error('there are no facts without a member')
  const areAllKnown = known.length === facts.length
  const refusing = known.find(({ sharing }) => sharing.stateless === 'refuse')
  const eras = first.eras.filter((era) => known.every((one) => one.eras.includes(era)))
  const isRefused = !areAllKnown || refusing !== undefined
  return {
    eras: eras.length > 0 ? eras : first.eras,
    sharing: isRefused ? { ...(refusing ?? first).sharing, stateless: 'refuse' } : first.sharing,
    serverEras: first.serverEras,
  }
}
