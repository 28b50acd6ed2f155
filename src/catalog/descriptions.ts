/** What the server says of itself, by the source of its lists: asked once for each, and kept until it may say something else. */
import type { Caller } from '../protocol/call.ts'
import { offers } from '../protocol/capabilities.ts'
import type { RawObject } from '../protocol/json-text.ts'
import { capabilityOf } from '../protocol/methods.ts'
import { capabilitiesIn } from '../protocol/server-description.ts'
import { type CatalogSource, NoRoom } from '../upstreams/upstream.ts'
import type { KeptSources } from './kept-sources.ts'

export interface Descriptions {
  /** The description for such a client; if no worker can be asked, the one at hand. Rejects with a `Refusal` if it does not come in time. */
  of(caller: Caller): Promise<RawObject>
  /** The description if it is known without asking, else the one for a client that declares no capabilities. */
  atHand(caller: Caller): RawObject
  /** Whether the server announces changes of the list to such a client. */
  announces(caller: Caller, method: string): Promise<boolean>
}

export function createDescriptions(catalogSource: CatalogSource, sources: KeptSources): Descriptions {
  /** How often the server may have changed what it says. */
  let changes = 0
  catalogSource.onStale((_source, list) => {
    if (list !== undefined) return
    changes++
    for (const source of sources.all()) source.isDescriptionCurrent = false
  })

  const descriptionFor = async (caller: Caller, mayWait: boolean): Promise<RawObject> => {
    const key = catalogSource.sourceOf(caller, undefined)
    const source = sources.at(key)
    if (source.serverDescription && source.isDescriptionCurrent) return source.serverDescription
    const before = changes
    const ask = (): Promise<RawObject> => catalogSource.serverDescription(caller, key, mayWait)
    const found = await (mayWait ? (source.asking ??= ask().finally(() => (source.asking = undefined))) : ask())
    sources.keepDescription(key, source, found)
    if (changes !== before) source.isDescriptionCurrent = false
    return found
  }

  const atHand = (caller: Caller): RawObject => {
    const source = sources.find(catalogSource.sourceOf(caller, undefined))
    const current = source?.isDescriptionCurrent === true ? source.serverDescription : undefined
    return current ?? catalogSource.startDescription(caller)
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
