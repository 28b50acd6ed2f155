/**
 * The session of a caller as a handler sees it: its state, changed by compare-and-set, and its history. The gateway keeps
 * both (`ToolSessions`).
 */
import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { PastCall } from '../../protocol/past-call.ts'
import type { ToolSession } from '../../use-call/tool-call.ts'
import type { CallerFacts, ToolSessions } from './object-host.ts'

/** How often a change is tried again because others write the state of the session at the same time. */
const maxAttempts = 1000

export class StoredSession implements ToolSession {
  readonly id: string
  readonly #facts: CallerFacts
  readonly #sessions: ToolSessions

  constructor(id: string, facts: CallerFacts, sessions: ToolSessions) {
    this.id = id
    this.#facts = facts
    this.#sessions = sessions
  }

  async get(key: string): Promise<unknown> {
    const { values } = await this.#sessions.read(this.#facts)
    return Object.hasOwn(values, key) ? structuredClone(values[key]) : undefined
  }

  async set(key: string, value: unknown): Promise<void> {
    const kept = asJson(key, value)
    await this.#change((values) => ({ ...values, [key]: kept }))
  }

  async update(key: string, change: (value: unknown) => unknown): Promise<unknown> {
    let changed: unknown
    await this.#change((values) => {
      changed = change(Object.hasOwn(values, key) ? structuredClone(values[key]) : undefined)
      if (changed instanceof Promise) throw new TypeError('session.update: the function must not be async')
      return { ...values, [key]: asJson(key, changed) }
    })
    return changed
  }

  async delete(key: string): Promise<boolean> {
    let isThere = false
    await this.#change((values) => {
      isThere = Object.hasOwn(values, key)
      if (!isThere) return undefined
      const { [key]: _, ...rest } = values
      return rest
    })
    return isThere
  }

  async history(): Promise<readonly PastCall[]> {
    return this.#sessions.history(this.#facts)
  }

  /** @param change returns the new state, or undefined to leave it as it is */
  async #change(change: (values: JsonObject) => JsonObject | undefined): Promise<void> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const { values, version } = await this.#sessions.read(this.#facts)
      const changed = change(values)
      if (changed === undefined || (await this.#sessions.replace(this.#facts, changed, version))) return
    }
    throw new Error('session: others change its state at the same time')
  }
}

/** A copy of the value as JSON keeps it. Throws an error in words if it is none, or something in it would be lost. */
function asJson(key: string, value: unknown): JsonValue {
  try {
    if (value === undefined) throw new TypeError('it is undefined; use delete to remove a key')
    return JSON.parse(JSON.stringify(value, asKept)) as JsonValue
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it cannot be written'
    throw new TypeError(`session: the value of ${JSON.stringify(key)} is no JSON: ${why}`, { cause: error })
  }
}

/** Part of a value, if JSON can keep it. Members that are undefined are left out, as ever. */
function asKept(this: unknown, _key: string, part: unknown): unknown {
  const isLost =
    typeof part === 'function' ||
    typeof part === 'symbol' ||
    (typeof part === 'number' && !Number.isFinite(part)) ||
    part instanceof Map ||
    part instanceof Set ||
    (part === undefined && Array.isArray(this))
  if (isLost)
    throw new TypeError(`it has ${part instanceof Object ? `a ${part.constructor.name}` : String(part)} in it`)
  return part
}
