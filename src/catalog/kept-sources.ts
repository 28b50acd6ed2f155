/**
 * What is kept of what a server announces, by source: its description, its lists, their names. All of it is counted in
 * the memory budget, lists of the same content once.
 *
 * Promises: what usual clients are shown is never forgotten for the sake of others, and what clients are shown that
 * declare nothing never for anybody's.
 */
import { bytesOf, type MemoryBudget, Portion } from '../base/memory-budget.ts'
import { heldBytesOf } from '../protocol/held-bytes.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { CatalogSource } from '../upstreams/upstream.ts'
import { isSame, type Pages } from './pages.ts'

/** Sources of unusual clients, and of clients whose own process has told of a change, at most. */
const maxOthers = 256
/** How much of the memory budget may be taken by what servers say of themselves and list. */
const memoryPart = 1 / 4
/** What a name in a set takes besides its characters, in bytes. */
const nameBytes = 64

export interface KeptSource {
  readonly isUsual: boolean
  /** Counts what the server says of itself, and the names in its lists. */
  readonly memory: Portion
  readonly lists: Map<string, KeptList>
  /** The names of each list as it was last learnt, also while it is learnt anew. */
  readonly names: Map<string, ReadonlySet<string>>
  serverDescription: RawObject | undefined
  /** Those who wait for it. */
  asking: Promise<RawObject> | undefined
}

/** The memory of pages, by how many lists they are kept for. */
interface Held {
  readonly memory: Portion
  lists: number
}

export interface KeptList {
  readonly learning: Promise<Pages>
  /** What was learnt, once it was. */
  pages: Pages | undefined
  held: Held
  /** Whether nothing speaks against it: no change was told since, and one would be. */
  isCurrent: boolean
  /** What is learnt to take its place. */
  next: KeptList | undefined
}

export interface KeptSources {
  at(key: string): KeptSource
  find(key: string): KeptSource | undefined
  all(): Iterable<KeptSource>
  /**
   * A list that is being learnt, and not kept yet.
   * @param learn is given what says whether so many bytes may be kept
   */
  begin(key: string, learn: (take: (bytes: number) => boolean) => Promise<Pages>): KeptList
  /** Keeps a list in the place of the one that there was, if any. */
  keep(key: string, method: string, list: KeptList): void
  /** Forgets a list, if it still is the one that is meant. */
  forget(key: string, method: string, list: KeptList): void
  /** A list that was being learnt comes to nothing. */
  drop(list: KeptList): void
  /**
   * While another one is learnt, a list counts no more: both at once need not fit. Returns how to count it again; if
   * there is no memory for it any more, it is forgotten.
   */
  uncount(key: string, method: string, list: KeptList): () => void
  keepDescription(key: string, source: KeptSource, serverDescription: RawObject): void
  keepNames(key: string, method: string, names: ReadonlySet<string>): void
}

export function createKeptSources(needs: {
  readonly catalogSource: Pick<CatalogSource, 'isUsual' | 'isPlain'>
  readonly memory: MemoryBudget
}): KeptSources {
  const { catalogSource } = needs
  const sources = new Map<string, KeptSource>()
  const account = needs.memory.account(needs.memory.limitBytes * memoryPart, 'lasting')

  const letGo = (list: KeptList): void => {
    if (--list.held.lists === 0) list.held.memory.close()
  }
  const forgetSource = (key: string, source: KeptSource): void => {
    sources.delete(key)
    for (const list of source.lists.values()) letGo(list)
    source.lists.clear()
    source.memory.close()
  }

  /** Forgets the oldest source that gives way to another one: an unusual one, or a usual one to a usual one. */
  const forgetOldest = (but: string, mayBeUsual: boolean): boolean => {
    for (const isUsual of mayBeUsual ? [false, true] : [false]) {
      for (const [key, source] of sources) {
        if (key === but || source.isUsual !== isUsual || catalogSource.isPlain(key)) continue
        forgetSource(key, source)
        return true
      }
    }
    return false
  }

  /** Whether so many bytes may be kept for a source, when others have made room. */
  const take = (memory: Portion, bytes: number, key: string): boolean => {
    // What was forgotten meanwhile is not kept by who still has it.
    if (memory.isClosed) return true
    while (memory.take(bytes) !== 'kept') if (!forgetOldest(key, catalogSource.isUsual(key))) return false
    return true
  }

  const find = (key: string): KeptSource | undefined => sources.get(key)
  const at = (key: string): KeptSource => {
    let source = sources.get(key)
    if (!source) {
      const isUsual = catalogSource.isUsual(key)
      let others = 0
      if (!isUsual) for (const known of sources.values()) if (!known.isUsual) others++
      if (others >= maxOthers) forgetOldest(key, false)
      const memory = new Portion(account)
      source = { isUsual, memory, lists: new Map(), names: new Map(), serverDescription: undefined, asking: undefined }
      sources.set(key, source)
    }
    return source
  }

  /** A list of the same content that is kept for another source: most servers list the same to all. */
  const twin = (key: string, method: string, list: KeptList): KeptList | undefined => {
    const own = find(key)
    if (!own?.serverDescription || !list.pages) return undefined
    for (const source of sources.values()) {
      const other = source.lists.get(method)
      // One that is about to be replaced is not counted. And how a page is worded depends on the description as well.
      if (
        source === own ||
        !other?.pages ||
        other.next ||
        source.serverDescription?.text !== own.serverDescription.text
      )
        continue
      if (isSame(other.pages, list.pages)) return other
    }
    return undefined
  }

  const forget = (key: string, method: string, list: KeptList): void => {
    const source = find(key)
    if (source?.lists.get(method) !== list) return
    source.lists.delete(method)
    letGo(list)
  }

  return {
    at,
    find,
    all: () => sources.values(),
    begin(key, learn) {
      const memory = new Portion(account)
      const list: KeptList = {
        learning: learn((bytes) => take(memory, bytes, key)),
        pages: undefined,
        held: { memory, lists: 1 },
        isCurrent: true,
        next: undefined,
      }
      return list
    },
    keep(key, method, list) {
      const { lists } = at(key)
      const before = lists.get(method)
      const same = twin(key, method, list)
      if (same?.pages && list.pages) {
        letGo(list)
        list.held = same.held
        list.held.lists++
        list.pages = { ...same.pages, freshUntilMs: list.pages.freshUntilMs }
      }
      lists.set(method, list)
      if (before && before !== list) letGo(before)
    },
    forget,
    drop: letGo,
    uncount(key, method, list) {
      const bytes = list.held.memory.heldBytes
      const { held } = list
      letGo(list)
      list.held = { memory: new Portion(account), lists: 1 }
      return () => {
        if (find(key)?.lists.get(method) !== list) return
        if (held.lists > 0) {
          list.held = held
          held.lists++
        } else if (!take(list.held.memory, bytes, key)) forget(key, method, list)
      }
    },
    keepDescription(key, source, serverDescription) {
      // Asked for again by the next client, if there is no memory for it.
      if (!source.serverDescription && take(source.memory, heldBytesOf(serverDescription), key))
        source.serverDescription = serverDescription
    },
    keepNames(key, method, names) {
      const source = find(key)
      if (!source) return
      source.memory.release(bytesOfNames(source.names.get(method)))
      if (take(source.memory, bytesOfNames(names), key)) source.names.set(method, names)
      else source.names.delete(method)
    },
  }
}

function bytesOfNames(names: ReadonlySet<string> | undefined): number {
  let bytes = 0
  for (const name of names ?? []) bytes += nameBytes + bytesOf(name)
  return bytes
}
