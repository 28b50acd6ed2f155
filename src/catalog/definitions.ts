/**
 * Watches the definitions of an upstream's tools: each has a hash, and one that was not seen before is a change, which is
 * logged and, by the operator's choice, allowed, announced as an alert, or held back until the operator accepts it.
 *
 * What the server lists first is accepted. A server may list other tools to other clients: what the first list of a kind
 * of client has besides is accepted, too, unless changes are held back.
 */
import type { EventSink } from '../base/events.ts'
import { contentId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { terminalSafeLine } from '../base/terminal-safe.ts'
import { editObject, isObject, type JsonObject, type JsonValue, type RawObject } from '../protocol/json-text.ts'
import { differences } from './differences.ts'

/** The most tools that are watched; with `hold`, further ones are not listed. */
const maxNames = 2000
/** The most definitions of one tool: clients of other kinds may have others. */
const maxOfName = 32
/** The most characters of definitions that are kept to show what has changed. */
const maxKeptChars = 4 * 1024 * 1024
const maxNameChars = 128

/** What becomes of a tool whose definition has changed. */
export type OnChange = 'allow' | 'alert' | 'hold'

interface Watched {
  /** The hashes of definitions that are accepted, and of those that are held back. */
  readonly accepted: Set<string>
  readonly held: Map<string, JsonObject | undefined>
  /** The definition that was accepted last, if there was room to keep it. */
  latest: JsonObject | undefined
}

export interface Definitions {
  /**
   * Begins a list of tools. @param isNew whether no list of its source is known
   * @returns a function that turns a page of the server into what clients may see, and one for the end of the list
   */
  begin(isNew: boolean): { check(page: RawObject): RawObject; end(): void }
  /** Accepts all definitions that are held back. @returns how many */
  accept(): number
  /** Figures for operators; none if changes are allowed. */
  counts(): Readonly<Record<string, number>>
}

export function createDefinitions(needs: {
  readonly onChange: OnChange
  readonly log: Log
  readonly events: EventSink
}): Definitions {
  const { onChange, log, events } = needs
  const watched = new Map<string, Watched>()
  let hasBaseline = false
  let keptChars = 0
  let changes = 0

  /** The definition, if there is room to keep it. */
  const roomFor = (tool: JsonObject): JsonObject | undefined => {
    const chars = JSON.stringify(tool).length
    if (keptChars + chars > maxKeptChars) return undefined
    keptChars += chars
    return tool
  }

  const accept = (one: Watched, hash: string, tool: JsonObject | undefined): void => {
    if (one.accepted.size >= maxOfName) one.accepted.delete(one.accepted.values().next().value ?? '')
    one.accepted.add(hash)
    one.latest = tool
  }

  const tell = (
    name: string,
    hash: string,
    before: JsonObject | undefined,
    isKnown: boolean,
    tool: JsonObject,
  ): void => {
    changes++
    const change = isKnown ? 'changed' : 'added'
    const fields = {
      tool: terminalSafeLine(name, maxNameChars),
      change,
      hash,
      ...(before && { diff: differences(before, tool) }),
    }
    events.emit('definitionChanged', { tool: fields.tool, change, hash, isHeld: onChange === 'hold' })
    if (onChange === 'allow') return log.info(fields, 'a tool of the server is defined anew')
    log.warn(
      fields,
      onChange === 'hold'
        ? 'a tool of the server is defined anew and is held back'
        : 'a tool of the server is defined anew',
    )
  }

  /** The definition that clients see of a tool; undefined if they see none. */
  const shown = (tool: JsonObject, isSilent: boolean): JsonObject | undefined => {
    const { name } = tool
    if (typeof name !== 'string') return tool
    const hash = contentId([JSON.stringify(tool)])
    const known = watched.get(name)
    if (known?.accepted.has(hash)) return tool
    if (!known && watched.size >= maxNames) return onChange === 'hold' && hasBaseline ? undefined : tool
    const one: Watched = known ?? { accepted: new Set(), held: new Map(), latest: undefined }
    watched.set(name, one)
    const before = one.latest
    const isAccepted = onChange !== 'hold' || !hasBaseline
    const isTold = hasBaseline && !(isSilent && isAccepted) && !one.held.has(hash)
    if (isTold) tell(name, hash, before, one.accepted.size > 0, tool)
    if (isAccepted) {
      accept(one, hash, roomFor(tool))
      return tool
    }
    if (one.held.size >= maxOfName) one.held.delete(one.held.keys().next().value ?? '')
    if (!one.held.has(hash)) one.held.set(hash, roomFor(tool))
    return before
  }

  return {
    begin(isNew) {
      return {
        check(page) {
          const tools = page.value['tools']
          if (!Array.isArray(tools)) return page
          const seen = tools.map((tool: JsonValue) => (isObject(tool) ? shown(tool, isNew) : tool))
          if (seen.every((tool, at) => tool === tools[at])) return page
          return editObject(page, { tools: seen.flatMap((tool) => tool ?? []) })
        },
        end: () => void (hasBaseline = true),
      }
    },
    accept() {
      let accepted = 0
      for (const one of watched.values()) {
        for (const [hash, tool] of one.held) {
          accept(one, hash, tool)
          accepted++
        }
        one.held.clear()
      }
      return accepted
    },
    counts() {
      if (onChange === 'allow') return {}
      let held = 0
      for (const one of watched.values()) held += one.held.size
      return { changedDefinitions: changes, heldDefinitions: held }
    },
  }
}
