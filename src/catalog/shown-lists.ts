/**
 * Which pages of a list a caller is shown, and how long it waits for newer ones: those of its own worker, those for clients
 * of its name, those for clients of any name.
 */
import type { Clock } from '../base/clock.ts'
import type { Caller } from '../protocol/call.ts'
import { capabilityOf } from '../protocol/methods.ts'
import { type CatalogSource, NoRoom } from '../upstreams/upstream.ts'
import type { Descriptions } from './descriptions.ts'
import type { KeptSources } from './kept-sources.ts'
import type { Learning } from './learning.ts'
import { createOwnLists } from './own-lists.ts'
import { isSame, type Pages } from './pages.ts'
import { within } from './within.ts'

/** How long a client waits for a newer list if an older one is at hand, in milliseconds. */
const newerMs = 1000
/** The most lists of client names that are remembered as late. */
const maxLateNames = 256
/** How long the first client of a name waits for its own list before it is shown that for clients of any name, in milliseconds. */
const namedMs = 500

export interface ShownLists {
  /** The list that a caller is shown: that of its own worker, if that may have changed and the worker tells it in time. */
  pagesFor(caller: Caller, method: string): Promise<Pages>
  /** The list as it was learnt last, without asking the caller's own worker whether it has changed. */
  pagesOf(caller: Caller, method: string): Promise<Pages>
  /**
   * A list as it is known without asking: perhaps an older one, or that for other clients than this session. Undefined if
   * none is.
   */
  known(caller: Caller, method: string): Pages | undefined
  /** Learns a list that is not known, if a worker that belongs to no client can be asked for it now. Never rejects. */
  learn(caller: Caller, method: string): Promise<void>
}

export function createShownLists(needs: {
  readonly catalogSource: CatalogSource
  readonly sources: KeptSources
  readonly descriptions: Descriptions
  readonly learning: Learning
  readonly isUnderLoad?: (() => boolean) | undefined
  readonly clock: Clock
}): ShownLists {
  const { catalogSource, sources, descriptions, learning, clock } = needs
  const { learn, learnFirst, learnAgain } = learning
  /** The lists for clients of one name that could not be learnt in time, by method and source. */
  const lateNames = new Set<string>()

  /** The list for clients of one name, or undefined if that takes too long, or did so before: then it is announced once it is there. */
  const namedPages = async (
    caller: Caller,
    key: string,
    method: string,
    announces: boolean,
  ): Promise<Pages | undefined> => {
    const attempt = `${method} ${key}`
    const isFirst = !lateNames.has(attempt)
    const named = learnFirst(caller, key, method, announces)
    const pages = isFirst ? await within(clock, namedMs, named) : undefined
    if (pages) return pages
    if (lateNames.size >= maxLateNames) lateNames.clear()
    lateNames.add(attempt)
    named.then(
      (late) => {
        lateNames.delete(attempt)
        const shown = sources.find(catalogSource.withoutName(key))?.lists.get(method)?.pages
        if (!shown || !isSame(shown, late)) catalogSource.announce(key, method)
      },
      () => undefined,
    )
    return undefined
  }

  /** A list that is learnt for the first time: for clients of a name, as long as that may take, else for clients of any name. */
  const firstPages = async (caller: Caller, key: string, method: string): Promise<Pages> => {
    const announces = await descriptions.announces(caller, method)
    const common = catalogSource.withoutName(key)
    if (common !== key) return (await namedPages(caller, key, method, announces)) ?? pagesAt(caller, common, method)
    try {
      return await learnFirst(caller, key, method, announces)
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error
      return learnFirst(caller, await catalogSource.own(caller, method), method, announces)
    }
  }

  /** The list of a source, learnt if it is not known, and again if it may have changed. */
  const pagesAt = async (caller: Caller, key: string, method: string): Promise<Pages> => {
    const kept = sources.find(key)?.lists.get(method)
    if (!kept?.pages) return firstPages(caller, key, method)
    const now = clock.now()
    const { pages } = kept
    if (kept.isCurrent && pages.freshness.untilMs > now) return pages
    // A list that is not too old is fetched again in the background: no client waits for it.
    if (kept.isCurrent && pages.freshness.usableUntilMs > now && needs.isUnderLoad?.() === true) return pages
    const newer = learnAgain(caller, key, kept, method, pages)
    if (!kept.isCurrent) return newer
    return pages.freshness.usableUntilMs > now ? pages : ((await within(clock, newerMs, newer)) ?? pages)
  }

  /** Async: where the source of a list is not known yet, that is a rejection like any other. */
  const pagesOf = async (caller: Caller, method: string): Promise<Pages> =>
    pagesAt(caller, catalogSource.sourceOf(caller, method), method)

  const own = createOwnLists({
    catalogSource,
    sources,
    learn: async (caller, key, method) => learn(caller, key, method, await descriptions.announces(caller, method)),
  })
  catalogSource.ownLists.onFirstCall((caller) => {
    for (const method of Object.keys(capabilityOf)) own.compare(caller, method)
  })

  /** The list that a caller is shown: that of its own worker, if that may have changed and the worker tells it in time. */
  const pagesFor = async (caller: Caller, method: string): Promise<Pages> => {
    const asked = own.ask(caller, method)
    const pages = asked && (await within(clock, newerMs, asked))
    return pages ?? pagesOf(caller, method)
  }

  catalogSource.onStale((key, method, isOfUse) => {
    if (method === undefined) return
    own.stale(key, method)
    for (const [source, { lists: keptLists }] of sources.entries()) {
      if (!catalogSource.follows(source, key)) continue
      const kept = keptLists.get(method)
      for (let one = kept; one; one = one.next) one.isCurrent = false
      if (kept && !isOfUse) sources.forget(source, method, kept)
    }
  })

  return {
    pagesFor,
    pagesOf,
    known(caller, method) {
      const common = catalogSource.commonSourceOf(caller, method)
      for (const key of [catalogSource.sourceOf(caller, method), common, catalogSource.withoutName(common)]) {
        const pages = sources.find(key)?.lists.get(method)?.pages
        if (pages) return pages
      }
      // What a client is shown that declares nothing is learnt first.
      const era = catalogSource.eraOf(caller, common)
      for (const [key, { lists }] of sources.entries()) {
        const { pages } = lists.get(method) ?? {}
        if (pages && catalogSource.isEmptyProfile(key) && catalogSource.eraOf(caller, key) === era) return pages
      }
      return undefined
    },
    async learn(caller, method) {
      const key = catalogSource.sourceOf(caller, method)
      if (sources.find(key)?.lists.get(method)) return
      const learnt = descriptions
        .announces(caller, method)
        .then((announces) => learnFirst(caller, key, method, announces))
      await learnt.catch(() => undefined)
    },
  }
}
