/** Requests of the stateless revision, on bare HTTP: each with its own metadata, and headers that mirror the body. */
import { type Answered, type Asked, send } from './http.ts'
import { type JsonMap, responseTo, type RpcMessage } from './rpc.ts'

const version = '2026-07-28'
const prefix = 'io.modelcontextprotocol/'

export interface StatelessOptions extends Asked {
  readonly id?: string | number
  readonly capabilities?: JsonMap
  /** Further members of `_meta`, such as a progress token. */
  readonly meta?: JsonMap
}

let ids = 0

/** A request that is right in every way, but for what the options say. */
export function ask(
  url: string,
  method: string,
  params: JsonMap = {},
  options: StatelessOptions = {},
): Promise<Answered> {
  const { id = ++ids, capabilities = {}, meta = {}, headers, ...asked } = options
  const _meta = {
    [`${prefix}protocolVersion`]: version,
    [`${prefix}clientCapabilities`]: capabilities,
    [`${prefix}clientInfo`]: { name: 'journey', version: '1' },
    ...meta,
  }
  const name = params['name'] ?? params['uri']
  return send(url, {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }),
    ...asked,
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': version,
      'Mcp-Method': method,
      'Mcp-Name': typeof name === 'string' ? name : undefined,
      ...headers,
    },
  })
}

/** Calls a tool; its answer begins when the head of it has come. */
export function callTool(url: string, tool: string, args: JsonMap = {}, options?: StatelessOptions): Promise<Answered> {
  return ask(url, 'tools/call', { name: tool, arguments: args }, options)
}

/** Calls a tool and waits for its response. */
export async function toolResponse(
  url: string,
  tool: string,
  args: JsonMap = {},
  options: StatelessOptions = {},
): Promise<RpcMessage> {
  const id = options.id ?? ++ids
  return responseTo(await callTool(url, tool, args, { ...options, id }), id)
}
