/**
 * The pages of one list, learnt whole. Cursors that clients see are ours: the content of the list and a page in it, so
 * that no cursor of one process is ever taken to another, and those of clients hold as long as nothing changes. [pagination: cursors are opaque, an invalid one is -32602]
 */
import { contentId } from '../base/ids.ts'
import { bytesOf } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { EraName } from '../protocol/call.ts'
import { heldBytesOf } from '../protocol/held-bytes.ts'
import { headerParams, type HeaderParam } from '../protocol/headers.ts'
import { editObject, isObject, type JsonObject, type JsonValue, type RawObject } from '../protocol/json-text.ts'
import type { Answer } from '../protocol/jsonrpc.ts'
import { isTaskOnly } from '../protocol/task-only-tools.ts'
import { newOnPage } from './repeated-page.ts'

/** More than any honest server has; a list beyond it is cut. */
const maxPages = 100
const maxChars = 32 * 1024 * 1024
/** [2025-11-25 tools, names] at most 128 characters */
const maxNameChars = 128

/** One page as the server gave it but for the cursor, and its text as clients of each revision are answered. */
export interface Page {
  readonly result: RawObject
  readonly era: EraName
  /** Serialised answers by revision of the client, kept since a list is asked for far more often than it changes. */
  readonly worded: Worded
}

export interface Worded {
  get(version: string): string | undefined
  /** Keeps a text, if there is memory for it. */
  keep(version: string, text: string): void
}

export interface Pages {
  /** The server's own error instead of a list: not kept. */
  readonly error: Answer | undefined
  /** The era in which the server was asked. */
  readonly era: EraName
  readonly pages: readonly Page[]
  /** The same for lists of the same content. */
  readonly generation: string
  /** When the list must be asked for again, in milliseconds of the clock. */
  readonly freshUntilMs: number
  /** The names of the tools or prompts, those left out that are longer than a name can be. */
  readonly names: ReadonlySet<string>
  /** Headers that mirror arguments, by tool; only for `tools/list`. */
  readonly mirrored: ReadonlyMap<string, readonly HeaderParam[]>
  /** Tools that the server runs as tasks alone. */
  readonly taskOnly: ReadonlySet<string>
  /** Whether a page was left out for being beyond the bounds, or for want of memory. */
  readonly cut: boolean
  /** Why the list ended before the server said so. */
  readonly fault: CursorFault | undefined
}

/** A cursor that was followed already, or that is no text. */
export type CursorFault = 'cursor_repeats' | 'cursor_is_no_text'

/**
 * Asks for all pages. `freshUntil` turns a server's `ttlMs` into a time, `take` says whether so many bytes may be kept.
 * Throws `overloaded` if that is not even the first page.
 */
export async function learnPages(
  ask: (cursor: string | undefined) => Promise<Answer>,
  era: EraName,
  freshUntil: (ttlMs: number | undefined) => number,
  take: (bytes: number) => boolean,
): Promise<Pages> {
  const results: RawObject[] = []
  let cursor: string | undefined
  let chars = 0
  let ttlMs: number | undefined
  let cut = false
  let fault: CursorFault | undefined
  const followed = new Set<string>()
  do {
    const answer = await ask(cursor)
    if (answer.kind === 'error') return { ...none, era, error: answer }
    const { value, text } = answer.result
    if (!take(pageBytes + heldBytesOf(answer.result))) {
      if (results.length === 0) {
        throw new Refusal('overloaded', { message: 'There is no memory for a list of the server.' })
      }
      cut = true
      break
    }
    const next = value['nextCursor']
    if (typeof next !== 'string' && (next ?? null) !== null) fault = 'cursor_is_no_text'
    if (typeof next === 'string' && followed.has(next)) fault = 'cursor_repeats'
    const kept = fault === 'cursor_repeats' ? newOnPage(answer.result, results) : answer.result
    if (!kept) break
    cursor = typeof next === 'string' && fault === undefined ? next : undefined
    if (cursor !== undefined) followed.add(cursor)
    chars += text.length
    cut = cursor !== undefined && (results.length + 1 >= maxPages || chars > maxChars)
    if (typeof value['ttlMs'] === 'number') ttlMs = Math.min(ttlMs ?? Number.POSITIVE_INFINITY, value['ttlMs'])
    results.push(kept)
  } while (cursor !== undefined && !cut)
  const generation = contentId(results.map(({ text }) => text))
  const pages = results.map((given, at): Page => {
    const nextCursor = at + 1 < results.length ? cursorOf(generation, at + 1) : undefined
    const result = given.value['nextCursor'] === undefined ? given : editObject(given, { nextCursor })
    return { result, era, worded: createWorded(take) }
  })
  return {
    error: undefined,
    era,
    pages,
    generation,
    freshUntilMs: freshUntil(ttlMs),
    names: namesIn(pages),
    mirrored: mirroredIn(pages),
    taskOnly: taskOnlyIn(pages),
    cut,
    fault,
  }
}

/** What a page takes besides what it says, in bytes. */
const pageBytes = 1024

function createWorded(take: (bytes: number) => boolean): Worded {
  const texts = new Map<string, string>()
  return {
    get: (version) => texts.get(version),
    keep(version, text) {
      if (take(bytesOf(text))) texts.set(version, text)
    },
  }
}

const none = {
  pages: [],
  generation: '',
  freshUntilMs: 0,
  names: new Set<string>(),
  mirrored: new Map(),
  taskOnly: new Set<string>(),
  fault: undefined,
  cut: false,
}

/** Whether two lists say the same, to clients of the same revisions. */
export function isSame(one: Pages, other: Pages): boolean {
  return one.generation === other.generation && one.era === other.era
}

/** The page that a client's cursor names. Throws `invalid_params`. */
export function pageAt(pages: Pages, cursor: unknown): Page {
  const index = typeof cursor === 'string' ? Number(cursor.slice(pages.generation.length + 1)) : 0
  const isOurs = cursor === undefined || (index > 0 && cursor === cursorOf(pages.generation, index))
  const page = pages.pages[index]
  if (!isOurs || !page) throw new Refusal('invalid_params', { message: 'This cursor is not valid (any more).' })
  return page
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

function taskOnlyIn(pages: readonly Page[]): Set<string> {
  const names = new Set<string>()
  for (const [name, tool] of toolsIn(pages)) if (isTaskOnly(tool)) names.add(name)
  return names
}

function* toolsIn(pages: readonly Page[]): Generator<[string, JsonObject]> {
  for (const { result } of pages) yield* entriesIn(result.value['tools'])
}

function* entriesIn(list: JsonValue | undefined): Generator<[string, JsonObject]> {
  if (!Array.isArray(list)) return
  for (const entry of list) if (isObject(entry) && typeof entry['name'] === 'string') yield [entry['name'], entry]
}
