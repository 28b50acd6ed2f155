/**
 * The pages of one list, all fetched at once. Clients get cursors of our own, made of the content of the list and a page
 * number: so a cursor of one worker is never sent to another, and a client's cursor stays valid as long as the list does not
 * change. [pagination: cursors are opaque, an invalid one is -32602]
 */
import { contentId } from '../base/ids.ts'
import { bytesOf } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { EraName } from '../protocol/call.ts'
import { heldBytesOf } from '../protocol/held-bytes.ts'
import { headerParams, type HeaderParam } from '../protocol/headers.ts'
import { firstElements } from '../protocol/json-edit.ts'
import { editObject, isObject, type JsonObject, type JsonValue, type RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import type { ListedTools } from '../protocol/listed-tools.ts'
import { isTaskOnly } from '../protocol/task-only-tools.ts'
import { safePage } from './safe-page.ts'

/** More pages and tools than any client can use; a longer list is cut. */
const maxPages = 10
const maxTools = 1000
const maxChars = 32 * 1024 * 1024
/** [2025-11-25 tools, names] at most 128 characters */
const maxNameChars = 128

/** One page as the server sent it, except for the cursor, and its text encoded for clients of each revision. */
export interface Page {
  readonly result: RawObject
  readonly era: EraName
  /** Whether the operator says that all clients get this list, so that they may share it. */
  readonly isForAll: boolean
  /** Encoded answers by revision of the client, kept because a list is requested far more often than it changes. */
  readonly encoded: EncodedTexts
  /** What it has in short, of `tools/list`, once a session was shown it: all sessions that were shown it share this. */
  listed?: ListedTools
}

export interface EncodedTexts {
  get(version: string): string | undefined
  /** Keeps a text, if there is memory for it. */
  keep(version: string, text: string): void
}

/** How long a list may be shown, in milliseconds of the clock. */
export interface Freshness {
  /** When the list has to be fetched again. */
  readonly untilMs: number
  /** Until when the list is shown while it is fetched again. */
  readonly usableUntilMs: number
  /** The longest that a client may keep it, in milliseconds. */
  readonly longestTtlMs: number
}

export interface Pages {
  /** The server's error instead of a list; such a list is not kept. */
  readonly error: Answer | undefined
  /** The era of the server. */
  readonly era: EraName
  readonly pages: readonly Page[]
  /** A hash of the content: equal for lists of the same content. */
  readonly generation: string
  readonly freshness: Freshness
  /** The names of the tools or prompts, without those longer than the specification allows. */
  readonly names: ReadonlySet<string>
  /** Headers that mirror arguments, by tool; only for `tools/list`. */
  readonly mirrored: ReadonlyMap<string, readonly HeaderParam[]>
  /** Tools that the server runs only as tasks. */
  readonly taskOnly: ReadonlySet<string>
  /** Tools of which the server says that a second call has no further effect. */
  readonly idempotent: ReadonlySet<string>
  /** The arguments bound by the operator that tools have, by tool; undefined if none are bound. */
  readonly bound?: ReadonlyMap<string, readonly string[]>
  /** Whether pages are missing because the list is too long, or because there was no memory. */
  readonly cut: boolean
  /** Why the list was ended although the server sent a next cursor. */
  readonly fault: CursorFault | undefined
}

/** The cursor was followed already, or is not a string. */
export type CursorFault = 'cursor_repeats' | 'cursor_is_no_text'

/**
 * Fetches all pages. Throws `overloaded` if there is no memory even for the first.
 * @param shown what clients may see of a page, which has no tools that are too many
 * @param source what is known of the source: the era of the server, and whether all clients get its lists
 * @param freshnessOf what the server's `ttlMs` means for the list
 * @param take takes memory and returns whether so many bytes may be kept
 */
export async function learnPages(
  ask: (cursor: string | undefined) => Promise<Answer>,
  shown: (page: RawObject) => RawObject,
  source: { readonly era: EraName; readonly isForAll: boolean },
  freshnessOf: (ttlMs: number | undefined) => Freshness,
  take: (bytes: number) => boolean,
): Promise<Pages> {
  const { era, isForAll } = source
  const results: RawObject[] = []
  let cursor: string | undefined
  let chars = 0
  let tools = 0
  let ttlMs: number | undefined
  let cut = false
  let fault: CursorFault | undefined
  const followed = new Set<string>()
  do {
    const answer = await ask(cursor)
    if (answer.kind === 'error') return { ...none, era, error: answer }
    const { value } = answer.result
    // Before anything else is done with it: what is cut costs no more than its parsing.
    const said = firstElements(answer.result, 'tools', maxTools - tools)
    const isCut = said !== answer.result
    tools += listIn(said, 'tools').length
    const given = safePage(withoutTtl(shown(said)), listKeys)
    if (!take(pageBytes + heldBytesOf(given))) {
      if (results.length === 0) {
        throw new Refusal('overloaded', { message: 'There is no memory for a list of the server.' })
      }
      cut = true
      break
    }
    const next = value['nextCursor']
    if (typeof next !== 'string' && (next ?? null) !== null) fault = 'cursor_is_no_text'
    if (typeof next === 'string' && followed.has(next)) fault = 'cursor_repeats'
    const kept = fault === 'cursor_repeats' ? newOnPage(given, results) : given
    if (!kept) break
    cursor = typeof next === 'string' && fault === undefined ? next : undefined
    if (cursor !== undefined) followed.add(cursor)
    chars += given.text.length
    cut = isCut || (cursor !== undefined && (results.length + 1 >= maxPages || chars > maxChars))
    if (typeof value['ttlMs'] === 'number') ttlMs = Math.min(ttlMs ?? Number.POSITIVE_INFINITY, value['ttlMs'])
    results.push(kept)
  } while (cursor !== undefined && !cut)
  const generation = contentId(results.map(({ text }) => text))
  const pages = results.map((given, at): Page => {
    const nextCursor = at + 1 < results.length ? cursorOf(generation, at + 1) : undefined
    const result = given.value['nextCursor'] === undefined ? given : editObject(given, { nextCursor })
    return { result, era, isForAll, encoded: createEncodedTexts(take) }
  })
  return {
    error: undefined,
    era,
    pages,
    generation,
    freshness: freshnessOf(ttlMs),
    names: namesIn(pages),
    mirrored: mirroredIn(pages),
    taskOnly: toolsThat(isTaskOnly, pages),
    idempotent: toolsThat(isIdempotent, pages),
    cut,
    fault,
  }
}

/** A page without the time that the server states: it begins anew with each answer of mcplex. */
function withoutTtl(page: RawObject): RawObject {
  return page.value['ttlMs'] === undefined ? page : editObject(page, { ttlMs: undefined })
}

/** The cost of a page besides its content, in bytes. */
const pageBytes = 1024

/** @param take takes memory and returns whether so many bytes may be kept */
export function createEncodedTexts(take: (bytes: number) => boolean): EncodedTexts {
  const texts = new Map<string, string>()
  return {
    get: (version) => texts.get(version),
    keep(version, text) {
      if (take(bytesOf(text))) texts.set(version, text)
    },
  }
}

/** The members of a result that are lists. */
const listKeys = ['tools', 'prompts', 'resources', 'resourceTemplates']

/**
 * The entries of a page that are new, after its cursor has repeated: a server that ignores cursors sends the same page again.
 * @returns the page without the entries of earlier pages; undefined if none remains
 */
function newOnPage(page: RawObject, before: readonly RawObject[]): RawObject | undefined {
  const edits: Record<string, JsonValue> = {}
  let kept = 0
  for (const key of listKeys) {
    const entries = listIn(page, key)
    const seen = new Set<string>()
    for (const earlier of before) for (const entry of listIn(earlier, key)) seen.add(JSON.stringify(entry))
    const fresh = entries.filter((entry) => !seen.has(JSON.stringify(entry)))
    kept += fresh.length
    if (fresh.length < entries.length) edits[key] = fresh
  }
  if (kept === 0) return undefined
  return Object.keys(edits).length === 0 ? page : editObject(page, edits)
}

function listIn({ value }: RawObject, key: string): readonly JsonValue[] {
  const entries = value[key]
  return Array.isArray(entries) ? entries : []
}

const none = {
  pages: [],
  generation: '',
  freshness: { untilMs: 0, usableUntilMs: 0, longestTtlMs: 0 },
  names: new Set<string>(),
  mirrored: new Map(),
  taskOnly: new Set<string>(),
  idempotent: new Set<string>(),
  fault: undefined,
  cut: false,
}

/** Whether two lists are the same for all clients: equal content from servers of the same era. */
export function isSame(one: Pages, other: Pages): boolean {
  return one.generation === other.generation && one.era === other.era
}

/** The page for a client's cursor. Throws `invalid_params` if the cursor is not valid. */
export function pageAt(pages: Pages, cursor: unknown): Page {
  const index = typeof cursor === 'string' ? Number(cursor.slice(pages.generation.length + 1)) : 0
  const isOurs = cursor === undefined || (index > 0 && cursor === cursorOf(pages.generation, index))
  const page = pages.pages[index]
  if (!isOurs || !page) throw new Refusal('invalid_params', { message: 'This cursor is not valid (any more).' })
  return page
}

/** The bound arguments of a tool in a list; undefined if it is not there. */
export function boundIn({ bound, names }: Pages, tool: string): readonly string[] | undefined {
  return bound?.get(tool) ?? (names.has(tool) ? [] : undefined)
}

function cursorOf(generation: string, index: number): string {
  return `${generation}.${index}`
}

function namesIn(pages: readonly Page[]): Set<string> {
  const names = new Set<string>()
  for (const { result } of pages) {
    for (const kind of ['tools', 'prompts']) {
      for (const [name] of entriesIn(result.value[kind])) if (name.length <= maxNameChars) names.add(name)
    }
  }
  return names
}

function mirroredIn(pages: readonly Page[]): Map<string, readonly HeaderParam[]> {
  const mirrored = new Map<string, readonly HeaderParam[]>()
  for (const [name, tool] of toolsIn(pages)) {
    const params = headerParams(tool['inputSchema'])
    if (params.length > 0) mirrored.set(name, params)
  }
  return mirrored
}

function toolsThat(are: (tool: JsonObject) => boolean, pages: readonly Page[]): Set<string> {
  const names = new Set<string>()
  for (const [name, tool] of toolsIn(pages)) if (are(tool)) names.add(name)
  return names
}

/** A tool that reads only changes nothing the second time either. [2025-11-25 schema, ToolAnnotations] */
function isIdempotent({ annotations }: JsonObject): boolean {
  return isObject(annotations) && (annotations['readOnlyHint'] === true || annotations['idempotentHint'] === true)
}

function* toolsIn(pages: readonly Page[]): Generator<[string, JsonObject]> {
  for (const { result } of pages) yield* entriesIn(result.value['tools'])
}

function* entriesIn(list: JsonValue | undefined): Generator<[string, JsonObject]> {
  if (!Array.isArray(list)) return
  for (const entry of list) if (isObject(entry) && typeof entry['name'] === 'string') yield [entry['name'], entry]
}
