/** The stateless revision as spoken with upstreams: every request carries who speaks. */
import type { Call, ClientDescription } from './call.ts'
import { acrossEras, profileOf, withoutQuestions } from './capabilities.ts'
import type { UpstreamCodec } from './upstream-codec.ts'
import { editObject, emptyObject, type JsonObject, type JsonValue, parseObject, type RawObject } from './json-text.ts'
import { withMeta } from './jsonrpc.ts'
import { metaKeys, modernVersion } from './revisions.ts'

/** Remembers how each session is introduced: it is the same in all its calls, and takes longer to say than the rest. */
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
      // The same revision on both sides: its metadata is forwarded as it came, only the token is ours.
      if (call.client.era === 'modern') {
        return call.progressToken === undefined ? call.params : withMeta(call.params, { progressToken: token })
      }
      return introduced(call, token, introductionOf(call.client))
    },
    announced(client, mayAsk) {
      if (client.era === 'legacy') return acrossEras(client, mayAsk)
      return mayAsk ? profileOf(client.capabilities) : withoutQuestions(client.capabilities)
    },
  }
}

/** The `_meta` with which a request of this speaker begins. [2026-07-28 basic, _meta] */
export function envelope(client: ClientDescription, announced: RawObject): Record<string, JsonValue | undefined> {
  const meta: Record<string, JsonValue | undefined> = {
    [metaKeys.version]: modernVersion,
    [metaKeys.capabilities]: announced.value,
  }
  if (client.info) meta[metaKeys.clientInfo] = client.info
  return meta
}

/** The envelope of a client with a session. It can be asked: see rounds.ts. */
function introduction(client: ClientDescription): RawObject {
  const text = JSON.stringify(envelope(client, acrossEras(client, true)))
  return parseObject(text) ?? emptyObject
}

/** The params with the introduction in front of what belongs to this call alone. */
function introduced(call: Call, token: number | undefined, said: RawObject): RawObject {
  const params = call.round === undefined ? firstParams(call) : (call.params ?? emptyObject)
  const { value, text } = params
  if ('_meta' in value || token !== undefined || call.logLevel !== undefined) {
    const own: JsonObject = { [metaKeys.logLevel]: call.logLevel, progressToken: token }
    return withMeta(params, { ...said.value, ...own })
  }
  // The usual call: its text need not be walked.
  const comma = Object.keys(value).length === 0 ? '' : ','
  return { value: { ...value, _meta: said.value }, text: `${text.slice(0, -1)}${comma}"_meta":${said.text}}` }
}

/** Mcplex alone begins another round, so answers that come with a call would be made up; and tasks are another thing here. */
const foreign = ['inputResponses', 'requestState', 'task']

/** The client's own params, without what only others may say. */
function firstParams({ params }: Call): RawObject {
  if (params === undefined) return emptyObject
  if (!foreign.some((key) => key in params.value)) return params
  return editObject(params, { inputResponses: undefined, requestState: undefined, task: undefined })
}
