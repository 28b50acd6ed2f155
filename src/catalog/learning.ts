/**
 * Learns lists: for the first time, and again when they may have changed. What is learnt again and differs is announced to
 * the clients of its source.
 */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Caller } from '../protocol/call.ts'
import type { JsonObject, RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import { capabilityOf } from '../protocol/methods.ts'
import { type CatalogSource, ListPages } from '../upstreams/upstream.ts'
import { type BindingOfList, bindList } from './bound-args.ts'
import type { Definitions, ListOrigin } from './definitions.ts'
import type { Descriptions } from './descriptions.ts'
import { type KeptList, type KeptSources, pagesIn } from './kept-sources.ts'
import { type Freshness, isSame, learnPages, type Pages } from './pages.ts'

/** Resource lists of a server that does not announce changes are fetched again after this time, in milliseconds. */
const unannouncedMs = 5000
/** The longest that a client may keep a list whose changes the server announces, in milliseconds. */
const announcedMs = 60_000

export interface Learning {
  /** Begins to learn a list. @param announces whether the server announces its changes */
  learn(caller: Caller, key: string, method: string, announces: boolean): KeptList
  /** Learns a list for the first time. It is not kept if that fails. */
  learnFirst(caller: Caller, key: string, method: string, announces: boolean): Promise<Pages>
  /** Learns a list again that may have changed; returns the old pages if that fails. Never rejects. */
  learnAgain(caller: Caller, key: string, kept: KeptList, method: string, pages: Pages): Promise<Pages>
  /** Whether any tool learnt so far mirrors arguments into headers. */
  readonly mirrorsHeaders: boolean
  /** Whether any tool learnt so far runs only as a task. */
  readonly hasTaskOnly: boolean
}

export interface LearningNeeds {
  readonly catalogSource: CatalogSource
  readonly sources: KeptSources
  readonly definitions: Definitions
  /** How long a list is shown before it is fetched again, in milliseconds. */
  readonly listAgeMs: number
  /** Arguments that the operator has bound, which clients do not see; undefined if none are. */
  readonly boundArgs: JsonObject | undefined
  readonly descriptions: Descriptions
  readonly clock: Clock
  readonly log: Log
}

export function createLearning(needs: LearningNeeds): Learning {
  const { catalogSource, sources, listAgeMs, boundArgs, descriptions, clock } = needs
  /** Cursor faults, by list, and unused arguments that are already in the log. */
  const loggedFaults = new Set<string>()
  let mirrorsHeaders = false
  let hasTaskOnly = false

  /** Where a list of tools comes from. */
  const originOf = (caller: Caller, key: string, method: string): ListOrigin => {
    const common = catalogSource.commonSourceOf(caller, method)
    const isOwn = key !== common && key !== catalogSource.withoutName(common)
    return { source: key, isOwn, isNew: !isOwn && sources.find(key)?.lists.has(method) !== true }
  }

  /** Warns once of each bound argument that no tool has: its name may be wrong. */
  const warnOfUnused = ({ declared }: BindingOfList): void => {
    const found = new Set([...declared.values()].flat())
    for (const argument of Object.keys(boundArgs ?? {})) {
      if (found.has(argument) || loggedFaults.has(`argument ${argument}`)) continue
      loggedFaults.add(`argument ${argument}`)
      needs.log.warn({ argument }, 'no tool in a list of the server has this bound argument')
    }
  }

  const learn = (caller: Caller, key: string, method: string, announces: boolean): KeptList => {
    const freshnessOf = (ttlMs: number | undefined): Freshness => {
      const now = clock.now()
      const longestTtlMs = announces ? announcedMs : Number.POSITIVE_INFINITY
      const aged = { untilMs: now + listAgeMs, usableUntilMs: now + 2 * listAgeMs, longestTtlMs }
      // The list of a server that announces changes stays fresh until it does; otherwise the server's `ttlMs` counts.
      const statedMs = announces
        ? undefined
        : (ttlMs ?? (capabilityOf[method] === 'resources' ? unannouncedMs : undefined))
      if (statedMs === undefined || statedMs >= listAgeMs) return aged
      const untilMs = now + Math.max(0, statedMs)
      return { untilMs, usableUntilMs: untilMs, longestTtlMs }
    }
    const definitions = method === 'tools/list' ? needs.definitions.begin(originOf(caller, key, method)) : undefined
    const binding = definitions && boundArgs ? bindList(Object.keys(boundArgs)) : undefined
    const asked = new ListPages()
    const ask = (cursor: string | undefined): Promise<Answer> => catalogSource.list(caller, key, method, cursor, asked)
    const shown = (page: RawObject): RawObject => {
      const checked = definitions?.check(page) ?? page
      return binding?.hide(page, checked) ?? checked
    }
    const description = descriptions.atHand(caller).text
    const list = sources.begin(key, description, async (take) => {
      const source = { era: catalogSource.eraOf(caller, key), isForAll: catalogSource.isForAll(key) }
      const found = await learnPages(ask, shown, source, freshnessOf, take).finally(() => asked.end())
      const pages = binding ? { ...found, bound: binding.declared } : found
      mirrorsHeaders ||= pages.mirrored.size > 0
      hasTaskOnly ||= pages.taskOnly.size > 0
      if (pages.fault && !loggedFaults.has(`${method} ${pages.fault}`)) {
        loggedFaults.add(`${method} ${pages.fault}`)
        needs.log.warn({ method, reason: pages.fault }, 'a list of the server has no proper end and was ended')
      }
      if (pages.cut) needs.log.warn({ method }, 'a list of the server is too long and was cut')
      if (!pages.error) {
        definitions?.end()
        if (binding) warnOfUnused(binding)
      }
      list.pages = pages
      return pages
    })
    return list
  }

  const learnFirst = async (caller: Caller, key: string, method: string, announces: boolean): Promise<Pages> => {
    const known = sources.at(key).lists.get(method)
    if (known) return pagesIn(known)
    const list = learn(caller, key, method, announces)
    sources.keep(key, method, list)
    try {
      const pages = await list.learning
      if (pages.error) sources.forget(key, method, list)
      else if (sources.find(key)?.lists.get(method) === list) {
        sources.keepNames(key, method, pages.names)
        sources.keep(key, method, list)
      }
      return list.pages ?? pages
    } catch (error) {
      sources.forget(key, method, list)
      throw error
    }
  }

  const learnAgain = async (
    caller: Caller,
    key: string,
    kept: KeptList,
    method: string,
    pages: Pages,
  ): Promise<Pages> => {
    try {
      const announces = await descriptions.announces(caller, method)
      return await pagesIn(kept.next ?? replacing(caller, key, kept, method, announces))
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
        // A change that the server has announced is known already.
        const isNews = kept.isCurrent && kept.pages !== undefined && !isSame(kept.pages, pages)
        if (!isStillKept || pages.error) sources.drop(newer)
        if (isStillKept && pages.error) sources.forget(key, method, kept)
        else if (isStillKept) {
          sources.keepNames(key, method, pages.names)
          sources.keep(key, method, newer)
          if (isNews) catalogSource.announce(key, method)
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

  return {
    learn,
    learnFirst,
    learnAgain,
    get mirrorsHeaders() {
      return mirrorsHeaders
    },
    get hasTaskOnly() {
      return hasTaskOnly
    },
  }
}
