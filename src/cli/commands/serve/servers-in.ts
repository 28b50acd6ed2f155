/** The servers of settings, as they are shown before anything is known of them. */
import type { Settings } from '../../../config/settings.ts'

/** The command of the only server, or the names of several. */
export type Servers =
  { readonly command: string; readonly upstreams?: undefined } | { readonly upstreams: readonly string[] }

export function serversIn({ upstreams }: Pick<Settings, 'upstreams'>): Servers {
  const [[name, only] = [], ...others] = Object.entries(upstreams)
  if (only === undefined || name === undefined) throw new Error('settings without an upstream')
  return others.length === 0
    ? { command: only.kind === 'stdio' ? only.command : String(only.module) }
    : { upstreams: Object.keys(upstreams) }
}
