/**
 * The catalogue: what a server says of itself and what it lists, learnt once per source and kept until the server
 * says that it changed. Handshakes and lists of thousands of sessions are answered from here, without a process.
 */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { EraName, Seat } from '../protocol/call.ts'
import type { HeaderParam } from '../protocol/headers.ts'
import { isObject, type JsonObject, type RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import type { Learning } from '../upstreams/upstream.ts'
import { learnPages, type Page, pageAt, type Pages } from './pages.ts'

/** A list that changes without notice is asked for again after this time. */
const unannouncedMs = 5000
const maxSources = 256

/** The lists of the protocol, and the capability under which a server announces each. */
const lists: Readonly<Record<string, string>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
}

export interface Catalog {
  /** What the server says of itself to such a client. Throws a `Refusal` when it has to be asked and cannot be. */
  hello(seat: Seat): Promise<RawObject>
  isList(method: string): boolean
  /** A page of a list. Throws `invalid_params` for a cursor that is not ours; the server's own error is an answer. */
  page(seat: Seat, method: string, cursor: unknown): Promise<Page | NoPage>
  /** Whether any tool mirrors arguments into headers: the common answer is no, at no cost. */
  readonly mirrorsHeaders: boolean
  /** Whether the server runs any tool as a task alone. */
  readonly hasTaskOnly: boolean
  /** Whether it is this one, for a client that knows no such tasks. */
  isTaskOnly(seat: Seat, tool: string): Promise<boolean>
  /** The arguments of a tool that are mirrored. */
  mirrored(seat: Seat, tool: string): Promise<readonly HeaderParam[]>
  /**
   * Whether the server lists such a name, of a tool or a prompt, to whichever client. What the list says is learnt for
   * the next time if nobody has asked for it yet.
   */
  isListed(seat: Seat, list: 'tools/list' | 'prompts/list', name: string): boolean
}

/** The server's own answer instead of a list. */
export interface NoPage {
  readonly error: Answer
  readonly spoken: EraName
}

interface Source {
  hello: Promise<RawObject> | undefined
  readonly lists: Map<string, Promise<Pages>>
  /** The names of each list as it was last learnt, also while it is learnt anew. */
  readonly names: Map<string, ReadonlySet<string>>
}

export function createCatalog(needs: {
  readonly learning: Learning
  readonly clock: Clock
  readonly log: Log
}): Catalog {
  const { learning, clock } = needs
  const sources = new Map<string, Source>()
  /** The lists that were learnt for the names in them: once, since what a client makes up is never in them. */
  const learntForNames = new Set<string>()
  let mirrorsHeaders = false
  let hasTaskOnly = false

  learning.onStale((key, list) => void sources.get(key)?.lists.delete(list))

  /** All but the one that most clients share. */
  const forgetOldest = (): void => {
    for (const key of sources.keys()) if (!learning.isPlain(key)) return void sources.delete(key)
  }

  const sourceAt = (key: string): Source => {
    let source = sources.get(key)
    if (!source) {
      if (sources.size >= maxSources) forgetOldest()
      sources.set(key, (source = { hello: undefined, lists: new Map(), names: new Map() }))
    }
    return source
  }

  const hello = async (seat: Seat, key: string): Promise<RawObject> => {
    const source = sourceAt(key)
    source.hello ??= learning.hello(seat, key).catch((error: unknown) => {
      source.hello = undefined
      throw error
    })
    return source.hello
  }

  const learn = (seat: Seat, key: string, method: string, announces: boolean): Promise<Pages> => {
    const freshUntil = (ttlMs: number | undefined): number => {
      // A server that announces changes needs no second guess; one that does not is believed for as long as it says.
      if (announces) return Number.POSITIVE_INFINITY
      if (ttlMs !== undefined) return clock.now() + ttlMs
      return lists[method] === 'resources' ? clock.now() + unannouncedMs : Number.POSITIVE_INFINITY
    }
    const spoken = learning.eraOf(seat, key)
    const learnt = learnPages((cursor) => learning.list(seat, key, method, cursor), spoken, freshUntil)
    void learnt.then(
      (pages) => {
        mirrorsHeaders ||= pages.mirrored.size > 0
        hasTaskOnly ||= pages.taskOnly.size > 0
        if (pages.cut) needs.log.warn({ method }, 'a list of the server is too long and was cut')
      },
      () => undefined,
    )
    return learnt
  }

  const pagesOf = async (seat: Seat, method: string): Promise<Pages> => {
    const key = learning.sourceOf(seat, method)
    const source = sourceAt(key)
    const known = source.lists.get(method)
    if (known) {
      const pages = await known
      if (pages.freshUntilMs > clock.now()) return pages
      if (source.lists.get(method) === known) source.lists.delete(method)
    }
    const inFlight = source.lists.get(method)
    if (inFlight) return inFlight
    const announces = announcesChanges(await hello(seat, learning.sourceOf(seat, undefined)), method)
    const learnt = source.lists.get(method) ?? learn(seat, key, method, announces)
    source.lists.set(method, learnt)
    const forget = (): void => {
      if (source.lists.get(method) === learnt) source.lists.delete(method)
    }
    learnt.then((pages) => (pages.error ? forget() : source.names.set(method, pages.names)), forget)
    return learnt
  }

  return {
    hello: (seat) => hello(seat, learning.sourceOf(seat, undefined)),
    isList: (method) => Object.hasOwn(lists, method),
    async page(seat, method, cursor) {
      const pages = await pagesOf(seat, method)
      return pages.error ? { error: pages.error, spoken: pages.spoken } : pageAt(pages, cursor)
    },
    get mirrorsHeaders() {
      return mirrorsHeaders
    },
    get hasTaskOnly() {
      return hasTaskOnly
    },
    async isTaskOnly(seat, tool) {
      if (learning.eraOf(seat) === seat.speaker.era) return false
      const { taskOnly } = await pagesOf(seat, 'tools/list')
      return taskOnly.has(tool)
    },
    isListed(seat, list, name) {
      let isLearnt = false
      for (const { names } of sources.values()) {
        const known = names.get(list)
        if (known?.has(name)) return true
        isLearnt ||= known !== undefined
      }
      if (!isLearnt && !learntForNames.has(list)) {
        learntForNames.add(list)
        pagesOf(seat, list).catch(() => undefined)
      }
      return false
    },
    async mirrored(seat, tool) {
      return (await pagesOf(seat, 'tools/list')).mirrored.get(tool) ?? []
    },
  }
}

/** Whether clients of the server can be told that such a list changed. */
export function announcesChanges(hello: RawObject, method: string): boolean {
  const capability = capabilitiesIn(hello)[lists[method] ?? '']
  return isObject(capability) && capability['listChanged'] === true
}

/** The capabilities in what a server said of itself, in either era. */
export function capabilitiesIn(hello: RawObject): JsonObject {
  const capabilities = hello.value['capabilities']
  return isObject(capabilities) ? capabilities : {}
}
