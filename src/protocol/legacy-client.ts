/** The session-based revisions as spoken with upstreams: handshake params, and calls without per-request metadata. */
import { metaOf, type Speaker } from './call.ts'
import { acrossEras, profileOf, withoutQuestions } from './capabilities.ts'
import type { Dialect } from './dialect.ts'
import { editObject, type JsonObject, type RawObject, rawObject } from './json-text.ts'
import { withMeta } from './jsonrpc.ts'
import { metaKeys, newestLegacy } from './revisions.ts'

const requestMetadata = Object.values(metaKeys)

/**
 * Answers of another round mean nothing here: without a suspended call of ours the call begins anew. And a client that
 * knows no tasks of this era must not start one: it could never fetch the result.
 */
const foreign = ['inputResponses', 'requestState', 'task']

export const legacyDialect: Dialect = {
  era: 'legacy',
  params(call, token) {
    if (call.speaker.era === 'legacy') {
      return call.progressToken === undefined ? call.params : withMeta(call.params, { progressToken: token })
    }
    const edits: Record<string, undefined | number> = { progressToken: token }
    for (const key of requestMetadata) edits[key] = undefined
    const params = metaOf(call.params) ? withMeta(call.params, edits) : call.params
    if (!params || call.round !== undefined || !foreign.some((key) => key in params.value)) return params
    return editObject(params, { inputResponses: undefined, requestState: undefined, task: undefined })
  },
  announced(speaker, mayAsk) {
    if (speaker.era === 'modern') return acrossEras(speaker, mayAsk)
    return mayAsk ? profileOf(speaker.capabilities) : withoutQuestions(speaker.capabilities)
  },
}

/** The params of `initialize`: the client's own words where it speaks for itself alone. */
export function initializeParams(speaker: Speaker, announced: RawObject, own: JsonObject): RawObject {
  const version = speaker.era === 'legacy' ? speaker.version : newestLegacy
  return rawObject({ protocolVersion: version, capabilities: announced.value, clientInfo: speaker.info ?? own })
}
