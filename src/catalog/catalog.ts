/**
 * The catalogue: the description and the lists of a server, learnt once per source and kept until the server reports a
 * change. Handshakes and lists of thousands of sessions are answered from here, without a worker.
 *
 * Entries for clients without extensions are never displaced by entries for others. If there is no free worker to ask again, a list stays
 * as it was; a list that was never learnt comes from the client's own worker.
 */
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import { offers } from '../protocol/capabilities.ts'
import type { EraName, Caller } from '../protocol/call.ts'
import type { HeaderParam } from '../protocol/headers.ts'
import { isObject, type JsonObject, type RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import { type CatalogSource, NoRoom } from '../upstreams/upstream.ts'
import { type AcceptedDefinitions, createDefinitions, type Definitions, type OnChange } from './definitions.ts'
import { createKeptSources } from './kept-sources.ts'
import { capabilityOf, createLearning } from './learning.ts'
import { createOwnLists } from './own-lists.ts'
import { boundIn, type Page, pageAt, type Pages } from './pages.ts'
import { within } from './within.ts'

/** How long a client waits for a newer list if an older one is at hand, in milliseconds. */
const newerMs = 1000
/** The most lists of client names that are remembered as late. */
const maxLateNames = 256
/** How long the first client of a name waits for its own list before it is shown that for clients of any name, in milliseconds. */
const namedMs = 500

export interface Catalog {
  /** The server's description for such a client. Rejects with a `Refusal` if the server has to be asked and does not answer in time. */
  serverDescription(caller: Caller): Promise<RawObject>
  /** The description if it is known without asking, else the one for a client that declares no capabilities. */
  descriptionAtHand(caller: Caller): RawObject
  isList(method: string): boolean
  /** A page of a list, or the server's own error. Throws `invalid_params` for a cursor that mcplex did not issue. */
  page(caller: Caller, method: string, cursor: unknown): Promise<ListedPage | NoPage>
  /**
   * The pages of a list as they are known without asking: perhaps older ones, or those for other clients than this
   * session. Undefined if none are. Throws `upstream_unavailable` before the start.
   */
  known(caller: Caller, method: string): readonly Page[] | undefined
  /** Whether any tool mirrors arguments into headers. Usually none does, and this costs nothing to find out. */
  readonly mirrorsHeaders: boolean
  /** Whether the server has any tool that it runs only as a task. */
  readonly hasTaskOnly: boolean
  /** Whether the server runs this tool only as a task and the client's era has no such tasks. */
  isTaskOnly(caller: Caller, tool: string): Promise<boolean>
  /** The arguments of a tool that are mirrored into headers. */
  mirrored(caller: Caller, tool: string): Promise<readonly HeaderParam[]>
  /**
   * Whether the server lists a tool or prompt of that name to any client. If no client has asked for the list yet, it is
   * fetched for the next time.
   */
  isListed(caller: Caller, list: 'tools/list' | 'prompts/list', name: string): boolean
  /** Whether every definition of the tool is held back, so that no client has been shown it. */
  isHeldBack(tool: string): boolean
}

/** A page for one client. */
export interface ListedPage {
  readonly page: Page
  /** How long the client may keep it, in milliseconds. */
  readonly ttlMs: number
}

/** The server's own answer instead of a list. */
export interface NoPage {
  readonly error: Answer
  readonly era: EraName
}

/** The catalogue of one upstream, with what is learnt of the definitions of its tools. */
export interface LearntCatalog extends Catalog {
  /** Learns a list that is not known, if a worker that belongs to no client can be asked for it now. Never rejects. */
  learn(caller: Caller, method: string): Promise<void>
  /** The bound arguments that a tool has; undefined if it is not in the caller's list. Throws what `page` throws. */
  boundArgsOf(caller: Caller, tool: string): Promise<readonly string[] | undefined>
  readonly definitions: Definitions
  /** Accepts the definitions that are held back, and announces that the tools have changed. */
  acceptDefinitions(): AcceptedDefinitions
  /** Figures for operators, by name. */
  counts(): Readonly<Record<string, number>>
}

export function createCatalog(needs: {
  readonly catalogSource: CatalogSource
  readonly memory: MemoryBudget
  /** How long a list is shown before it is fetched again, in milliseconds. */
  readonly listAgeMs: number
  /** What becomes of a tool whose definition has changed. */
  readonly onChange: OnChange
  /** Arguments that the operator has bound, which clients do not see; undefined if none are. */
  readonly boundArgs: JsonObject | undefined
  readonly events: EventSink
  readonly clock: Clock
  readonly log: Log
}): LearntCatalog {
  const { catalogSource, clock } = needs
  const sources = createKeptSources(needs)
  const definitions = createDefinitions(needs)
  /** The lists that `isListed` has fetched: once each, because a name that a client made up is never in them. */
  const learntForNames = new Set<string>()
  /** The lists for clients of one name that could not be learnt in time, by method and source. */
  const lateNames = new Set<string>()

  catalogSource.onStale((key, method, isOfUse) => {
    own.stale(key, method)
    for (const [source, { lists: keptLists }] of sources.entries()) {
      if (!catalogSource.follows(source, key)) continue
      const kept = keptLists.get(method)
      for (let one = kept; one; one = one.next) one.isCurrent = false
      if (kept && !isOfUse) sources.forget(source, method, kept)
    }
  })

  const descriptionFor = async (caller: Caller, mayWait: boolean): Promise<RawObject> => {
    const key = catalogSource.sourceOf(caller, undefined)
    const source = sources.at(key)
    if (source.serverDescription) return source.serverDescription
    const ask = (): Promise<RawObject> => catalogSource.serverDescription(caller, key, mayWait)
    const found = await (mayWait ? (source.asking ??= ask().finally(() => (source.asking = undefined))) : ask())
    sources.keepDescription(key, source, found)
    return found
  }

  const descriptionAtHand = (caller: Caller): RawObject =>
    sources.find(catalogSource.sourceOf(caller, undefined))?.serverDescription ?? catalogSource.startDescription(caller)

  /** Whether the server announces changes of the list to such a client. */
  const isAnnounced = async (caller: Caller, method: string): Promise<boolean> => {
    try {
      return announcesChanges(await descriptionFor(caller, false), method)
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error
      return announcesChanges(descriptionAtHand(caller), method)
    }
  }

  const learning = createLearning({ ...needs, sources, definitions, descriptionAtHand, isAnnounced })
  const { learn, learnFirst, learnAgain } = learning

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
      () => lateNames.delete(attempt) && catalogSource.announce(key, method),
      () => undefined,
    )
    return undefined
  }

  /** A list that is learnt for the first time: for clients of a name, as long as that may take, else for clients of any name. */
  const firstPages = async (caller: Caller, key: string, method: string): Promise<Pages> => {
    const announces = await isAnnounced(caller, method)
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
    const newer = learnAgain(caller, key, kept, method, pages)
    if (!kept.isCurrent) return newer
    return pages.freshness.usableUntilMs > now ? pages : ((await within(clock, newerMs, newer)) ?? pages)
  }

  const pagesOf = (caller: Caller, method: string): Promise<Pages> =>
    pagesAt(caller, catalogSource.sourceOf(caller, method), method)

  const own = createOwnLists({
    catalogSource,
    sources,
    learn: async (caller, key, method) => learn(caller, key, method, await isAnnounced(caller, method)),
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

  return {
    async serverDescription(caller) {
      try {
        return await descriptionFor(caller, true)
      } catch (error) {
        if (!(error instanceof NoRoom)) throw error
        return descriptionAtHand(caller)
      }
    },
    acceptDefinitions() {
      const found = definitions.accept()
      sources.outdate('tools/list')
      if (found.accepted > 0) catalogSource.announceToAll('tools/list')
      return found
    },
    definitions,
    counts: () => definitions.counts(),
    isHeldBack: (tool) => definitions.isHeldBack(tool),
    descriptionAtHand,
    async learn(caller, method) {
      const key = catalogSource.sourceOf(caller, method)
      if (sources.find(key)?.lists.get(method)) return
      const learnt = isAnnounced(caller, method).then((announces) => learnFirst(caller, key, method, announces))
      await learnt.catch(() => undefined)
    },
    isList: (method) => Object.hasOwn(capabilityOf, method),
    async page(caller, method, cursor) {
      const pages = await pagesFor(caller, method)
      if (pages.error) return { error: pages.error, era: pages.era }
      const { untilMs, longestTtlMs } = pages.freshness
      const ttlMs = Math.max(0, Math.min(longestTtlMs, untilMs - clock.now()))
      return { page: pageAt(pages, cursor), ttlMs }
    },
    known(caller, method) {
      const common = catalogSource.commonSourceOf(caller, method)
      for (const key of [catalogSource.sourceOf(caller, method), common, catalogSource.withoutName(common)]) {
        const pages = sources.find(key)?.lists.get(method)?.pages
        if (pages) return pages.pages
      }
      // What a client is shown that declares nothing is learnt first.
      const era = catalogSource.eraOf(caller, common)
      for (const [key, { lists }] of sources.entries()) {
        const { pages } = lists.get(method) ?? {}
        if (pages && catalogSource.isEmptyProfile(key) && catalogSource.eraOf(caller, key) === era) return pages.pages
      }
      return undefined
    },
    get mirrorsHeaders() {
      return learning.mirrorsHeaders
    },
    get hasTaskOnly() {
      return learning.hasTaskOnly
    },
    async isTaskOnly(caller, tool) {
      if (catalogSource.eraOf(caller) === caller.client.era) return false
      const { taskOnly } = await pagesOf(caller, 'tools/list')
      return taskOnly.has(tool)
    },
    isListed(caller, list, name) {
      let isLearnt = false
      for (const { names } of sources.all()) {
        const known = names.get(list)
        if (known?.has(name)) return true
        isLearnt ||= known !== undefined
      }
      if (!isLearnt && !learntForNames.has(list)) {
        learntForNames.add(list)
        pagesOf(caller, list).catch(() => undefined)
      }
      return false
    },
    async boundArgsOf(caller, tool) {
      const known = boundIn(await pagesOf(caller, 'tools/list'), tool)
      // A call may have added the tool to the list of the caller's own worker.
      return known ?? boundIn(await pagesFor(caller, 'tools/list'), tool)
    },
    mirrored: async (caller, tool) => (await pagesOf(caller, 'tools/list')).mirrored.get(tool) ?? [],
  }
}

/** Whether a server with this description announces changes of the list. */
function announcesChanges(serverDescription: RawObject, method: string): boolean {
  return offers(capabilitiesIn(serverDescription), capabilityOf[method] ?? '', 'listChanged')
}

/** The capabilities in a server's description, of either era. */
export function capabilitiesIn(serverDescription: RawObject): JsonObject {
  const capabilities = serverDescription.value['capabilities']
  return isObject(capabilities) ? capabilities : {}
}
