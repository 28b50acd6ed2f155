/** The codec of an era towards an upstream: how a call is written and which capabilities are announced. Pure. */
import type { Call, EraName, ClientDescription } from './call.ts'
import type { RawObject } from './json-text.ts'

export interface UpstreamCodec {
  readonly era: EraName
  /**
   * The params of a call for this upstream: tokens and metadata are ours, the rest is unchanged.
   * @param token our progress token, if the client wants progress
   */
  params(call: Call, token: number | undefined): RawObject | undefined
  /** The client capabilities that are announced to the upstream. `mayAsk` is whether input requests reach the client. */
  announced(client: ClientDescription, mayAsk: boolean): RawObject
}
