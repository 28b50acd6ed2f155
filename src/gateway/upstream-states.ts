/** What is known of each upstream while it is served, for its operator. */
import type { SharedResourceFacts } from '../base/shared-resource-facts.ts'
import type { HeldDefinition } from '../catalog/definitions.ts'
import type { Settings } from '../config/settings.ts'
import { reportOf } from './health.ts'
import type { ServedUpstream } from './served-upstream.ts'
import { inShort } from './start-error.ts'

/** An upstream. Its texts are for the operator alone: they may hold what its server says. */
export interface UpstreamState {
  readonly name: string
  readonly kind: Settings['upstreams'][string]['kind']
  readonly standing: ServedUpstream['standing']
  /** How many tools it lists to a client without capabilities. */
  readonly tools: number
  /** What clients without sessions get, such as `refuse`; undefined until it has started. */
  readonly stateless: string | undefined
  /** Whether calls can be served now. */
  readonly ok: boolean
  /** Since when that is so, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** Its figures: workers by state and purpose, calls that run and that wait. */
  readonly counts: Readonly<Record<string, number>>
  /** Why calls are not served, in one line; undefined if they are. */
  readonly reason: string | undefined
  /** What a module shares among its sessions, as far as it is in use or waited for, by name. */
  readonly sharedResources: readonly SharedResourceFacts[]
  /** Definitions of tools that are held back. */
  readonly held: readonly HeldDefinition[]
}

/** The state of each upstream, in their order. */
export async function upstreamStates(upstreams: readonly ServedUpstream[]): Promise<readonly UpstreamState[]> {
  return Promise.all(
    upstreams.map(async (served) => {
      const [{ standing, tools }, { ok, detail }] = await Promise.all([reportOf(served), served.health()])
      const failure = served.standing === 'failed' ? inShort(served.failure) : undefined
      return {
        name: served.key,
        kind: served.setup.kind,
        standing,
        tools,
        stateless: served.facts?.sharing.stateless,
        ok,
        sinceMs: served.sinceMs,
        counts: served.counts(),
        reason: ok ? undefined : (failure ?? detail ?? 'it does not answer'),
        sharedResources: served.sharedResources(),
        held: served.catalog.definitions.held(),
      }
    }),
  )
}

/** Whether the only upstream is that of a command line, or of a program's short form, which has no name for people. */
export function isUnnamed({ upstreams }: Pick<Settings, 'upstreams'>): boolean {
  const names = Object.keys(upstreams)
  return names.length === 1 && names[0] === 'server'
}
