/**
 * Watches the definitions of an upstream's tools: each has a hash, and one that was not seen before is a change, which is
 * logged and, by the operator's choice, allowed, announced as an alert, or held back until the operator accepts it.
 *
 * What the server lists first is accepted. A server may list other tools to other clients: what the first list of a kind
 * of client has besides is accepted, too, unless changes are held back. What the worker of one session lists is shown to no
 * other session, and its text is not logged.
 */
import type { EventSink } from '../base/events.ts'
import { contentId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { terminalSafeLine } from '../base/terminal-safe.ts'
import { editObject, isObject, type JsonObject, type JsonValue, type RawObject } from '../protocol/json-text.ts'
import { differences, differentFields } from './differences.ts'

/** The most tools that are watched; with `hold`, further ones are not listed. */
const maxNames = 2000
/** The most definitions of one tool: clients of other kinds may have others. */
const maxOfName = 32
/** For how many pairs of a tool and a source it is known which definition was shown last. */
const maxShown = 20_000
/** The most characters of definitions that are kept to show them again, or what has changed. */
const maxKeptChars = 4 * 1024 * 1024
const maxNameChars = 128
/** The most names of tools on one line. */
const maxTold = 100

/** What becomes of a tool whose definition has changed. */
export type OnChange = 'allow' | 'alert' | 'hold'

/** Where a list comes from. */
export interface ListOrigin {
  /** The key of its source. */
  readonly source: string
  /** Whether it is the own list of an isolation group: what it says is for that group alone. */
  readonly isOwn: boolean
  /** Whether no list of its source is known. */
  readonly isNew: boolean
}

/** A definition that is held back. */
interface Held {
  readonly tool: JsonObject | undefined
  readonly source: string
  /** Whether it is of the own list of an isolation group. */
  readonly isOwn: boolean
}

/** A tool. Definitions are named by their hashes, and have their text if there was room to keep it. */
interface Watched {
  /** Its name on one line, cut. */
  readonly label: string
  readonly accepted: Map<string, JsonObject | undefined>
  /** Those that are held back, with the source that has listed each last. */
  readonly held: Map<string, Held>
  /** The definition that clients of a source were shown last, by source, if it is not `common`. */
  readonly shownLast: Map<string, string>
  /** The first definition that was accepted and is not for one isolation group alone. */
  common: string | undefined
}

/** What is known of all tools; the next upstream of the same name goes on with a copy. */
interface State {
  /** By a hash of the name: names have any length. */
  readonly watched: Map<string, Watched>
  hasBaseline: boolean
  keptChars: number
  shownCount: number
  changes: number
}

/** How many definitions were accepted, and the names of their tools: each once, on one line and cut, a hundred at most. */
export interface AcceptedDefinitions {
  readonly accepted: number
  readonly tools: readonly string[]
}

/** A definition that is held back, for the operator. */
export interface HeldDefinition {
  /** The name of the tool, on one line and cut. */
  readonly tool: string
  readonly hash: string
  readonly change: 'changed' | 'added'
  /** What is different from what clients are shown; of the own list of a session, only the names of the fields. */
  readonly differs: readonly string[]
}

export interface Definitions {
  /** Begins a list of tools. @returns a function that turns a page of the server into what clients may see, and one for the end of the list */
  begin(origin: ListOrigin): { check(page: RawObject): RawObject; end(): void }
  /**
   * Accepts the definitions that are held back.
   * @param hashes only those with these hashes; undefined for all
   */
  accept(hashes?: ReadonlySet<string>): AcceptedDefinitions
  /** What is held back. */
  held(): readonly HeldDefinition[]
  /** Whether every definition of the tool is held back: clients have not been shown it. */
  isHeldBack(name: string): boolean
  /** Goes on with what is known to the definitions of an upstream whose place this one takes. */
  carryOver(before: Definitions): void
  /** Figures for operators; none if changes are allowed. */
  counts(): Readonly<Record<string, number>>
  readonly state: State
}

export function createDefinitions(needs: {
  readonly onChange: OnChange
  readonly log: Log
  readonly events: EventSink
}): Definitions {
  const { onChange, log, events } = needs
  const state: State = { watched: new Map(), hasBaseline: false, keptChars: 0, shownCount: 0, changes: 0 }
  const { watched } = state

  /** The definition, if there is room to keep it. */
  const roomFor = (tool: JsonObject): JsonObject | undefined => {
    const chars = charsOf(tool)
    if (state.keptChars + chars > maxKeptChars) return undefined
    state.keptChars += chars
    return tool
  }

  const release = (tool: JsonObject | undefined): void => void (state.keptChars -= tool ? charsOf(tool) : 0)

  const addAccepted = (one: Watched, hash: string, tool: JsonObject | undefined): void => {
    if (one.accepted.size >= maxOfName) {
      const oldest = [...one.accepted.keys()].find((key) => key !== one.common) ?? ''
      release(one.accepted.get(oldest))
      one.accepted.delete(oldest)
    }
    one.accepted.set(hash, tool)
  }

  const addHeld = (one: Watched, hash: string, tool: JsonObject, { source, isOwn }: ListOrigin): void => {
    const known = one.held.get(hash)
    const [oldest] = one.held.keys()
    if (!known && one.held.size >= maxOfName && oldest !== undefined) {
      release(one.held.get(oldest)?.tool)
      one.held.delete(oldest)
    }
    one.held.set(hash, { tool: known ? known.tool : roomFor(tool), source, isOwn: isOwn || known?.isOwn === true })
  }

  /** Notes the definition that clients of a source are shown. */
  const noteShown = (one: Watched, hash: string, source: string): void => {
    const { shownLast } = one
    if (shownLast.get(source) === hash) return
    if (shownLast.delete(source)) state.shownCount--
    if (one.common === hash) return
    const [oldest] = shownLast.keys()
    if (state.shownCount >= maxShown) {
      if (oldest === undefined) return
      shownLast.delete(oldest)
      state.shownCount--
    }
    shownLast.set(source, hash)
    state.shownCount++
  }

  /** The accepted definition that clients of a source may be shown instead of another: their own, or that of the first list. */
  const fallback = (one: Watched, source: string): JsonObject | undefined =>
    one.accepted.get(one.shownLast.get(source) ?? '') ?? one.accepted.get(one.common ?? '')

  const tell = (one: Watched, hash: string, before: JsonObject | undefined, tool: JsonObject, isOwn: boolean): void => {
    state.changes++
    const change = one.accepted.size > 0 ? 'changed' : 'added'
    const { label } = one
    const different =
      before && (isOwn ? { differs: differentFields(before, tool) } : { diff: differences(before, tool) })
    const fields = { tool: label, change, hash, ...different }
    events.emit('definitionChanged', { tool: label, change, hash, isHeld: onChange === 'hold' })
    if (onChange === 'allow') return log.info(fields, 'a tool of the server is defined anew')
    log.warn(
      fields,
      onChange === 'hold'
        ? 'a tool of the server is defined anew and is held back'
        : 'a tool of the server is defined anew',
    )
  }

  /** The definition that clients see of a tool; undefined if they see none. */
  const shown = (tool: JsonObject, origin: ListOrigin): JsonObject | undefined => {
    const { source, isOwn, isNew } = origin
    const { name } = tool
    if (typeof name !== 'string') return tool
    const hash = contentId([JSON.stringify(tool)])
    const key = contentId([name])
    const known = watched.get(key)
    if (!known && watched.size >= maxNames) return onChange === 'hold' && state.hasBaseline ? undefined : tool
    const one = known ?? newTool(name)
    watched.set(key, one)
    if (!one.accepted.has(hash)) {
      const before = fallback(one, source)
      const isAccepted = onChange !== 'hold' || !state.hasBaseline
      const isTold = state.hasBaseline && !(isNew && isAccepted) && !one.held.has(hash)
      if (isTold) tell(one, hash, before, tool, isOwn)
      if (!isAccepted) {
        addHeld(one, hash, tool, origin)
        return before
      }
      addAccepted(one, hash, roomFor(tool))
    }
    if (!isOwn) one.common ??= hash
    noteShown(one, hash, source)
    return tool
  }

  return {
    state,
    begin(origin) {
      const kept = { ...origin, source: contentId([origin.source]) }
      return {
        check(page) {
          const tools = page.value['tools']
          if (!Array.isArray(tools)) return page
          const seen = tools.map((tool: JsonValue) => (isObject(tool) ? shown(tool, kept) : tool))
          if (seen.every((tool, at) => tool === tools[at])) return page
          return editObject(page, { tools: seen.flatMap((tool) => tool ?? []) })
        },
        end: () => void (state.hasBaseline = true),
      }
    },
    accept(hashes) {
      const names: string[] = []
      for (const one of watched.values()) {
        for (const [hash, { tool, source }] of one.held) {
          if (hashes?.has(hash) === false) continue
          one.held.delete(hash)
          addAccepted(one, hash, tool)
          noteShown(one, hash, source)
          names.push(one.label)
        }
      }
      const tools = namesToTell(names)
      if (names.length > 0) log.info({ tools, definitions: names.length }, 'definitions of tools are accepted')
      return { accepted: names.length, tools }
    },
    held: () =>
      [...watched.values()].flatMap((one) =>
        [...one.held].map(([hash, { tool, source, isOwn }]): HeldDefinition => {
          const before = fallback(one, source)
          const differs = before && tool ? (isOwn ? differentFields : differences)(before, tool) : []
          return { tool: one.label, hash, change: one.accepted.size > 0 ? 'changed' : 'added', differs }
        }),
      ),
    isHeldBack(name) {
      if (onChange !== 'hold' || state.changes === 0) return false
      const one = watched.get(contentId([name]))
      return one !== undefined && one.accepted.size === 0 && one.held.size > 0
    },
    carryOver({ state: before }) {
      watched.clear()
      for (const [key, one] of before.watched) {
        const [accepted, held, shownLast] = [new Map(one.accepted), new Map(one.held), new Map(one.shownLast)]
        watched.set(key, { ...one, accepted, held, shownLast })
      }
      const { hasBaseline, keptChars, shownCount, changes } = before
      Object.assign(state, { hasBaseline, keptChars, shownCount, changes })
    },
    counts() {
      if (onChange === 'allow') return {}
      let held = 0
      for (const one of watched.values()) held += one.held.size
      return { changedDefinitions: state.changes, heldDefinitions: held }
    },
  }
}

/** The names of tools for a line: each once, a hundred at most. */
function namesToTell(names: readonly string[]): readonly string[] {
  const each = [...new Set(names)]
  return each.length <= maxTold ? each : [...each.slice(0, maxTold), '…']
}

function newTool(name: string): Watched {
  // A cut text keeps the whole one in memory, unless it is copied.
  const label = Buffer.from(terminalSafeLine(name, maxNameChars)).toString()
  return { label, accepted: new Map(), held: new Map(), shownLast: new Map(), common: undefined }
}

function charsOf(tool: JsonObject): number {
  return JSON.stringify(tool).length
}
