/**
 * The paths of endpoints: `/mcp` and `/mcp/{name}`, and for the transport HTTP+SSE `/sse` with `/messages`, and
 * `/sse/{name}` with `/messages/{name}`. Pure. Whether there is an endpoint of that name, only the gateway knows.
 */

/** The path of the endpoint that serves all upstreams together; the others are below it. */
export const endpointPath = '/mcp'
/** Where clients of HTTP+SSE open their stream. [2024-11-05 transports] */
export const streamPath = '/sse'
/** Where they POST. */
export const messagesPath = '/messages'

export interface EndpointPath {
  /** What is served there: Streamable HTTP, or the streams and messages of HTTP+SSE. */
  readonly kind: 'mcp' | 'stream' | 'messages'
  /** The name of the endpoint; empty for that of all upstreams. */
  readonly name: string
}

const all: ReadonlyMap<string, EndpointPath> = new Map([
  [endpointPath, { kind: 'mcp', name: '' }],
  // Some people and clients write it so, and not every client follows a redirect.
  [`${endpointPath}/`, { kind: 'mcp', name: '' }],
  [streamPath, { kind: 'stream', name: '' }],
  [messagesPath, { kind: 'messages', name: '' }],
])

/** Names of upstreams and endpoints have this shape. A slash behind a name is as good as one behind `/mcp`. */
const named = /^\/(?:(mcp)|(sse)|messages)\/([A-Za-z0-9_-]{1,64})(\/?)$/

/** What is served at a path, by its shape; undefined if no endpoint can be there. */
export function readEndpointPath(path: string): EndpointPath | undefined {
  const known = all.get(path)
  if (known) return known
  const [whole, mcp, sse, name = '', slash] = named.exec(path) ?? []
  if (whole === undefined || (slash !== '' && mcp === undefined)) return undefined
  if (mcp !== undefined) return { kind: 'mcp', name }
  return { kind: sse === undefined ? 'messages' : 'stream', name }
}

/** The path of the endpoint with a name. */
export function pathOfEndpoint(name: string): string {
  return name === '' ? endpointPath : `${endpointPath}/${name}`
}
