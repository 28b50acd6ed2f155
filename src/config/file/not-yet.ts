/** Names that people look for in a file, and that mcplex does not have (yet): what to do instead. Pure. */

const sentences: ReadonlyArray<readonly [path: RegExp, instead: string]> = [
  [/^auth\.oauth(\.|$)/, 'auth.methods, auth.issuers and auth.publicUrl are for that: methods: [oauth]'],
  [/^auth\.apiKeys$/, 'auth.methods says what is accepted: methods: [keys]'],
  [/^state(\.|$)/, 'state is kept in memory only, for now'],
  [/^listen\.http2$/, 'HTTP/1.1 and HTTP/2 are both served on the one port, always'],
  [/^listen\.(?:tls|cert|key)$/, 'TLS needs two files: listen.tlsCert and listen.tlsKey'],
  [
    /^upstreams\.[^.]+\.(?:url|serverUrl|httpUrl|headers)$/,
    'servers at a URL are not served yet: clients connect to them directly',
  ],
  [/^upstreams\.[^.]+\.timeout$/, 'callIdle and callTotal limit a call, and startTimeout limits a start'],
  [/^upstreams\.[^.]+\.(?:type|transport)$/, 'a command is spoken to through its stdin and stdout, always'],
  [/^(?:port|host)$/, 'it is a member of listen'],
  [/^mcp$/, 'servers stand below upstreams'],
]

/** What to do instead of a setting that is not known; undefined if nothing is known about it. */
export function insteadOf(path: string): string | undefined {
  return sentences.find(([pattern]) => pattern.test(path))?.[1]
}
