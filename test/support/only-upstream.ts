/** The only upstream of settings, for tests that run one without a gateway. */
import type { Settings } from '../../src/config/settings.ts'

type OnlyUpstream = Extract<Settings['upstreams'][string], { readonly kind: 'stdio' }>

export function onlyUpstream({ upstreams }: Pick<Settings, 'upstreams'>): OnlyUpstream {
  const [only] = Object.values(upstreams)
  if (only?.kind !== 'stdio') throw new Error('settings without a command')
  return only
}
