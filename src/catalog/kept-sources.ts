/**
 * The store of the catalogue, by source: the server's description, its lists, their names. All of it is counted in the
 * memory budget, lists of the same content once.
 *
 * When room is lacking, the oldest source is forgotten, in this order: first sources of profiles with extensions and of
 * workers that have announced a change, of which clients can make any number; then, only for another profile without
 * extensions, sources of such profiles. The source of clients that declare no capabilities is never forgotten.
 */
import { bytesOf, type MemoryBudget, Portion } from '../base/memory-budget.ts'
import { heldBytesOf } from '../protocol/held-bytes.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { CatalogSource } from '../upstreams/upstream.ts'
import { isSame, type Pages } from './pages.ts'

/** The most sources of profiles with extensions, and of workers that have announced a change. */
const maxOthers = 256
/** The part of the memory budget that the catalogue may take. */
const memoryPart = 1 / 4
/** The cost of a name in a set besides its characters, in bytes. */
const nameBytes = 64

export interface KeptSource {
  /** Whether it is for a profile without extensions. */
  readonly isWithoutExtensions: boolean
  /** Counts the server's description and the names in its lists. */
  readonly memory: Portion
  readonly lists: Map<string, KeptList>
  /** The names of each list as it was last learnt, even while it is being learnt again. */
  readonly names: Map<string, ReadonlySet<string>>
  serverDescription: RawObject | undefined
  /** False once the server may say something else. */
  isDescriptionCurrent: boolean
  /** The running request for the description, shared by all callers that wait for it. */
  asking: Promise<RawObject> | undefined
}

/** The memory of pages, and how many lists share it. */
interface SharedMemory {
  readonly memory: Portion
  lists: number
}

export interface KeptList {
  readonly learning: Promise<Pages>
  /** The server's description for these clients when it was learnt: the encoded pages also depend on it. */
  readonly description: string
  /** The pages, once they are learnt. */
  pages: Pages | undefined
  held: SharedMemory
  /** False once the server has reported a change of the list. */
  isCurrent: boolean
  /** Its replacement, while that is being learnt. */
  next: KeptList | undefined
  /** False once its replacement is learnt: there need not be room for both. */
  isCounted: boolean
}

/** The pages of a list once they are learnt: those that are kept, which lists of the same content share. */
export async function pagesIn(list: KeptList): Promise<Pages> {
  const learnt = await list.learning
  return list.pages ?? learnt
}

export interface KeptSources {
  /** The source, created if there is none yet. */
  at(key: string): KeptSource
  find(key: string): KeptSource | undefined
  all(): Iterable<KeptSource>
  entries(): Iterable<readonly [string, KeptSource]>
  /**
   * Begins to learn a list; it is not kept yet.
   * @param description the text of the server's description for the clients of the list
   * @param learn gets a function that takes memory and returns whether so many bytes may be kept
   */
  begin(key: string, description: string, learn: (take: (bytes: number) => boolean) => Promise<Pages>): KeptList
  /** Keeps a list and replaces the previous one, if any. Its pages become those that are kept of the same content. */
  keep(key: string, method: string, list: KeptList): void
  /** A list of all sources may have changed. */
  outdate(method: string): void
  /** Forgets a list, unless a newer one has replaced it. */
  forget(key: string, method: string, list: KeptList): void
  /** Releases the memory of a list that was learnt but is not kept. */
  drop(list: KeptList): void
  /**
   * Stops counting a list while its replacement is learnt: there need not be room for both. Returns a function that counts it
   * again, or forgets it if there is no memory for it any more.
   */
  uncount(key: string, method: string, list: KeptList): () => void
  /** In the place of an earlier one. */
  keepDescription(key: string, source: KeptSource, serverDescription: RawObject): void
  keepNames(key: string, method: string, names: ReadonlySet<string>): void
}

export function createKeptSources(needs: {
  readonly catalogSource: Pick<CatalogSource, 'isWithoutExtensions' | 'isEmptyProfile'>
  readonly memory: MemoryBudget
}): KeptSources {
  const { catalogSource } = needs
  const sources = new Map<string, KeptSource>()
  const account = needs.memory.account(needs.memory.limitBytes * memoryPart, 'lasting')

  const release = (list: KeptList): void => {
    if (--list.held.lists === 0) list.held.memory.close()
  }
  const forgetSource = (key: string, source: KeptSource): void => {
    sources.delete(key)
    for (const list of source.lists.values()) release(list)
    source.lists.clear()
    source.memory.close()
  }

  /**
   * Forgets the oldest source to make room, in the order at the head of this file. Returns false if there is none.
   * @param mayBeWithoutExtensions whether the room is for a profile without extensions
   */
  const forgetOldest = (but: string, mayBeWithoutExtensions: boolean): boolean => {
    for (const isWithoutExtensions of mayBeWithoutExtensions ? [false, true] : [false]) {
      for (const [key, source] of sources) {
        if (key === but || source.isWithoutExtensions !== isWithoutExtensions || catalogSource.isEmptyProfile(key))
          continue
        forgetSource(key, source)
        return true
      }
    }
    return false
  }

  /** Takes memory for a source, and forgets others if necessary. Returns false if there is no room. */
  const take = (memory: Portion, bytes: number, key: string): boolean => {
    // The entry was forgotten meanwhile: its bytes are not kept, so nothing is counted.
    if (memory.isClosed) return true
    while (memory.take(bytes) !== 'reserved')
      if (!forgetOldest(key, catalogSource.isWithoutExtensions(key))) return false
    return true
  }

  const find = (key: string): KeptSource | undefined => sources.get(key)
  const at = (key: string): KeptSource => {
    let source = sources.get(key)
    if (!source) {
      const isWithoutExtensions = catalogSource.isWithoutExtensions(key)
      let others = 0
      if (!isWithoutExtensions) for (const known of sources.values()) if (!known.isWithoutExtensions) others++
      if (others >= maxOthers) forgetOldest(key, false)
      const memory = new Portion(account)
      source = {
        isWithoutExtensions,
        memory,
        lists: new Map(),
        names: new Map(),
        serverDescription: undefined,
        isDescriptionCurrent: true,
        asking: undefined,
      }
      sources.set(key, source)
    }
    return source
  }

  /** A list of the same content that is kept: most servers list the same to all clients, and again and again. */
  const sameList = (method: string, list: KeptList): KeptList | undefined => {
    if (!list.pages) return undefined
    for (const source of sources.values()) {
      const other = source.lists.get(method)
      if (other === list || !other?.pages || !other.isCounted || other.description !== list.description) continue
      const areAlikeForAll = other.pages.pages[0]?.isForAll === list.pages.pages[0]?.isForAll
      if (areAlikeForAll && isSame(other.pages, list.pages)) return other
    }
    return undefined
  }

  const forget = (key: string, method: string, list: KeptList): void => {
    const source = find(key)
    if (source?.lists.get(method) !== list) return
    source.lists.delete(method)
    release(list)
  }

  return {
    at,
    find,
    all: () => sources.values(),
    entries: () => sources.entries(),
    begin(key, description, learn) {
      const memory = new Portion(account)
      const list: KeptList = {
        learning: learn((bytes) => take(memory, bytes, key)),
        description,
        pages: undefined,
        held: { memory, lists: 1 },
        isCurrent: true,
        next: undefined,
        isCounted: true,
      }
      return list
    },
    keep(key, method, list) {
      const { lists } = at(key)
      const before = lists.get(method)
      const same = sameList(method, list)
      if (same?.pages && list.pages) {
        release(list)
        list.held = same.held
        list.held.lists++
        list.pages = { ...same.pages, freshness: list.pages.freshness }
      }
      lists.set(method, list)
      if (before && before !== list) release(before)
    },
    outdate(method) {
      for (const { lists } of sources.values()) {
        const kept = lists.get(method)
        if (kept) kept.isCurrent = false
      }
    },
    forget,
    drop: release,
    uncount(key, method, list) {
      const bytes = list.held.memory.heldBytes
      const { held } = list
      release(list)
      list.held = { memory: new Portion(account), lists: 1 }
      list.isCounted = false
      return () => {
        list.isCounted = true
        if (find(key)?.lists.get(method) !== list) return
        if (held.lists > 0) {
          list.held = held
          held.lists++
        } else if (!take(list.held.memory, bytes, key)) forget(key, method, list)
      }
    },
    keepDescription(key, source, serverDescription) {
      const { serverDescription: before } = source
      source.isDescriptionCurrent = true
      if (before?.text === serverDescription.text) return
      if (before) source.memory.release(heldBytesOf(before))
      // If there is no memory for it, the next client asks for it again.
      source.serverDescription = take(source.memory, heldBytesOf(serverDescription), key)
        ? serverDescription
        : undefined
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
