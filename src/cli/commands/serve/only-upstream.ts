/** The server of `serve`: the only upstream of its settings. */
import type { Settings } from '../../../config/settings.ts'

export type OnlyUpstream = Settings['upstreams'][string]

export function onlyUpstream({ upstreams }: Pick<Settings, 'upstreams'>): OnlyUpstream {
  const [only] = Object.values(upstreams)
  if (!only) throw new Error('settings without an upstream')
  return only
}
