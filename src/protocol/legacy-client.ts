/** The session-based revisions as spoken with upstreams: handshake params, and calls without per-request metadata. */
import { metaOf, type Speaker } from './call.ts'
import { profileOf, withoutQuestions } from './capabilities.ts'
import type { Dialect } from './dialect.ts'
import { editObject, type JsonObject, type RawObject, rawObject } from './json-text.ts'
import { withMeta } from './jsonrpc.ts'
import { metaKeys, newestLegacy } from './revisions.ts'

const requestMetadata = Object.values(metaKeys)

export const legacyDialect: Dialect = {
  era: 'legacy',
  params(call, token) {
    if (call.speaker.era === 'legacy') {
      return call.progressToken === undefined ? call.params : withMeta(call.params, { progressToken: token })
    }
    const edits: Record<string, undefined | number> = { progressToken: token }
    for (const key of requestMetadata) edits[key] = undefined
    const params = metaOf(call.params) ? withMeta(call.params, edits) : call.params
    // Answers of another round mean nothing here: without a suspended call of ours the call begins anew.
    return params && ('inputResponses' in params.value || 'requestState' in params.value)
      ? editObject(params, { inputResponses: undefined, requestState: undefined })
      : params
  },
  announced(speaker, mayAsk) {
    return mayAsk && speaker.era === 'legacy' ? profileOf(speaker.capabilities) : withoutQuestions(speaker.capabilities)
  },
}

/** The params of `initialize`: the client's own words where it speaks for itself alone. */
export function initializeParams(speaker: Speaker, announced: RawObject, own: JsonObject): RawObject {
  const version = speaker.era === 'legacy' ? speaker.version : newestLegacy
  return rawObject({ protocolVersion: version, capabilities: announced.value, clientInfo: speaker.info ?? own })
}
