/**
 * What one tenant may use: which upstreams, endpoints, tools, prompts and resources its clients see and reach. Pure.
 * Nothing is allowed unless a pattern says so: `upstreams` allows all that a server has; `tools`, `prompts` and
 * `resources` narrow that down, or without `upstreams` are all that is allowed. In patterns, names are those of `/mcp`.
 */
import { matchesGlob } from '../base/glob.ts'
import { plainNames, prefixedNames } from './names.ts'
import { memberUris, plainUris } from './uris.ts'
import { decide, matchesNone, partsOf, type PatternDecision, saysNothing } from './pattern-decision.ts'
import { uriSpellings } from './uri-spellings.ts'
import { membersInView, type View } from './view.ts'

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
  return upstreamDecision({ upstreams }, name).isAllowed
}

/** What the patterns of upstreams say of one; without any, none is allowed whole. */
export function upstreamDecision({ upstreams }: Pick<TenantView, 'upstreams'>, name: string): PatternDecision {
  return upstreams.length === 0 ? matchesNone : decide(partsOf(upstreams), [name])
}

/** What a tenant's patterns say of an endpoint, if anything is left of it. The endpoint of all upstreams has the empty name. */
export function endpointDecision({ endpoints }: Pick<TenantPatterns, 'endpoints'>, name: string): PatternDecision {
  return decide(partsOf(endpoints), name === '' ? ['/mcp'] : [name, `/mcp/${name}`])
}

/** What the patterns of a tenant say of what a member has, by the name or URI that the member gives it. */
export type TenantDecisions = Readonly<
  Record<'tool' | 'prompt' | 'resource' | 'template', (member: string, own: string) => PatternDecision>
>

export function createTenantDecisions(settings: TenantView): TenantDecisions {
  const { all, aliases } = settings
  const [only = ''] = all
  const isAlone = all.length === 1
  const names = isAlone ? plainNames(only, aliases) : prefixedNames(all, aliases)
  const uris = isAlone ? plainUris(only) : memberUris(all)
  const shownUris = memberUris(all)
  // Without `upstreams`, what no pattern names is not allowed.
  const isNothing = (patterns: readonly string[]): boolean => patterns.length === 0 && settings.upstreams.length === 0
  const ofName = (patterns: readonly string[]): TenantDecisions['tool'] => {
    if (isNothing(patterns)) return () => matchesNone
    if (patterns.length === 0) return () => saysNothing
    const parts = partsOf(patterns)
    return (member, own) => (own.length <= maxNameChars ? decide(parts, names.all(member, own), [own]) : matchesNone)
  }
  const ofUri = (isValid: (uri: string) => boolean): TenantDecisions['resource'] => {
    if (isNothing(settings.resources)) return () => matchesNone
    if (settings.resources.length === 0) return () => saysNothing
    const parts = partsOf(settings.resources)
    const taken = { included: [], excluded: parts.excluded }
    const shownAs = (member: string, uri: string): readonly string[] => [
      uris.shown(member, uri),
      shownUris.shown(member, uri),
    ]
    return (member, own) => {
      if (own.length > maxUriChars || !isValid(own)) return matchesNone
      // However it is spelt, it may be the same resource.
      const { exact, loose } = uriSpellings(own)
      let allowing = saysNothing
      for (const uri of exact) {
        const found = decide(parts, shownAs(member, uri), [uri])
        if (!found.isAllowed) return found
        if (allowing.pattern === undefined) allowing = found
      }
      for (const uri of loose) {
        const found = decide(taken, shownAs(member, uri), [uri])
        if (!found.isAllowed) return found
      }
      return allowing
    }
  }
  return {
    tool: ofName(settings.tools),
    prompt: ofName(settings.prompts),
    // RFC 3986 has no braces in a URI; servers differ in what they make of them.
    resource: ofUri((uri) => !/[{}]/.test(uri)),
    template: ofUri(() => true),
  }
}

/** What the tenant sees of each member, under whatever names an endpoint shows it. */
export function createTenantView(settings: TenantView): View {
  const { tool, prompt, resource, template } = createTenantDecisions(settings)
  return {
    seesTool: (member, own) => tool(member, own).isAllowed,
    seesPrompt: (member, own) => prompt(member, own).isAllowed,
    seesResource: (member, own) => resource(member, own).isAllowed,
    seesTemplate: (member, own) => template(member, own).isAllowed,
  }
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
