/** The server of `serve`: the only upstream of its settings. */
import type { Settings } from '../../../config/settings.ts'

export type OnlyUpstream = Extract<Settings['upstreams'][string], { readonly kind: 'stdio' }>

export function onlyUpstream({ upstreams }: Pick<Settings, 'upstreams'>): OnlyUpstream {
  const [only] = Object.values(upstreams)
  if (only?.kind !== 'stdio') throw new Error('settings without a command')
  return only
}
