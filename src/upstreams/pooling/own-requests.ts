/** Requests that mcplex itself sends to a worker, outside of calls, and the client description that it uses for them. */
import { asRefusal } from '../../base/refusal.ts'
import type { Caller, ClientDescription } from '../../protocol/call.ts'
import { type JsonObject, rawObject } from '../../protocol/json-text.ts'
import { type Answer, withMeta } from '../../protocol/jsonrpc.ts'
import { envelope } from '../../protocol/modern-client.ts'
import { modernVersion, newestLegacy } from '../../protocol/revisions.ts'
import { ownInfo, type ServerEra } from '../server-era.ts'
import type { Worker } from '../worker.ts'

const listTimeoutMs = 30_000

/**
 * The client description of mcplex itself.
 * @param info the client info of the clients that it asks for, if it asks for clients of one name
 */
export function ownDescription(
  serverEra: ServerEra,
  announced: JsonObject,
  info: JsonObject = ownInfo,
): ClientDescription {
  const { era } = serverEra.codec
  return { era, version: era === 'legacy' ? newestLegacy : modernVersion, capabilities: announced, info }
}

/** Requests one page of a list outside of calls. Rejects as `Worker.request` does. */
export function listPage(
  worker: Worker,
  method: string,
  cursor: string | undefined,
  client: ClientDescription,
  announced: JsonObject,
): Promise<Answer> {
  const params = cursor === undefined ? undefined : rawObject({ cursor })
  const asked = worker.codec.era === 'legacy' ? params : withMeta(params, envelope(client, rawObject(announced)))
  return worker.request(method, asked, listTimeoutMs)
}

/** Pings a worker. Never rejects. */
export async function answersPing(worker: Worker, client: ClientDescription, timeoutMs: number): Promise<boolean> {
  const legacy = worker.codec.era === 'legacy'
  const asked = legacy ? undefined : withMeta(undefined, envelope(client, rawObject({})))
  try {
    await worker.request(legacy ? 'ping' : 'server/discover', asked, timeoutMs)
    return true
  } catch (error) {
    // An invalid answer shows that the worker is alive, too.
    return asRefusal(error)?.code === 'upstream_invalid'
  }
}

/** The gateway itself as a caller. */
export function ownCaller(serverEra: ServerEra): Caller {
  return { principal: { tenant: '', subject: '' }, client: ownDescription(serverEra, {}), session: undefined }
}
