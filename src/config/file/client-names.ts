/** The names at the top of a file that tell whose file it is. */

/** Below these, clients keep their servers; `mcp` holds `servers` in turn. */
export const serverNames: ReadonlySet<string> = new Set(['mcpServers', 'servers', 'mcp', 'context_servers'])

/** Only a file of mcplex has these. */
export const ownNames: ReadonlySet<string> = new Set([
  'version',
  'upstreams',
  'endpoints',
  'aliases',
  'listen',
  'limits',
  'sessions',
  'log',
  'admin',
  'upstream',
])
