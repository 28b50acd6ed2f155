/** What the server says of itself, by the source of its lists: asked once for each, and kept until it may say something else. */
import type { Clock } from '../base/clock.ts'
import type { Caller } from '../protocol/call.ts'
import { offers } from '../protocol/capabilities.ts'
import type { RawObject } from '../protocol/json-text.ts'
import { capabilityOf } from '../protocol/methods.ts'
import { capabilitiesIn } from '../protocol/server-description.ts'
import { type CatalogSource, NoRoom } from '../upstreams/upstream.ts'
import type { KeptSources } from './kept-sources.ts'
import { within } from './within.ts'

export interface Descriptions {
  /** The description for such a client; if no worker can be asked, the one at hand. Rejects with a `Refusal` if it does not come in time. */
  of(caller: Caller): Promise<RawObject>
  /** The description if it is known without asking, else the one for a client that declares no capabilities. */
  atHand(caller: Caller): RawObject
  /** Whether the server announces changes of the list to such a client. */
  announces(caller: Caller, method: string): Promise<boolean>
}

/** How long a client waits for a newer description if an older one is at hand, in milliseconds. */
const newerMs = 1000

export function createDescriptions(
  catalogSource: Pick<CatalogSource, 'sourceOf' | 'serverDescription' | 'startDescription' | 'onStale'>,
  sources: KeptSources,
  clock: Clock,
): Descriptions {
  /** How often the server may have changed what it says. */
  let changes = 0
  catalogSource.onStale((_source, list) => {
    if (list !== undefined) return
    changes++
    for (const source of sources.all()) source.isDescriptionCurrent = false
  })

  const ask = async (caller: Caller, key: string, mayWait: boolean): Promise<RawObject> => {
    const before = changes
    const found = await catalogSource.serverDescription(caller, key, mayWait)
    const source = sources.at(key)
    sources.keepDescription(key, source, found)
    if (changes !== before) source.isDescriptionCurrent = false
    return found
  }

  /** The same for all callers that ask meanwhile. */
  const askOnce = (caller: Caller, key: string, mayWait: boolean): Promise<RawObject> => {
    const source = sources.at(key)
    return (source.asking ??= ask(caller, key, mayWait).finally(() => (source.asking = undefined)))
  }

  const descriptionFor = async (caller: Caller, mayWait: boolean): Promise<RawObject> => {
    const key = catalogSource.sourceOf(caller, undefined)
    const { serverDescription: older, isDescriptionCurrent } = sources.at(key)
    if (!older) return mayWait ? askOnce(caller, key, true) : ask(caller, key, false)
    if (isDescriptionCurrent) return older
    // No client waits for a worker where an older description is at hand.
    return (await within(clock, newerMs, askOnce(caller, key, false))) ?? older
  }

  const atHand = (caller: Caller): RawObject => {
    const key = catalogSource.sourceOf(caller, undefined)
    const source = sources.find(key)
    if (!source?.serverDescription) return catalogSource.startDescription(caller)
    if (!source.isDescriptionCurrent) askOnce(caller, key, false).catch(() => undefined)
    return source.serverDescription
  }

  /** @param mayWait whether to wait for a worker that can be asked */
  const known = async (caller: Caller, mayWait: boolean): Promise<RawObject> => {
    try {
      return await descriptionFor(caller, mayWait)
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error
      return atHand(caller)
    }
  }

  return {
    of: (caller) => known(caller, true),
    atHand,
    announces: async (caller, method) =>
      offers(capabilitiesIn(await known(caller, false)), capabilityOf[method] ?? '', 'listChanged'),
  }
}
