/**
 * The URIs of several members, and back. Pure. The member stands in the URI, so no table is needed, and a URI means the
 * same on every instance. `ui://` and `skill://` keep their scheme, by which hosts know them, and get the member as
 * leading segment; all other URIs, and URI templates, are put whole behind `mcplex://member/`: with the scheme of the
 * original, a client might try to fetch the URI by itself.
 */
/** Schemes that hosts give a meaning of their own: MCP Apps and Skills. [SEP-1865; SEP-2640] */
const keptSchemes = /^(ui|skill):\/\//
const shownUri = /^(ui|skill|mcplex):\/\/([A-Za-z0-9_-]{1,64})\/(.*)$/s

/** The URIs under which clients see what the members have. */
export interface Uris {
  /** The URI, or URI template, for clients. */
  shown(member: string, own: string): string
  /** The member and its URI for a URI of a client; undefined if it is of no member. */
  find(shown: string): { readonly member: string; readonly own: string } | undefined
}

/** The URIs of a single member: its own. */
export function plainUris(member: string): Uris {
  return { shown: (_, own) => own, find: (shown) => ({ member, own: shown }) }
}

export function memberUris(members: readonly string[]): Uris {
  const known = new Set(members)
  /** Some libraries write the host of a URI in lower case; a name that is unique without case is found all the same. */
  const byLowerCase = new Map<string, string | undefined>()
  for (const member of members) {
    const lower = member.toLowerCase()
    byLowerCase.set(lower, byLowerCase.has(lower) ? undefined : member)
  }
  return {
    shown(member, own) {
      const kept = keptSchemes.exec(own)
      return kept ? `${kept[0]}${member}/${own.slice(kept[0].length)}` : `mcplex://${member}/${own}`
    },
    find(shown) {
      const [, scheme, host = '', rest = ''] = shownUri.exec(shown) ?? []
      const member = known.has(host) ? host : byLowerCase.get(host.toLowerCase())
      if (scheme === undefined || member === undefined) return undefined
      return { member, own: scheme === 'mcplex' ? rest : `${scheme}://${rest}` }
    },
  }
}
