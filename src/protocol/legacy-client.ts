/** The session-based revisions towards upstreams: handshake params, and calls without per-request metadata. */
import { type Call, metaOf, type ClientDescription } from './call.ts'
import { acrossEras, profileOf, withoutInputRequests } from './capabilities.ts'
import type { UpstreamCodec } from './upstream-codec.ts'
import { editObject, type JsonObject, type RawObject, rawObject } from './json-text.ts'
import { withMeta } from './jsonrpc.ts'
import { metaKeys, newestLegacy } from './revisions.ts'

const requestMetadata = new Set(Object.values(metaKeys))

/**
 * Members removed from stateless requests: input responses mean nothing to this server, because without a suspended call the
 * call starts again; and a stateless client must not start a task of this era, because it could never fetch the result.
 */
const foreign = ['inputResponses', 'requestState', 'task']

export const legacyUpstreamCodec: UpstreamCodec = {
  era: 'legacy',
  params(call, token) {
    if (call.client.era === 'legacy') {
      return call.progressToken === undefined ? call.params : withMeta(call.params, { progressToken: token })
    }
    return call.params && fromRequest(call, call.params, token)
  },
  announced(client, mayAsk) {
    if (client.era === 'modern') return acrossEras(client, mayAsk)
    return mayAsk ? profileOf(client.capabilities) : withoutInputRequests(client.capabilities)
  },
}

/** The params of a stateless request without the members that only this era has. */
function fromRequest(call: Call, params: RawObject, token: number | undefined): RawObject {
  const edits: Record<string, undefined> = {}
  if (call.round === undefined) for (const key of foreign) if (key in params.value) edits[key] = undefined
  const meta = metaOf(params)
  const hasMore = meta !== undefined && Object.keys(meta).some((key) => !requestMetadata.has(key))
  // Usually `_meta` has only the required members: then it is removed as a whole, in one walk over the text.
  if (meta !== undefined && !hasMore) edits['_meta'] = undefined
  const plain = Object.keys(edits).length === 0 ? params : editObject(params, edits)
  if (!hasMore) return plain
  const kept: Record<string, undefined | number> = { progressToken: token }
  for (const key of requestMetadata) kept[key] = undefined
  return withMeta(plain, kept)
}

/** The params of `initialize`: with the client's own info, if there is any, else ours. */
export function initializeParams(client: ClientDescription, announced: RawObject, own: JsonObject): RawObject {
  const version = client.era === 'legacy' ? client.version : newestLegacy
  return rawObject({ protocolVersion: version, capabilities: announced.value, clientInfo: client.info ?? own })
}
