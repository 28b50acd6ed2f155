/** How clients of each era say things: what a proper request is, so that others can be made from it. */
import { requestBytes } from './raw-http.ts'

export interface Case {
  readonly name: string
  readonly bytes: string | Buffer
  /** Whether the server may take it for a proper request that means nothing: it must then just not fail. */
  readonly mayPass?: boolean
}

/** How a client of one era says things. */
export interface WireFormat {
  readonly era: 'legacy' | 'modern'
  /** The headers of a proper POST; those that mirror the body are made for the method and name given. */
  headers(method?: string, name?: string): Record<string, string>
  /** The text of a proper request. */
  request(method: string, params?: object, id?: unknown): string
}

const metaPrefix = 'io.modelcontextprotocol/'
const meta = { [`${metaPrefix}protocolVersion`]: '2026-07-28', [`${metaPrefix}clientCapabilities`]: {} }
const common = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

export function legacyWireFormat(session: string): WireFormat {
  return {
    era: 'legacy',
    headers: () => ({ ...common, 'Mcp-Session-Id': session, 'MCP-Protocol-Version': '2025-11-25' }),
    request: (method, params, id = 1) => JSON.stringify({ jsonrpc: '2.0', id, method, params }),
  }
}

export const modernWireFormat: WireFormat = {
  era: 'modern',
  headers: (method = 'tools/call', name = 'echo') => ({
    ...common,
    'MCP-Protocol-Version': '2026-07-28',
    'Mcp-Method': method,
    ...(name === '' ? {} : { 'Mcp-Name': name }),
  }),
  request: (method, params, id = 1) =>
    JSON.stringify({ jsonrpc: '2.0', id, method, params: { _meta: meta, ...params } }),
}

export function echoCall(format: WireFormat, text: string): string {
  const body = format.request('tools/call', { name: 'echo', arguments: { text } })
  return requestBytes('POST /mcp', format.headers(), body)
}

/** The parameters of a proper call. */
export const call: { name: string; arguments: { text: string } } = { name: 'echo', arguments: { text: 'x' } }

/** A POST with that body, and headers changed or (undefined) left out. */
export function post(
  format: WireFormat,
  body: string | Buffer,
  headers: Record<string, string | undefined> = {},
): string | Buffer {
  const all = { ...format.headers(), ...headers }
  if (typeof body === 'string') return requestBytes('POST /mcp', all, body)
  const head = requestBytes('POST /mcp', { ...all, 'Content-Length': String(body.length) })
  return Buffer.concat([Buffer.from(head), body])
}
