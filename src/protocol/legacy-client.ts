/** The session-based revisions as spoken with upstreams: handshake params, and calls without per-request metadata. */
import { type Call, metaOf, type ClientDescription } from './call.ts'
import { acrossEras, profileOf, withoutQuestions } from './capabilities.ts'
import type { UpstreamCodec } from './upstream-codec.ts'
import { editObject, type JsonObject, type RawObject, rawObject } from './json-text.ts'
import { withMeta } from './jsonrpc.ts'
import { metaKeys, newestLegacy } from './revisions.ts'

const requestMetadata = new Set(Object.values(metaKeys))

/**
 * Answers of another round mean nothing here: without a suspended call of ours the call begins anew. And a client that
 * knows no tasks of this era must not start one: it could never fetch the result.
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
    return mayAsk ? profileOf(client.capabilities) : withoutQuestions(client.capabilities)
  },
}

/** The params of a stateless request without what only such have. */
function fromRequest(call: Call, params: RawObject, token: number | undefined): RawObject {
  const edits: Record<string, undefined> = {}
  if (call.round === undefined) for (const key of foreign) if (key in params.value) edits[key] = undefined
  const meta = metaOf(params)
  const hasMore = meta !== undefined && Object.keys(meta).some((key) => !requestMetadata.has(key))
  // Mostly there is nothing but what the request must have, and then one walk over the text is enough.
  if (meta !== undefined && !hasMore) edits['_meta'] = undefined
  const plain = Object.keys(edits).length === 0 ? params : editObject(params, edits)
  if (!hasMore) return plain
  const kept: Record<string, undefined | number> = { progressToken: token }
  for (const key of requestMetadata) kept[key] = undefined
  return withMeta(plain, kept)
}

/** The params of `initialize`: the client's own words where it speaks for itself alone. */
export function initializeParams(client: ClientDescription, announced: RawObject, own: JsonObject): RawObject {
  const version = client.era === 'legacy' ? client.version : newestLegacy
  return rawObject({ protocolVersion: version, capabilities: announced.value, clientInfo: client.info ?? own })
}
