/**
 * The catalogue: the description and the lists of a server, learnt once per source and kept until the server reports a
 * change. Handshakes and lists of thousands of sessions are answered from here, without a worker.
 *
 * Entries for clients without extensions are never displaced by entries for others. If there is no free worker to ask again, a list stays
 * as it was; a list that was never learnt comes from the client's own worker.
 */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import { offers } from '../protocol/capabilities.ts'
import type { EraName, Caller } from '../protocol/call.ts'
import type { HeaderParam } from '../protocol/headers.ts'
import { isObject, type JsonObject, type RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import { type CatalogSource, NoRoom } from '../upstreams/upstream.ts'
import { createKeptSources, type KeptList } from './kept-sources.ts'
import { learnPages, type Page, pageAt, type Pages } from './pages.ts'

/** Resource lists of a server that does not announce changes are fetched again after this time, in milliseconds. */
const unannouncedMs = 5000

/** The lists of the protocol, and the capability under which a server announces each. */
const lists: Readonly<Record<string, string>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
}

export interface Catalog {
  /** The server's description for such a client. Rejects with a `Refusal` if the server has to be asked and does not answer in time. */
  serverDescription(caller: Caller): Promise<RawObject>
  /** The description if it is known without asking, else the one for a client that declares no capabilities. */
  descriptionAtHand(caller: Caller): RawObject
  isList(method: string): boolean
  /** A page of a list, or the server's own error. Throws `invalid_params` for a cursor that mcplex did not issue. */
  page(caller: Caller, method: string, cursor: unknown): Promise<Page | NoPage>
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
}

/** The server's own answer instead of a list. */
export interface NoPage {
  readonly error: Answer
  readonly era: EraName
}

export function createCatalog(needs: {
  readonly catalogSource: CatalogSource
  readonly memory: MemoryBudget
  readonly clock: Clock
  readonly log: Log
}): Catalog {
  const { catalogSource, clock } = needs
  const sources = createKeptSources(needs)
  /** The lists that `isListed` has fetched: once each, because a name that a client made up is never in them. */
  const learntForNames = new Set<string>()
  /** Cursor faults that are already in the log, by list. */
  const loggedFaults = new Set<string>()
  let mirrorsHeaders = false
  let hasTaskOnly = false

  catalogSource.onStale((key, method, isOfUse) => {
    const kept = sources.find(key)?.lists.get(method)
    for (let one = kept; one; one = one.next) one.isCurrent = false
    if (kept && !isOfUse) sources.forget(key, method, kept)
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

  const learn = (caller: Caller, key: string, method: string, announces: boolean): KeptList => {
    const freshUntil = (ttlMs: number | undefined): number => {
      // The list of a server that announces changes stays fresh until it does; otherwise the server's `ttlMs` counts.
      if (announces) return Number.POSITIVE_INFINITY
      if (ttlMs !== undefined) return clock.now() + ttlMs
      return lists[method] === 'resources' ? clock.now() + unannouncedMs : Number.POSITIVE_INFINITY
    }
    const ask = (cursor: string | undefined): Promise<Answer> => catalogSource.list(caller, key, method, cursor)
    const list = sources.begin(key, async (take) => {
      const pages = await learnPages(ask, catalogSource.eraOf(caller, key), freshUntil, take)
      mirrorsHeaders ||= pages.mirrored.size > 0
      hasTaskOnly ||= pages.taskOnly.size > 0
      if (pages.fault && !loggedFaults.has(`${method} ${pages.fault}`)) {
        loggedFaults.add(`${method} ${pages.fault}`)
        needs.log.warn({ method, reason: pages.fault }, 'a list of the server has no proper end and was ended')
      }
      if (pages.cut) needs.log.warn({ method }, 'a list of the server is too long and was cut')
      list.pages = pages
      return pages
    })
    return list
  }

  /** Learns a list for the first time. It is not kept if that fails. */
  const learnFirst = async (caller: Caller, key: string, method: string, announces: boolean): Promise<Pages> => {
    const known = sources.at(key).lists.get(method)
    if (known) return known.learning
    const list = learn(caller, key, method, announces)
    sources.keep(key, method, list)
    try {
      const pages = await list.learning
      if (pages.error) sources.forget(key, method, list)
      else if (sources.find(key)?.lists.get(method) === list) {
        sources.keepNames(key, method, pages.names)
        sources.keep(key, method, list)
      }
      return pages
    } catch (error) {
      sources.forget(key, method, list)
      throw error
    }
  }

  /** Learns a list again that may have changed; returns the old pages if that fails. */
  const learnAgain = async (
    caller: Caller,
    key: string,
    kept: KeptList,
    method: string,
    pages: Pages,
  ): Promise<Pages> => {
    try {
      const announces = await isAnnounced(caller, method)
      return await (kept.next ?? replacing(caller, key, kept, method, announces)).learning
    } catch {
      return pages
    }
  }

  /** Begins to learn the replacement of a list. */
  const replacing = (caller: Caller, key: string, kept: KeptList, method: string, announces: boolean): KeptList => {
    const countAgain = sources.uncount(key, method, kept)
    const newer = (kept.next = learn(caller, key, method, announces))
    newer.learning.then(
      (pages) => {
        kept.next = undefined
        const isStillKept = sources.find(key)?.lists.get(method) === kept
        if (!isStillKept || pages.error) sources.drop(newer)
        if (isStillKept && pages.error) sources.forget(key, method, kept)
        else if (isStillKept) {
          sources.keepNames(key, method, pages.names)
          sources.keep(key, method, newer)
        }
      },
      () => {
        kept.next = undefined
        sources.drop(newer)
        countAgain()
      },
    )
    return newer
  }

  const pagesOf = async (caller: Caller, method: string): Promise<Pages> => {
    const key = catalogSource.sourceOf(caller, method)
    const kept = sources.find(key)?.lists.get(method)
    if (kept?.pages) {
      const isFresh = kept.isCurrent && kept.pages.freshUntilMs > clock.now()
      return isFresh ? kept.pages : learnAgain(caller, key, kept, method, kept.pages)
    }
    const announces = await isAnnounced(caller, method)
    try {
      return await learnFirst(caller, key, method, announces)
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error
      return learnFirst(caller, await catalogSource.own(caller, method), method, announces)
    }
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
    descriptionAtHand,
    isList: (method) => Object.hasOwn(lists, method),
    async page(caller, method, cursor) {
      const pages = await pagesOf(caller, method)
      return pages.error ? { error: pages.error, era: pages.era } : pageAt(pages, cursor)
    },
    get mirrorsHeaders() {
      return mirrorsHeaders
    },
    get hasTaskOnly() {
      return hasTaskOnly
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
    async mirrored(caller, tool) {
      return (await pagesOf(caller, 'tools/list')).mirrored.get(tool) ?? []
    },
  }
}

/** Whether a server with this description announces changes of the list. */
export function announcesChanges(serverDescription: RawObject, method: string): boolean {
  return offers(capabilitiesIn(serverDescription), lists[method] ?? '', 'listChanged')
}

/** The capabilities in a server's description, of either era. */
export function capabilitiesIn(serverDescription: RawObject): JsonObject {
  const capabilities = serverDescription.value['capabilities']
  return isObject(capabilities) ? capabilities : {}
}
