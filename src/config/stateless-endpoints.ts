/**
 * Which endpoints serve clients without sessions: as a running instance has learnt it, and as a configuration comes to.
 * An endpoint serves them only if each of its upstreams does; one that has not answered counts as session-based, unless
 * its settings say otherwise. Pure.
 */
import { contentId } from '../base/ids.ts'
import { isObject, type JsonValue } from '../base/json.ts'
import { membersInView } from '../router/options.ts'
import { mayRefuseStateless } from '../upstreams/options.ts'
import type { Settings } from './settings.ts'

/** What a running instance has learnt, for its runtime file. */
export interface LearntEras {
  /** The paths of the endpoints that serve clients without sessions. */
  readonly endpoints: readonly string[]
  /** The upstreams that have answered, by name. */
  readonly upstreams: Readonly<Record<string, LearntEra>>
}

interface LearntEra {
  /** A digest of the settings with which it was learnt. */
  readonly settings: string
  /** Whether it serves clients without sessions. */
  readonly isServed: boolean
}

/** An endpoint that serves clients without sessions, and would not do so any more. */
export interface ClosedEndpoint {
  readonly endpoint: string
  /** The upstreams because of which. */
  readonly because: readonly string[]
  /** Those of them that have not answered with these settings: it is not known yet. */
  readonly unlearnt: readonly string[]
}

type Served = Pick<Settings, 'upstreams' | 'endpoints' | 'aliases'>

/** The most upstreams that a runtime file has. */
const maxUpstreams = 100

/** @param servesStateless whether an upstream serves clients without sessions; undefined until it has answered */
export function learntEras(settings: Served, servesStateless: (upstream: string) => boolean | undefined): LearntEras {
  const upstreams: Record<string, LearntEra> = {}
  for (const [name, setup] of Object.entries(settings.upstreams).slice(0, maxUpstreams)) {
    const isServed = servesStateless(name)
    if (isServed !== undefined) upstreams[name] = { settings: digestOf(setup), isServed }
  }
  const endpoints = [...membersAt(settings)].flatMap(([path, members]) =>
    members.every((name) => servesStateless(name) === true) ? [path] : [],
  )
  return { endpoints: endpoints.slice(0, 2 * maxUpstreams), upstreams }
}

/**
 * The upstreams because of which each endpoint may refuse clients without sessions, by its path; none if it serves them.
 * @param learnt what the instance that runs has learnt
 */
export function refusingAt(settings: Served, learnt: LearntEras | undefined): ReadonlyMap<string, readonly string[]> {
  const refuses = (name: string): boolean => {
    const setup = settings.upstreams[name]
    if (!setup || !mayRefuseStateless(setup)) return false
    return learntWith(setup, learnt?.upstreams[name])?.isServed !== true
  }
  return new Map([...membersAt(settings)].map(([path, members]) => [path, members.filter(refuses)]))
}

/** The endpoints at which a running instance would refuse clients without sessions whom it serves now. */
export function closedEndpoints(settings: Served, learnt: LearntEras | undefined): ClosedEndpoint[] {
  const open = new Set(learnt?.endpoints)
  return [...refusingAt(settings, learnt)].flatMap(([endpoint, because]) => {
    if (because.length === 0 || !open.has(endpoint)) return []
    const unlearnt = because.filter((name) => {
      const setup = settings.upstreams[name]
      return setup && !learntWith(setup, learnt?.upstreams[name])
    })
    return [{ endpoint, because, unlearnt }]
  })
}

/** The same in words. */
export function closedInWords({ endpoint, because, unlearnt }: ClosedEndpoint): string {
  const words = because.map((name) =>
    unlearnt.includes(name) ? `${name} (unless it turns out to be stateless)` : name,
  )
  return `clients that speak only 2026-07-28 are refused at ${endpoint}, which serves them now, because of ${words.join(', ')}`
}

/** What a runtime file says of it; an empty object if that is nothing. */
export function learntErasIn(value: JsonValue | undefined): { readonly eras?: LearntEras } {
  if (!isObject(value) || !Array.isArray(value['endpoints']) || !isObject(value['upstreams'])) return {}
  const upstreams = Object.entries(value['upstreams']).flatMap(([name, one]): Array<[string, LearntEra]> => {
    if (!isObject(one)) return []
    const { settings, isServed } = one
    return typeof settings === 'string' && typeof isServed === 'boolean' ? [[name, { settings, isServed }]] : []
  })
  const endpoints = value['endpoints'].filter((path) => typeof path === 'string')
  return { eras: { endpoints, upstreams: Object.fromEntries(upstreams) } }
}

/** What was learnt of an upstream, if that was with these settings. */
function learntWith(setup: Settings['upstreams'][string], era: LearntEra | undefined): LearntEra | undefined {
  return era?.settings === digestOf(setup) ? era : undefined
}

/** The upstreams behind each endpoint, by its path. */
function membersAt({ upstreams, endpoints, aliases }: Served): ReadonlyMap<string, readonly string[]> {
  const names = Object.keys(upstreams)
  return new Map([
    ['/mcp', names],
    ...names.map((name) => [`/mcp/${name}`, [name]] as const),
    ...Object.entries(endpoints).map(([name, view]) => [`/mcp/${name}`, membersInView(view, names, aliases)] as const),
  ])
}

/** Without how many workers there may be, which changes nothing of what it speaks. */
function digestOf({ pool: _pool, spares: _spares, ...setup }: Settings['upstreams'][string]): string {
  return contentId([JSON.stringify(setup)])
}
