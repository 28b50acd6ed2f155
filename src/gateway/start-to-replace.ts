/** Starts upstreams that no client has yet. */
import type { Clock } from '../base/clock.ts'
import { within } from '../catalog/within.ts'
import { learnCommonLists } from './common-lists.ts'
import { ReloadError } from './reload-error.ts'
import type { ServedUpstream } from './served-upstream.ts'
import { inShort } from './start-error.ts'

export interface ReplacingStartNeeds {
  readonly clock: Clock
  /** How long its lists are waited for, in milliseconds. */
  readonly listWaitMs: number
}

/**
 * Starts an upstream that is to take a place. Its lists are learnt before it takes it, if that does not take too long: so no
 * list lacks it then, and the first calls of its tools are known by their names. Throws what the start throws.
 */
export async function startToReplace(
  served: Pick<ServedUpstream, 'start' | 'catalog'>,
  { clock, listWaitMs }: ReplacingStartNeeds,
): Promise<void> {
  const { serverEras } = await served.start(() => {})
  await within(clock, listWaitMs, learnCommonLists(serverEras, served.catalog))
}

/** @throws ReloadError if it cannot be started */
export async function startForReload(
  served: Pick<ServedUpstream, 'start' | 'catalog' | 'key'>,
  needs: ReplacingStartNeeds,
): Promise<void> {
  try {
    await startToReplace(served, needs)
  } catch (cause) {
    const message = `the upstream ${served.key} could not be started, so nothing was changed: ${inShort(cause)}`
    throw new ReloadError(message, { upstream: served.key, cause })
  }
}
