/**
 * What one tenant may use: which upstreams, endpoints, tools, prompts and resources its clients see and reach. Pure.
 * Nothing is allowed unless a pattern says so: `upstreams` allows all that a server has; `tools`, `prompts` and
 * `resources` narrow that down, or without `upstreams` are all that is allowed. In patterns, names are those of `/mcp`.
 */
import { matchesGlob } from '../base/glob.ts'
import { plainNames, prefixedNames } from './names.ts'
import { memberUris, plainUris } from './uris.ts'
import { uriSpellings } from './uri-spellings.ts'
import { membersInView, partsOf, type View } from './view.ts'

/** Patterns in which `*` stands for any characters; one with `!` takes away again. An empty list says nothing. */
export interface TenantPatterns {
  readonly upstreams: readonly string[]
  /** Names of endpoints, or their paths: `/mcp`, `/mcp/support`. */
  readonly endpoints: readonly string[]
  readonly tools: readonly string[]
  readonly prompts: readonly string[]
  readonly resources: readonly string[]
}

/** A tenant's view, for the routers of its endpoints. */
export interface TenantView extends Pick<TenantPatterns, 'upstreams' | 'tools' | 'prompts' | 'resources'> {
  /** The names of all upstreams: with several, names in patterns have a prefix. */
  readonly all: readonly string[]
  readonly aliases: Readonly<Record<string, string>>
}

/** Longer names and URIs are compared with no pattern, which would take long, and are hidden. */
const maxNameChars = 1024
const maxUriChars = 8192

/** Whether a list of patterns allows a text: one pattern matches, and none with `!`. Without others, `!` takes away from all. */
export function allows(patterns: readonly string[], names: readonly string[]): boolean {
  const { included, excluded } = partsOf(patterns)
  const isOneOf = (list: readonly string[]): boolean =>
    list.some((pattern) => names.some((name) => matchesGlob(pattern, name)))
  return !isOneOf(excluded) && (included.length === 0 || isOneOf(included))
}

/** The upstreams of which a tenant may use something. */
export function membersOfTenant(view: TenantView): readonly string[] {
  const { upstreams, tools, prompts, resources, all, aliases } = view
  if (upstreams.length > 0) return all.filter((name) => allowsWhole(view, name))
  const named = [tools, prompts].flatMap((patterns) =>
    patterns.length === 0 ? [] : membersInView({ tools: patterns }, all, aliases),
  )
  const { included } = partsOf(resources)
  // Of which server a URI is, a pattern need not say: a server that has none of them only answers that.
  return all.filter((name) => named.includes(name) || included.length > 0)
}

/** Whether a tenant is allowed an upstream itself, and not only some of what it has. */
export function allowsWhole({ upstreams }: Pick<TenantView, 'upstreams'>, name: string): boolean {
  return upstreams.length > 0 && allows(upstreams, [name])
}

/** Whether a tenant may use an endpoint, if anything is left of it. The endpoint of all upstreams has the empty name. */
export function seesEndpoint({ endpoints }: Pick<TenantPatterns, 'endpoints'>, name: string): boolean {
  return endpoints.length === 0 || allows(endpoints, name === '' ? ['/mcp'] : [name, `/mcp/${name}`])
}

/** What the tenant sees of each member, under whatever names an endpoint shows it. */
export function createTenantView(settings: TenantView): View {
  const { all, aliases } = settings
  const [only = ''] = all
  const isAlone = all.length === 1
  const names = isAlone ? plainNames(only, aliases) : prefixedNames(all, aliases)
  const uris = isAlone ? plainUris(only) : memberUris(all)
  const shownUris = memberUris(all)
  // Without `upstreams`, what no pattern names is not allowed.
  const ofKind = (patterns: readonly string[]): readonly string[] =>
    patterns.length === 0 && settings.upstreams.length === 0 ? ['!*'] : patterns
  const [tools, prompts, resources] = [settings.tools, settings.prompts, settings.resources].map((patterns) =>
    partsOf(ofKind(patterns)),
  )
  const seesName = (parts: typeof tools, member: string, own: string): boolean => {
    if (!parts || (parts.included.length === 0 && parts.excluded.length === 0)) return true
    return own.length <= maxNameChars && isSeen(parts, names.all(member, own), own)
  }
  const seesUri = (member: string, own: string, isValid: (uri: string) => boolean): boolean => {
    if (!resources || (resources.included.length === 0 && resources.excluded.length === 0)) return true
    if (own.length > maxUriChars || !isValid(own)) return false
    const shownAs = (uri: string): readonly string[] => [uris.shown(member, uri), shownUris.shown(member, uri)]
    // However it is spelt, it may be the same resource.
    const { exact, loose } = uriSpellings(own)
    const taken = { included: [], excluded: resources.excluded }
    return (
      exact.every((uri) => isSeen(resources, shownAs(uri), uri)) &&
      loose.every((uri) => isSeen(taken, shownAs(uri), uri))
    )
  }
  return {
    seesTool: (member, own) => seesName(tools, member, own),
    seesPrompt: (member, own) => seesName(prompts, member, own),
    // RFC 3986 has no braces in a URI; servers differ in what they make of them.
    seesResource: (member, own) => seesUri(member, own, (uri) => !/[{}]/.test(uri)),
    seesTemplate: (member, own) => seesUri(member, own, () => true),
  }
}

function isSeen({ included, excluded }: ReturnType<typeof partsOf>, known: readonly string[], own: string): boolean {
  const isOneOf = (patterns: readonly string[], all: readonly string[]): boolean =>
    patterns.some((pattern) => all.some((name) => matchesGlob(pattern, name)))
  return !isOneOf(excluded, [...known, own]) && (included.length === 0 || isOneOf(included, known))
}

/** What the endpoint and the tenant both show. */
export function bothViews(one: View, other: View): View {
  return {
    seesTool: (member, own) => one.seesTool(member, own) && other.seesTool(member, own),
    seesPrompt: (member, own) => one.seesPrompt(member, own) && other.seesPrompt(member, own),
    seesResource: (member, own) => one.seesResource(member, own) && other.seesResource(member, own),
    seesTemplate: (member, own) => one.seesTemplate(member, own) && other.seesTemplate(member, own),
  }
}

/** The patterns of a list that match nothing there is, and so are probably misspelt. */
export function idlePatterns(patterns: readonly string[], known: ReadonlyArray<readonly string[]>): readonly string[] {
  return patterns.filter((written) => {
    const pattern = written.startsWith('!') ? written.slice(1) : written
    return !known.some((names) => names.some((name) => matchesGlob(pattern, name)))
  })
}
