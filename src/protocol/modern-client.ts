/** The stateless revision as spoken with upstreams: every request carries who speaks. */
import type { Speaker } from './call.ts'
import { profileOf, withoutQuestions } from './capabilities.ts'
import type { Dialect } from './dialect.ts'
import type { JsonValue, RawObject } from './json-text.ts'
import { withMeta } from './jsonrpc.ts'
import { metaKeys, modernVersion } from './revisions.ts'

export const modernDialect: Dialect = {
  era: 'modern',
  params(call, token) {
    // The same revision on both sides: its metadata is forwarded as it came, only the token is ours.
    if (call.speaker.era === 'modern') {
      return call.progressToken === undefined ? call.params : withMeta(call.params, { progressToken: token })
    }
    return withMeta(call.params, {
      ...envelope(call.speaker, modernDialect.announced(call.speaker, false)),
      [metaKeys.logLevel]: call.logLevel,
      progressToken: token,
    })
  },
  announced(speaker, mayAsk) {
    return mayAsk && speaker.era === 'modern' ? profileOf(speaker.capabilities) : withoutQuestions(speaker.capabilities)
  },
}

/** The `_meta` with which a request of this speaker begins. [2026-07-28 basic, _meta] */
export function envelope(speaker: Speaker, announced: RawObject): Record<string, JsonValue | undefined> {
  const meta: Record<string, JsonValue | undefined> = {
    [metaKeys.version]: modernVersion,
    [metaKeys.capabilities]: announced.value,
  }
  if (speaker.info) meta[metaKeys.clientInfo] = speaker.info
  return meta
}
