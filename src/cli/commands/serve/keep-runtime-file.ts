/** Keeps the runtime file of an instance true while its upstreams start and its settings change. */
import { isDeepStrictEqual } from 'node:util'
import { learntEras } from '../../../config/stateless-endpoints.ts'
import type { Settings } from '../../../config/settings.ts'
import type { Gateway } from '../../../gateway/gateway.ts'
import type { InstanceFacts } from '../../runtime-file.ts'
import { namesOf, serverOf } from './instance-facts.ts'
import type { ReloadingNeeds } from './reloading.ts'

/**
 * @param needs `instance` is what the file says; `write` writes the file again; `settings` are those in force
 * @returns takes what is new of reloads
 */
export function keepRuntimeFile(needs: {
  readonly instance: InstanceFacts
  readonly write: (facts: InstanceFacts) => void
  readonly gateway: Pick<Gateway, 'upstreamStates' | 'events'>
  readonly settings: () => Settings
}): ReloadingNeeds['told'] {
  const { instance, gateway, settings } = needs
  let reloads: Parameters<ReloadingNeeds['told']>[0] = {}
  let { eras } = instance
  const write = (): void => {
    const upstreams = namesOf(settings())
    // What the only server says of itself is known of the first one alone.
    const isSame = isDeepStrictEqual(upstreams, instance.upstreams)
    const server = isSame ? instance.server : serverOf({ name: upstreams.join(', '), version: undefined })
    needs.write({ ...instance, server, upstreams, ...(eras && { eras }), ...reloads })
  }
  const learn = async (): Promise<void> => {
    const states = await gateway.upstreamStates()
    const stateless = new Map(states.map((state) => [state.name, state.stateless]))
    const now = learntEras(settings(), (name) => servesStateless(stateless.get(name)))
    if (isDeepStrictEqual(now, eras)) return
    eras = now
    write()
  }
  const learnAgain = (): void => void learn().catch(() => undefined)
  gateway.events.on('upstreamReady', learnAgain)
  // One may have started since.
  learnAgain()
  return (what) => {
    reloads = what
    write()
    learnAgain()
  }
}

/** @param stateless what clients without sessions get at an upstream; undefined until it has answered */
export function servesStateless(stateless: string | undefined): boolean | undefined {
  return stateless === undefined ? undefined : stateless !== 'refuse'
}
