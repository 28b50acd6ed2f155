/** What the banner and the ready line say of several servers, and of servers with names. Pure. */
import type { Settings } from '../../../config/settings.ts'
import type { Ready } from './ready.ts'

/** The server of `serve` has no name that a user gave it. */
const unnamed = 'server'

/** Whether the settings name the servers, and each has an endpoint that is worth telling. */
export function hasNames({ upstreams }: Pick<Settings, 'upstreams'>): boolean {
  return Object.keys(upstreams).some((name) => name !== unnamed)
}

/** The endpoints besides `/mcp`: that of each server, and the named ones. */
export function namedEndpoints({
  settings,
  upstreams,
}: Ready): ReadonlyArray<{ readonly path: string; readonly what: string }> {
  if (!hasNames(settings)) return []
  const ofServers = Object.keys(upstreams).map((name) => ({ path: `/mcp/${name}`, what: `${name} alone` }))
  const views = Object.entries(settings.endpoints).map(([name, { tools }]) => ({
    path: `/mcp/${name}`,
    what: tools.length === 0 ? 'all tools' : tools.join(' '),
  }))
  return [...ofServers, ...views]
}

/** The names of the servers that only clients with sessions can use; one that is not known yet counts as such. */
export function sessionsOnlyIn(upstreams: Ready['upstreams']): string[] {
  const names = Object.entries(upstreams).filter(
    ([, { sharing }]) => sharing === undefined || sharing.stateless === 'refuse',
  )
  return names.map(([name]) => name)
}

const standings = { started: 'ready', starting: 'starting', failed: 'could not be started' } as const

/** For each server its name, and how it stands. */
export function shownUpstreams({ settings, upstreams }: Ready): string[][] {
  return Object.entries(upstreams).map(([name, { standing, tools, sharing }]) => {
    const kind = settings.upstreams[name]?.kind ?? ''
    if (standing !== 'started') return [name, kind, standings[standing]]
    const refuses = sharing?.stateless === 'refuse' ? ['sessions only'] : []
    return [name, kind, `${tools} ${tools === 1 ? 'tool' : 'tools'}`, ...refuses]
  })
}
