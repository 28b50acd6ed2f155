/** The stateless revision towards upstreams: every request carries the client's description. */
import type { Call, ClientDescription } from './call.ts'
import { acrossEras, profileOf, withoutInputRequests } from './capabilities.ts'
import type { UpstreamCodec } from './upstream-codec.ts'
import { editObject, emptyObject, type JsonObject, type JsonValue, parseObject, type RawObject } from './json-text.ts'
import { withMeta } from './jsonrpc.ts'
import { metaKeys, modernVersion } from './revisions.ts'

/** Creates the codec. It caches the `_meta` of each session, which is the same in all its calls and costly to write. */
export function createModernUpstreamCodec(): UpstreamCodec {
  const introductions = new WeakMap<ClientDescription, RawObject>()
  const introductionOf = (client: ClientDescription): RawObject => {
    let said = introductions.get(client)
    if (!said) introductions.set(client, (said = introduction(client)))
    return said
  }

  return {
    era: 'modern',
    params(call, token) {
      // The same revision on both sides: the metadata is forwarded unchanged, except for the token, which is ours.
      if (call.client.era === 'modern') {
        return call.progressToken === undefined ? call.params : withMeta(call.params, { progressToken: token })
      }
      return introduced(call, token, introductionOf(call.client))
    },
    announced(client, mayAsk) {
      if (client.era === 'legacy') return acrossEras(client, mayAsk)
      return mayAsk ? profileOf(client.capabilities) : withoutInputRequests(client.capabilities)
    },
  }
}

/** The `_meta` members that describe a client in each of its requests. [2026-07-28 basic, _meta] */
export function envelope(client: ClientDescription, announced: RawObject): Record<string, JsonValue | undefined> {
  const meta: Record<string, JsonValue | undefined> = {
    [metaKeys.version]: modernVersion,
    [metaKeys.capabilities]: announced.value,
  }
  if (client.info) meta[metaKeys.clientInfo] = client.info
  return meta
}

/** The `_meta` of a client with a session. It can answer input requests: see bridge/continuation.ts. */
function introduction(client: ClientDescription): RawObject {
  const text = JSON.stringify(envelope(client, acrossEras(client, true)))
  return parseObject(text) ?? emptyObject
}

/** The params with the client's `_meta`, and the members of this call alone. */
function introduced(call: Call, token: number | undefined, said: RawObject): RawObject {
  const params = call.round === undefined ? firstParams(call) : (call.params ?? emptyObject)
  const { value, text } = params
  if ('_meta' in value || token !== undefined || call.logLevel !== undefined) {
    const own: JsonObject = { [metaKeys.logLevel]: call.logLevel, progressToken: token }
    return withMeta(params, { ...said.value, ...own })
  }
  // The usual call has no other metadata: its text need not be walked.
  const comma = Object.keys(value).length === 0 ? '' : ','
  return { value: { ...value, _meta: said.value }, text: `${text.slice(0, -1)}${comma}"_meta":${said.text}}` }
}

/** Removed from the client's params: mcplex itself makes the calls of later rounds, so input responses in a first call are forged; tasks differ here. */
const foreign = ['inputResponses', 'requestState', 'task']

/** The client's params of a first call, without the members that a client with a session must not set. */
function firstParams({ params }: Call): RawObject {
  if (params === undefined) return emptyObject
  if (!foreign.some((key) => key in params.value)) return params
  return editObject(params, { inputResponses: undefined, requestState: undefined, task: undefined })
}
