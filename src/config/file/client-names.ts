/** Names that tell whose a file, or an entry in it, is. */

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

/** The name under which `mcplex config` writes its entry into a client's file, unless another one is asked for. */
export const ownEntry = 'mcplex'
