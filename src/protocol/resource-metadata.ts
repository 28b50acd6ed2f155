/**
 * What clients are told about authorization: the metadata of a protected resource [RFC 9728], and the challenge of a refusal
 * [RFC 6750, 3]. Each endpoint is a resource of its own. Pure.
 */
import { endpointPath, readEndpointPath, streamPath } from './endpoint-path.ts'
import type { JsonObject } from './json-text.ts'

const wellKnown = '/.well-known/oauth-protected-resource'

/** The path of the endpoint that a path has the metadata of, by its shape; undefined if it is not such a path. */
export function describedEndpoint(path: string): string | undefined {
  if (path === wellKnown) return endpointPath
  if (!path.startsWith(`${wellKnown}/`)) return undefined
  const described = path.slice(wellKnown.length)
  const kind = readEndpointPath(described)?.kind
  return kind === undefined || kind === 'messages' ? undefined : withoutSlash(described)
}

/**
 * The URLs that a token for an endpoint may be for: its own on either transport, and those of the endpoint of all upstreams.
 * @param publicUrl the address under which clients know mcplex, without `/mcp` and without a slash at its end
 */
export function audiencesOf(publicUrl: string, path: string): readonly string[] {
  const name = readEndpointPath(path)?.name ?? ''
  const paths = [endpointPath, streamPath].flatMap((base) => (name === '' ? [base] : [`${base}/${name}`, base]))
  return paths.map((one) => publicUrl + one)
}

export function resourceMetadata(
  publicUrl: string,
  path: string,
  issuers: readonly string[],
  scopes: readonly string[],
): JsonObject {
  return {
    resource: publicUrl + path,
    authorization_servers: [...issuers],
    ...(scopes.length > 0 && { scopes_supported: [...scopes] }),
    bearer_methods_supported: ['header'],
    resource_name: 'mcplex',
  }
}

/** The URL of the metadata of the endpoint that a request is for. */
export function metadataUrl(publicUrl: string, path: string): string {
  const { origin, pathname } = new URL(publicUrl)
  const at = readEndpointPath(path)
  const base = at === undefined || at.kind === 'mcp' ? endpointPath : streamPath
  const name = at === undefined || at.name === '' ? '' : `/${at.name}`
  return `${origin}${wellKnown}${pathname === '/' ? '' : pathname}${base}${name}`
}

/** The value of `WWW-Authenticate`. */
export function bearerChallenge(parts: {
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined
  readonly scopes?: readonly string[]
  readonly metadata?: string | undefined
}): string {
  const { error, scopes = [], metadata } = parts
  return [
    'Bearer realm="mcplex"',
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(scopes.length === 0 ? [] : [`scope="${scopes.join(' ')}"`]),
    ...(metadata === undefined ? [] : [`resource_metadata="${metadata}"`]),
  ].join(', ')
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}
