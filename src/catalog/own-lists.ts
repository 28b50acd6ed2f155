/**
 * The lists of workers that work for one session alone. Such a worker is asked for a list once after calls have ended; a
 * list that is the same as the common one is not kept for the session, and one that differs from what the session was
 * shown is announced to it.
 */
import type { Caller } from '../protocol/call.ts'
import type { CatalogSource, OwnListQuery } from '../upstreams/upstream.ts'
import type { KeptList, KeptSources } from './kept-sources.ts'
import { isSame, type Pages } from './pages.ts'

export interface OwnLists {
  /** The list of the caller's own worker, if the worker has to be asked for it and is free; rejects if it does not answer. */
  ask(caller: Caller, method: string): Promise<Pages> | undefined
  /**
   * Asks the caller's own worker for a list if what the caller was shown is not what its worker may list: the list for
   * clients of any name instead of its own name.
   */
  compare(caller: Caller, method: string): void
  /** The list of a source may have changed, also if it is being asked for. */
  stale(source: string, method: string): void
}

interface Asking {
  readonly pages: Promise<Pages>
  isCurrent: boolean
}

export function createOwnLists(needs: {
  readonly catalogSource: CatalogSource
  readonly sources: KeptSources
  /** Begins to learn a list from a source. */
  readonly learn: (caller: Caller, source: string, method: string) => Promise<KeptList>
}): OwnLists {
  const { catalogSource, sources } = needs
  /** The lists that workers are being asked for, by list and source. */
  const asking = new Map<string, Asking>()

  const keptAt = (source: string, method: string): Pages | undefined => sources.find(source)?.lists.get(method)?.pages
  /** What the clients of a source are shown: while the list of their name is unknown, that for clients of any name. */
  const keptPages = (source: string, method: string): Pages | undefined =>
    keptAt(source, method) ?? keptAt(catalogSource.withoutName(source), method)

  /** Decides where the list of the session comes from. @returns the pages that it is shown */
  const settle = (caller: Caller, method: string, query: OwnListQuery, list: KeptList, pages: Pages): Pages => {
    const { source } = query
    const shown = keptPages(catalogSource.sourceOf(caller, method), method)
    const common = keptPages(catalogSource.commonSourceOf(caller, method), method)
    const before = sources.find(source)?.lists.get(method)
    const isCommon = common !== undefined && isSame(common, pages)
    if (pages.error || isCommon) {
      sources.drop(list)
      if (before && isCommon) sources.forget(source, method, before)
    } else {
      sources.keepNames(source, method, pages.names)
      sources.keep(source, method, list)
    }
    query.done(pages.error ? undefined : !isCommon)
    if (!pages.error && shown && !isSame(shown, pages)) catalogSource.announce(source, method)
    // The pages that are kept have texts that are encoded already.
    return isCommon ? { ...common, freshness: pages.freshness } : (list.pages ?? pages)
  }

  const ask = (caller: Caller, method: string): Promise<Pages> | undefined => {
    const query = catalogSource.ownLists.due(caller, method)
    if (!query) return undefined
    const key = `${method} ${query.source}`
    const running = asking.get(key)
    if (running) return running.pages
    const answered = async (): Promise<Pages> => {
      const list = await needs.learn(caller, query.source, method)
      try {
        const pages = await list.learning
        list.isCurrent = one.isCurrent
        return settle(caller, method, query, list, pages)
      } catch (error) {
        sources.drop(list)
        query.done(undefined)
        throw error
      } finally {
        asking.delete(key)
      }
    }
    const one: Asking = { isCurrent: true, pages: Promise.resolve().then(answered) }
    asking.set(key, one)
    return one.pages
  }

  return {
    ask,
    compare(caller, method) {
      const source = catalogSource.sourceOf(caller, method)
      const isLearnt = keptAt(source, method) !== undefined
      if (isLearnt && catalogSource.withoutName(source) !== source) return
      if (keptPages(source, method)) ask(caller, method)?.catch(() => undefined)
    },
    stale(source, method) {
      const one = asking.get(`${method} ${source}`)
      if (one) one.isCurrent = false
    },
  }
}
