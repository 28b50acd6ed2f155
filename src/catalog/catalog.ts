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
import type { EraName, Caller } from '../protocol/call.ts'
import type { HeaderParam } from '../protocol/headers.ts'
import type { JsonObject, RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import { capabilityOf } from '../protocol/methods.ts'
import type { CatalogSource } from '../upstreams/upstream.ts'
import { type AcceptedDefinitions, createDefinitions, type Definitions, type OnChange } from './definitions.ts'
import { createDescriptions } from './descriptions.ts'
import { createKeptSources } from './kept-sources.ts'
import { createLearning } from './learning.ts'
import { boundIn, type Page, pageAt } from './pages.ts'
import { createShownLists } from './shown-lists.ts'

/** How long a list is not fetched again for a name in it that a client has called, in milliseconds. */
const fetchAgainMs = 10_000

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
   * fetched for the next time. What an endpoint or a tenant hides of its server is listed there as well: this is for
   * operators.
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
  /** Whether the definition of a tool, as it is known without asking, says that a second call has no further effect. */
  isIdempotent(caller: Caller, tool: string): boolean
  readonly definitions: Definitions
  /** Accepts the definitions that are held back, all or some, and announces that the tools have changed. */
  acceptDefinitions(hashes?: ReadonlySet<string>): AcceptedDefinitions
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
  /** Whether work that no client waits for is left out for now. */
  readonly isUnderLoad?: () => boolean
  readonly events: EventSink
  readonly clock: Clock
  readonly log: Log
}): LearntCatalog {
  const { catalogSource, clock } = needs
  const sources = createKeptSources(needs)
  const definitions = createDefinitions(needs)
  /** When `isListed` may fetch a list again: seldom, because a name that a client made up is never in it. */
  const fetchedForNames = new Map<string, number>()
  const descriptions = createDescriptions(catalogSource, sources, clock)
  const learning = createLearning({ ...needs, sources, definitions, descriptions })
  const lists = createShownLists({
    catalogSource,
    sources,
    descriptions,
    learning,
    isUnderLoad: needs.isUnderLoad,
    clock,
  })

  return {
    serverDescription: (caller) => descriptions.of(caller),
    descriptionAtHand: (caller) => descriptions.atHand(caller),
    acceptDefinitions(hashes) {
      const found = definitions.accept(hashes)
      sources.outdate('tools/list')
      if (found.accepted > 0) catalogSource.announceToAll('tools/list')
      return found
    },
    definitions,
    counts: () => definitions.counts(),
    isHeldBack: (tool) => definitions.isHeldBack(tool),
    learn: (caller, method) => lists.learn(caller, method),
    isList: (method) => Object.hasOwn(capabilityOf, method),
    async page(caller, method, cursor) {
      const pages = await lists.pagesFor(caller, method)
      if (pages.error) return { error: pages.error, era: pages.era }
      const { untilMs, longestTtlMs } = pages.freshness
      const ttlMs = Math.max(0, Math.min(longestTtlMs, untilMs - clock.now()))
      return { page: pageAt(pages, cursor), ttlMs }
    },
    known: (caller, method) => lists.known(caller, method)?.pages,
    isIdempotent: (caller, tool) => lists.known(caller, 'tools/list')?.idempotent.has(tool) === true,
    get mirrorsHeaders() {
      return learning.mirrorsHeaders
    },
    get hasTaskOnly() {
      return learning.hasTaskOnly
    },
    async isTaskOnly(caller, tool) {
      if (catalogSource.eraOf(caller) === caller.client.era) return false
      const { taskOnly } = await lists.pagesOf(caller, 'tools/list')
      return taskOnly.has(tool)
    },
    isListed(caller, list, name) {
      let isLearnt = false
      for (const { names } of sources.all()) {
        const known = names.get(list)
        if (known?.has(name)) return true
        isLearnt ||= known !== undefined
      }
      const now = clock.now()
      if (!isLearnt && now >= (fetchedForNames.get(list) ?? 0)) {
        fetchedForNames.set(list, now + fetchAgainMs)
        lists.pagesOf(caller, list).catch(() => undefined)
      }
      return false
    },
    async boundArgsOf(caller, tool) {
      const known = boundIn(await lists.pagesOf(caller, 'tools/list'), tool)
      // A call may have added the tool to the list of the caller's own worker.
      return known ?? boundIn(await lists.pagesFor(caller, 'tools/list'), tool)
    },
    mirrored: async (caller, tool) => (await lists.pagesOf(caller, 'tools/list')).mirrored.get(tool) ?? [],
  }
}
