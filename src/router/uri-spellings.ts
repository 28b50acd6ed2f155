/**
 * The spellings of a URI under which a server may find the same resource: decoded, with its path resolved, with repeated
 * slashes joined, with the host in other words. Pure. Templates of URIs are taken as text in which `{...}` is a part of
 * a path. [RFC 3986, section 6]
 */

export interface UriSpellings {
  /** Its text, decoded and with its path resolved: what is allowed must be allowed in each of them. */
  readonly exact: readonly string[]
  /**
   * Further ones, which only some servers take for the same: without query and fragment, with joined slashes, without
   * user and port, without the host of `file:`. What is taken away is taken away in these, too.
   */
  readonly loose: readonly string[]
}

export function uriSpellings(uri: string): UriSpellings {
  const exact = new Set<string>()
  const loose = new Set<string>()
  for (const one of new Set([uri, decoded(uri)])) {
    exact.add(one)
    // `new URL` encodes what it need not.
    const byUrl = URL.canParse(one) ? decoded(new URL(one).href) : one
    exact.add(byUrl)
    for (const text of new Set([one, byUrl])) {
      const parts = partsOf(text)
      const joined = parts.path.replaceAll(/\/{2,}/g, '/')
      const resolved = resolvedPath(joined)
      // A file system leaves a folder of an empty name with `..` as if it were not there.
      if (resolved !== joined) exact.add(written({ ...parts, path: resolved }))
      for (const path of [parts.path, resolvedPath(parts.path), resolved]) {
        const plain = { ...parts, path, authority: plainAuthority(parts) }
        loose.add(written(plain)).add(written({ ...plain, rest: '' }))
      }
    }
  }
  return { exact: [...exact], loose: [...loose].filter((one) => !exact.has(one)) }
}

interface UriParts {
  /** In lower case, with its colon; empty without one. */
  readonly scheme: string
  /** With the two slashes before it; empty without one. */
  readonly authority: string
  readonly path: string
  /** Query and fragment. */
  readonly rest: string
}

function partsOf(uri: string): UriParts {
  const [, scheme = '', authority = '', path = '', rest = ''] =
    /^([a-z][a-z0-9+.-]*:)?(\/\/[^/?#\\]*)?([^?#]*)(.*)$/is.exec(uri) ?? []
  return { scheme: scheme.toLowerCase(), authority, path, rest }
}

function written({ scheme, authority, path, rest }: UriParts): string {
  return `${scheme}${authority}${path}${rest}`
}

/** The host alone, in lower case but for `{...}`; of a file none. */
function plainAuthority({ scheme, authority }: UriParts): string {
  if (scheme === 'file:' && authority !== '') return '//'
  const host = authority.slice(2).replace(/^.*@/s, '').replace(/:\d*$/, '')
  return (
    authority.slice(0, 2) +
    host.replaceAll(/\{[^}]*\}|[^{]+/g, (part) => (part.startsWith('{') ? part : part.toLowerCase()))
  )
}

/** A path without `.` and `..`. [RFC 3986, 5.2.4] */
function resolvedPath(path: string): string {
  if (!/(?:^|\/)\.\.?(?:\/|$)/.test(path)) return path
  const segments = path.split('/')
  const isRooted = path.startsWith('/')
  const kept: string[] = []
  for (const segment of isRooted ? segments.slice(1) : segments) {
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
  }
  const last = segments.at(-1)
  if (last === '.' || last === '..') kept.push('')
  return (isRooted ? '/' : '') + kept.join('/')
}

/** Each encoded byte decoded, as UTF-8; what is no encoding stays as it is, and what is no UTF-8 becomes U+FFFD. */
function decoded(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
}
