/**
 * When a catalog worker can serve a group: if its handshake was exactly the one that a worker of the group gets. It has
 * worked for no client, so it holds no state that the group must not see.
 */
import { mayBeAsked } from '../../protocol/capabilities.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { initializeParams } from '../../protocol/legacy-client.ts'
import { ownInfo } from '../server-era.ts'
import type { CatalogWorkerSpec } from './catalog-workers.ts'
import type { IsolationGroup } from './isolation-group.ts'
import { ownDescription } from './own-requests.ts'

/**
 * Whether a catalog worker had the handshake that a worker of the group gets.
 * @param hasOneClient whether all calls are of one client: else the next client of its name needs the worker, too
 */
export function hasSameHandshake(
  { caller, announced, codec }: IsolationGroup,
  spec: CatalogWorkerSpec,
  hasOneClient: boolean,
): boolean {
  if (codec.era !== spec.serverEra.codec.era) return false
  // A stateless request names its client itself.
  if (codec.era === 'modern') return true
  if (spec.info !== undefined && !hasOneClient) return false
  // What the server asked at its start, such as the roots, reached no client, and it does not ask again.
  if (mayBeAsked(spec.announced)) return false
  const description = ownDescription(spec.serverEra, spec.announced, spec.info)
  const own = initializeParams(description, rawObject(spec.announced), ownInfo)
  return own.text === initializeParams(caller.client, rawObject(announced), ownInfo).text
}
