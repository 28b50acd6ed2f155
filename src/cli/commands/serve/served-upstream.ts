/** The server of `serve`: the only upstream of its settings. */
import type { Settings } from '../../../config/settings.ts'

export type ServedUpstream = Settings['upstreams'][string]

export function servedUpstream({ upstreams }: Pick<Settings, 'upstreams'>): ServedUpstream {
  const [only] = Object.values(upstreams)
  if (!only) throw new Error('settings without an upstream')
  return only
}
