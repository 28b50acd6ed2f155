/**
 * The page for a person who opens the endpoint in a browser: it says what the address is and how to connect a client.
 * It holds no data of this server or of the request, runs no script, and loads nothing.
 */
import { createHash } from 'node:crypto'
import { isBrowser } from '../../protocol/accept.ts'
import { endpointPath, readEndpointPath, streamPath } from '../../protocol/endpoint-path.ts'
import type { Inbound, Outbound } from '../../protocol/inbound.ts'
import { probePaths } from './routes.ts'

/**
 * The page for a browser's request.
 * @param path the path of the request, seen through the mount
 * @param hasStream whether HTTP+SSE is served
 * @returns undefined if the request is not a browser navigation, or is for a probe, whose answer people can read as it
 * is
 */
export function browserPage(
  inbound: Pick<Inbound, 'method' | 'headers'>,
  path: string,
  hasStream: boolean,
): Outbound | undefined {
  const { method, headers } = inbound
  if (method !== 'GET' && method !== 'HEAD') return undefined
  if (headers['mcp-session-id'] !== undefined || headers['last-event-id'] !== undefined) return undefined
  const accept = headers['accept']
  if (!isBrowser(typeof accept === 'string' ? accept : undefined) || probePaths.includes(path)) return undefined
  const at = readEndpointPath(path)
  // Links are relative, because the program that mcplex is mounted in may have other paths before.
  const up = '../'.repeat(path.split('/').length - 2)
  if (at?.kind === 'mcp')
    return { status: 200, headers: pageHeaders, body: page(endpoint.replace('"health"', `"${up}health"`)) }
  if (at?.kind === 'stream' && hasStream)
    return {
      status: 200,
      headers: pageHeaders,
      body: page(stream.replace('"mcp"', `"${up}mcp${path.slice(streamPath.length)}"`)),
    }
  if (path === '/') return { status: 200, headers: pageHeaders, body: page(root) }
  return { status: 404, headers: pageHeaders, body: page(nothing) }
}

const style =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem}code,pre{font:14px/1.5 ui-monospace,monospace}pre{overflow:auto;padding:.7rem;border:1px solid;border-radius:4px}:root{color-scheme:light dark}'

const pageHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
  Vary: 'Accept',
}

const endpoint = `<h1>An MCP endpoint</h1>
<p>This address is for programs: a client of the Model Context Protocol, such as a coding assistant or an editor, uses the
tools of a server through it. Nothing is wrong; there is just nothing to look at.</p>
<p>Give the client the address of this page. For some of them:</p>
<pre>claude mcp add --transport http NAME ADDRESS
mcplex config cursor --url ADDRESS</pre>
<p><code>mcplex config</code> knows claude-code, claude-desktop, cursor, vscode and windsurf. Whether the server is well,
<a href="health">health</a> says.</p>`

const stream = `<h1>An MCP endpoint for old clients</h1>
<p>This address is for programs that speak HTTP+SSE, the transport of the Model Context Protocol from 2024. Nothing is wrong;
there is just nothing to look at.</p>
<p>Give it to a client that knows no other transport. All others take the address beside it that ends in
<a href="mcp">${endpointPath}</a>.</p>`

const root = `<h1>mcplex</h1>
<p>Here mcplex serves a server of the Model Context Protocol to many clients at once. This address is for programs; there is
nothing to look at.</p>
<p>Clients take the address that ends in <a href="mcp">${endpointPath}</a>, whose page says how.</p>`

const nothing = `<h1>Nothing is here</h1>
<p>mcplex serves a server of the Model Context Protocol on this machine, at another address: the one that it printed as
Endpoint when it was started. Unless it was set up otherwise, that ends in <code>${endpointPath}</code>.</p>`

function page(content: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>mcplex</title><style>${style}</style></head>
<body>
${content}
</body>
</html>
`
}
