/** How an era is spoken with an upstream: what a call becomes on its wire, and what comes back means. Pure. */
import type { Call, EraName, ClientDescription } from './call.ts'
import type { RawObject } from './json-text.ts'

export interface UpstreamCodec {
  readonly era: EraName
  /**
   * The params of a call as this upstream is to see them: ids, tokens and metadata are ours, the rest is untouched.
   * @param token our progress token, if the client wants progress
   */
  params(call: Call, token: number | undefined): RawObject | undefined
  /** What the upstream is told of a client's capabilities. */
  announced(client: ClientDescription, mayAsk: boolean): RawObject
}
