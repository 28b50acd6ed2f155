/**
 * The catalogue: what a server says of itself and what it lists, learnt once per source and kept until the server
 * says that it changed. Handshakes and lists of thousands of sessions are answered from here, without a process.
 */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { bytesOf, type MemoryBudget, Portion } from '../base/memory-budget.ts'
import type { EraName, Seat } from '../protocol/call.ts'
import type { HeaderParam } from '../protocol/headers.ts'
import { heldBytesOf } from '../protocol/held-bytes.ts'
import { isObject, type JsonObject, type RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import type { Learning } from '../upstreams/upstream.ts'
import { learnPages, type Page, pageAt, type Pages } from './pages.ts'

/** A list that changes without notice is asked for again after this time. */
const unannouncedMs = 5000
const maxSources = 256
/** How much of the memory budget may be taken by what servers say of themselves and list. */
const memoryPart = 1 / 4
/** What a name in a set takes besides its characters, in bytes. */
const nameBytes = 64

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
  /** Counts what the server says of itself, and the names in its lists. */
  readonly memory: Portion
  readonly lists: Map<string, List>
  /** The names of each list as it was last learnt, also while it is learnt anew. */
  readonly names: Map<string, ReadonlySet<string>>
}

interface List {
  readonly pages: Promise<Pages>
  readonly memory: Portion
}

export function createCatalog(needs: {
  readonly learning: Learning
  readonly memory: MemoryBudget
  readonly clock: Clock
  readonly log: Log
}): Catalog {
  const { learning, clock } = needs
  const sources = new Map<string, Source>()
  /** The lists that were learnt for the names in them: once, since what a client makes up is never in them. */
  const learntForNames = new Set<string>()
  const account = needs.memory.account(needs.memory.limitBytes * memoryPart, 'lasting')
  let mirrorsHeaders = false
  let hasTaskOnly = false

  /** Forgets a list, if it still is the one that is meant. */
  const forgetList = (source: Source, method: string, list: List | undefined): void => {
    if (!list || source.lists.get(method) !== list) return
    source.lists.delete(method)
    list.memory.close()
  }

  learning.onStale((key, method) => {
    const source = sources.get(key)
    if (source) forgetList(source, method, source.lists.get(method))
  })

  /** Forgets a source, but for the one that most clients share and the one that asks. */
  const forgetOldest = (but: string): boolean => {
    for (const [key, source] of sources) {
      if (learning.isPlain(key) || key === but) continue
      sources.delete(key)
      for (const [method, list] of source.lists) forgetList(source, method, list)
      source.memory.close()
      return true
    }
    return false
  }

  /** Whether so many bytes may be kept for a source, when others have made room. */
  const take = (memory: Portion, bytes: number, key: string): boolean => {
    // What was forgotten meanwhile is not kept by who still has it.
    if (memory.isClosed) return true
    while (memory.take(bytes) !== 'kept') if (!forgetOldest(key)) return false
    return true
  }

  /** Keeps the names of a list in the place of those that it had before, if there is memory for them. */
  const keepNames = (source: Source, key: string, method: string, names: ReadonlySet<string>): void => {
    source.memory.release(bytesOfNames(source.names.get(method)))
    if (take(source.memory, bytesOfNames(names), key)) source.names.set(method, names)
    else source.names.delete(method)
  }

  const sourceAt = (key: string): Source => {
    let source = sources.get(key)
    if (!source) {
      if (sources.size >= maxSources) forgetOldest(key)
      sources.set(
        key,
        (source = { hello: undefined, memory: new Portion(account), lists: new Map(), names: new Map() }),
      )
    }
    return source
  }

  const hello = async (seat: Seat, key: string): Promise<RawObject> => {
    const source = sourceAt(key)
    if (source.hello) return source.hello
    const forget = (): void => {
      source.hello = undefined
    }
    source.hello = learning.hello(seat, key).then(
      (found) => {
        // Asked for again by the next client, if there is no memory for it.
        if (!take(source.memory, heldBytesOf(found), key)) forget()
        return found
      },
      (error: unknown) => {
        forget()
        throw error
      },
    )
    return source.hello
  }

  const learn = (seat: Seat, key: string, method: string, announces: boolean, memory: Portion): Promise<Pages> => {
    const freshUntil = (ttlMs: number | undefined): number => {
      // A server that announces changes needs no second guess; one that does not is believed for as long as it says.
      if (announces) return Number.POSITIVE_INFINITY
      if (ttlMs !== undefined) return clock.now() + ttlMs
      return lists[method] === 'resources' ? clock.now() + unannouncedMs : Number.POSITIVE_INFINITY
    }
    const spoken = learning.eraOf(seat, key)
    const learnt = learnPages(
      (cursor) => learning.list(seat, key, method, cursor),
      spoken,
      freshUntil,
      (bytes) => take(memory, bytes, key),
    )
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
      const pages = await known.pages
      if (pages.freshUntilMs > clock.now()) return pages
      forgetList(source, method, known)
    }
    const inFlight = source.lists.get(method)
    if (inFlight) return inFlight.pages
    const announces = announcesChanges(await hello(seat, learning.sourceOf(seat, undefined)), method)
    const asked = source.lists.get(method)
    if (asked) return asked.pages
    const memory = new Portion(account)
    const list: List = { memory, pages: learn(seat, key, method, announces, memory) }
    source.lists.set(method, list)
    const forget = (): void => forgetList(source, method, list)
    list.pages.then((pages) => {
      if (pages.error || sources.get(key) !== source) forget()
      else keepNames(source, key, method, pages.names)
    }, forget)
    return list.pages
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

function bytesOfNames(names: ReadonlySet<string> | undefined): number {
  let bytes = 0
  for (const name of names ?? []) bytes += nameBytes + bytesOf(name)
  return bytes
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
