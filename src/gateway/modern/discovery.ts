/** The answer to `server/discover`. [2026-07-28 discovery] */
import { header, type Inbound, jsonHeaders, type Outbound } from '../../protocol/inbound.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import { responseText, type RpcId } from '../../protocol/jsonrpc.ts'
import { discoverResult, type MirrorHeaders } from '../../protocol/modern-server.ts'
import { serverInfoOf } from '../../protocol/server-description.ts'

/** @param serverDescription the server's description, from either era */
export function discovery(id: RpcId | undefined, serverDescription: RawObject): Outbound {
  const result = discoverResult(serverDescription, serverInfoOf(serverDescription))
  return { status: 200, headers: jsonHeaders, body: responseText(id, { kind: 'result', result }) }
}

/** The headers of a request that mirror its body. */
export function mirrorsIn(inbound: Inbound): MirrorHeaders {
  return {
    version: header(inbound, 'mcp-protocol-version'),
    method: header(inbound, 'mcp-method'),
    name: header(inbound, 'mcp-name'),
  }
}
