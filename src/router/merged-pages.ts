/**
 * One list made of the lists of several members. Each page of a member is translated once and kept as long as there is
 * room, so that a list of which one part is a session's own costs that part alone. The merged pages are put together
 * from these parts, and kept for the combinations that were asked for last.
 */
import { contentId } from '../base/ids.ts'
import { bytesOf, type MemoryAccount, type MemoryBudget, Portion } from '../base/memory-budget.ts'
import { createEncodedTexts, type Page } from '../catalog/pages.ts'
import { resultForRequest } from '../protocol/bridge/results.ts'
import type { EraName } from '../protocol/call.ts'
import { objectElements } from '../protocol/json-edit.ts'
import type { JsonObject, JsonValue, RawObject } from '../protocol/json-text.ts'
import type { Missing } from './member.ts'

/** The most characters of a merged page: few clients of large catalogues follow cursors, so a page is large. */
const maxPageChars = 1024 * 1024
/** The part of the memory budget that the parts may take, and as much again for merged pages. */
const memoryPart = 1 / 16
/** The most combinations that are kept: those of the eras and profiles of usual clients. */
const maxMerged = 32
/** How many combinations are remembered that were asked for once and are not kept. */
const maxSeen = 256
/** The cost of a part, of a merged list and of an entry besides their texts, in bytes. */
const partBytes = 512
const entryBytes = 96

/** The member of a result that holds the entries, by method. */
export const entriesKey: Readonly<Record<string, string>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
}

/** The key of `_meta` that names the members whose entries are missing: `[{"upstream": "search", "reason": "..."}]`. */
export const missingKey = 'mcplex/missing'

/** The pages of a list of one member. */
export interface MemberPages {
  readonly member: string
  readonly pages: readonly Page[]
  /** How long a client may keep the list, in milliseconds. */
  readonly ttlMs: number
}

/** Entries of one page of a member, translated. */
interface Part {
  readonly values: readonly JsonValue[]
  readonly text: string
  /** A hash of the content. */
  readonly id: string
  /** Whether clients may share it, by its server or by the operator. */
  readonly isForAll: boolean
}

interface Merged {
  readonly parts: readonly Part[]
  readonly missing: string
  readonly generation: string
  readonly pages: readonly Page[]
  readonly memory: Portion
}

export interface MergedPages {
  /** The pages of the merged list, and the hash that its cursors begin with. */
  merge(method: string, given: readonly MemberPages[], missing: readonly Missing[]): MergedList
  /** Forgets everything: the members, or their names, have changed. */
  clear(): void
}

export interface MergedList {
  readonly generation: string
  readonly pages: readonly Page[]
}

/**
 * @param translate an entry of a list of a member for clients; undefined if they do not see it
 */
export function createMergedPages(
  memory: MemoryBudget,
  translate: (member: string, method: string, entry: RawObject) => RawObject | undefined,
): MergedPages {
  const partsAccount = memory.account(memory.limitBytes * memoryPart, 'lasting')
  const account = memory.account(memory.limitBytes * memoryPart, 'lasting')
  const kept = { legacy: new Parts(partsAccount), modern: new Parts(partsAccount) }
  const merged = new Map<string, Merged[]>()
  const seen = new Set<string>()

  /**
   * Whether a new combination is to be kept. Where there is no place left it must be asked for twice, so that the lists
   * that sessions have of their own do not displace those that all others share.
   */
  const isWorthKeeping = (generation: string, known: readonly Merged[]): boolean => {
    if (known.length < maxMerged || seen.delete(generation)) return true
    seen.add(generation)
    const [oldest] = seen
    if (seen.size > maxSeen && oldest !== undefined) seen.delete(oldest)
    return false
  }

  const partOf = (method: string, { member }: MemberPages, page: Page, era: EraName): Part =>
    kept[era].get(page) ?? kept[era].keep(page, makePart(method, member, page, era, translate))

  const release = ({ memory: portion }: Merged): void => portion.close()

  return {
    merge(method, given, missing) {
      const eras = new Set(given.flatMap(({ pages }) => pages.map(({ era }) => era)))
      // Where both occur, the form of the stateless era: lists of session-based servers are valid there with few changes.
      const era: EraName = eras.size === 1 && eras.has('legacy') ? 'legacy' : 'modern'
      const parts = given.flatMap((one) => one.pages.map((page) => partOf(method, one, page, era)))
      const missingText = missing.length === 0 ? '' : JSON.stringify(missing.map(shownMissing))
      const known = merged.get(method) ?? []
      merged.set(method, known)
      const at = known.findIndex((one) => one.missing === missingText && isSame(one.parts, parts))
      const [found] = at < 0 ? [] : known.splice(at, 1)
      if (found) {
        known.push(found)
        return found
      }
      const portion = new Portion(account)
      const made = mergeParts(method, parts, missingText, era, portion)
      const bytes = made.pages.reduce((sum, { result }) => sum + bytesOf(result.text), partBytes)
      let isKept = isWorthKeeping(made.generation, known)
      while (isKept && (known.length >= maxMerged || portion.take(bytes) !== 'reserved')) {
        const oldest = known.shift()
        if (oldest) release(oldest)
        else isKept = false
      }
      if (isKept) known.push({ ...made, parts, missing: missingText, memory: portion })
      // Nor are its encoded texts kept then.
      else portion.close()
      return made
    },
    clear() {
      for (const ofMethod of merged.values()) for (const one of ofMethod) release(one)
      merged.clear()
      seen.clear()
      kept.legacy.clear()
      kept.modern.clear()
    },
  }
}

/** The parts that are kept, the latest last. */
class Parts {
  readonly #account: MemoryAccount
  readonly #parts = new Map<Page, { readonly part: Part; readonly bytes: number }>()

  constructor(account: MemoryAccount) {
    this.#account = account
  }

  get(page: Page): Part | undefined {
    const found = this.#parts.get(page)
    if (!found) return undefined
    this.#parts.delete(page)
    this.#parts.set(page, found)
    return found.part
  }

  /** Keeps a part if there is room, for which the oldest ones are forgotten. */
  keep(page: Page, part: Part): Part {
    const bytes = partBytes + bytesOf(part.text) + entryBytes * part.values.length
    while (this.#account.take(bytes) !== 'reserved') {
      const [oldest] = this.#parts
      if (!oldest) return part
      this.#account.release(oldest[1].bytes)
      this.#parts.delete(oldest[0])
    }
    this.#parts.set(page, { part, bytes })
    return part
  }

  clear(): void {
    for (const { bytes } of this.#parts.values()) this.#account.release(bytes)
    this.#parts.clear()
  }
}

function makePart(
  method: string,
  member: string,
  page: Page,
  era: EraName,
  translate: (member: string, method: string, entry: RawObject) => RawObject | undefined,
): Part {
  const result = page.era === era ? page.result : resultForRequest(method, page.result)
  const entries = objectElements(result, entriesKey[method] ?? '') ?? []
  const shown = entries.flatMap((entry) => (entry && translate(member, method, entry)) ?? [])
  const text = shown.map((entry) => entry.text).join(',')
  return {
    values: shown.map(({ value }) => value),
    text,
    id: contentId([text]),
    isForAll: isPublic(page),
  }
}

/** Whether clients may share a page of a member: what its server says counts before what the operator says. */
function isPublic({ result, isForAll }: Page): boolean {
  const scope = result.value['cacheScope']
  return scope === undefined ? isForAll : scope === 'public'
}

function mergeParts(
  method: string,
  parts: readonly Part[],
  missing: string,
  era: EraName,
  memory: MemoryAccount,
): MergedList {
  const generation = contentId([...parts.map(({ id }) => id), missing])
  const groups: Part[][] = [[]]
  let chars = 0
  for (const part of parts) {
    if (chars > 0 && chars + part.text.length > maxPageChars) {
      groups.push([])
      chars = 0
    }
    groups.at(-1)?.push(part)
    chars += part.text.length
  }
  const key = entriesKey[method] ?? ''
  const common: JsonObject = missing === '' ? {} : { _meta: { [missingKey]: JSON.parse(missing) as JsonValue } }
  const isForAll = parts.length > 0 && missing === '' && parts.every((part) => part.isForAll)
  const pages = groups.map((group, at): Page => {
    const isLast = at + 1 === groups.length
    const rest: JsonObject = isLast ? common : { ...common, nextCursor: mergedCursor(generation, at + 1) }
    const entries = group.flatMap(({ text }) => (text === '' ? [] : [text])).join(',')
    const more = JSON.stringify(rest).slice(1, -1)
    const text = `{"${key}":[${entries}]${more === '' ? '' : `,${more}`}}`
    const value = { [key]: group.flatMap(({ values }) => values), ...rest }
    return {
      result: { value, text },
      era,
      isForAll,
      encoded: createEncodedTexts((bytes) => memory.take(bytes) === 'reserved'),
    }
  })
  return { generation, pages }
}

/** How long a client may keep a merged list, in milliseconds. A member that is missing now may be there the next time. */
export function shortestTtl(given: readonly MemberPages[], missing: readonly Missing[]): number {
  return missing.length > 0 ? 0 : Math.min(...given.map(({ ttlMs }) => ttlMs))
}

/** The cursor of a page: it is of this content, and of none else. */
export function mergedCursor(generation: string, index: number): string {
  return `${generation}.${index}`
}

function shownMissing({ member, reason }: Missing): JsonObject {
  return { upstream: member, reason }
}

function isSame(one: readonly Part[], other: readonly Part[]): boolean {
  return one.length === other.length && one.every((part, at) => part === other[at])
}
