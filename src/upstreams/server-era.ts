/** One era of a server as pooling uses it: how it is spoken to, and who shares its workers. */
import { version } from '../base/version.ts'
import type { Caller } from '../protocol/call.ts'
import type { JsonObject, RawObject } from '../protocol/json-text.ts'
import type { UpstreamCodec } from '../protocol/upstream-codec.ts'
import type { Mode } from './options.ts'

export interface ServerEra {
  readonly codec: UpstreamCodec
  /** Which clients with sessions share a worker. */
  readonly mode: Mode
  /** Which clients without sessions share a worker. */
  readonly statelessMode: Mode
  /** The server description, as a client that declares nothing gets it: from the start, or from a later worker. */
  readonly serverDescription: RawObject
}

/** Which callers share a worker with this one. */
export function modeOf(serverEra: ServerEra, caller: Caller): Mode {
  return caller.client.era === 'modern' ? serverEra.statelessMode : serverEra.mode
}

/** The client info that we send in requests of our own. */
export const ownInfo: JsonObject = { name: 'mcplex', version }
