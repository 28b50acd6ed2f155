/** The session of a caller as a handler sees it: its state and its history. The gateway keeps both (`ToolSessions`). */
import { isPending } from '../../base/awaitable.ts'
import type { JsonValue } from '../../base/json.ts'
import type { ToolSession } from '../../use-call/tool-call.ts'
import type { ObjectChanges } from './object-changes.ts'
import type { CallerFacts, ToolSessions, ToolSessionState } from './object-host.ts'
import type { Measured, StateDraft } from './state-draft.ts'

/** Its methods are getters of functions, so that a handler may take them out: `const { get, set } = session`. */
export class StoredSession implements ToolSession {
  readonly id: string
  readonly #facts: CallerFacts
  readonly #sessions: ToolSessions
  readonly #changes: ObjectChanges
  /** The read that begins in this turn of the handler. */
  #reading: Promise<ToolSessionState> | undefined

  constructor(id: string, facts: CallerFacts, sessions: ToolSessions, changes: ObjectChanges) {
    this.id = id
    this.#facts = facts
    this.#sessions = sessions
    this.#changes = changes
  }

  get get(): ToolSession['get'] {
    return async (key) => {
      const { values } = await this.#read()
      return Object.hasOwn(values, key) ? structuredClone(values[key]) : undefined
    }
  }

  get set(): ToolSession['set'] {
    return async (key, value) => {
      const kept = asJson(key, value)
      await this.#changes.make(this.#facts, kept.bytes, (draft) => draft.set(key, kept))
    }
  }

  get update(): ToolSession['update'] {
    return async (key, change) => this.#changes.make(this.#facts, 0, (draft) => updated(draft, key, change))
  }

  get delete(): ToolSession['delete'] {
    return async (key) => this.#changes.make(this.#facts, 0, (draft) => draft.delete(key))
  }

  get history(): ToolSession['history'] {
    return async () => this.#sessions.history(this.#facts)
  }

  /**
   * Several `get` at once are one read, which matters where the state comes from another thread. A later one reads again:
   * other calls of the session may have changed the state meanwhile.
   */
  #read(): Promise<ToolSessionState> {
    if (this.#reading) return this.#reading
    queueMicrotask(() => (this.#reading = undefined))
    return (this.#reading = this.#sessions.read(this.#facts))
  }
}

function updated(draft: StateDraft, key: string, change: (value: unknown) => unknown): unknown {
  const after = change(structuredClone(draft.get(key)))
  if (isPending(after)) {
    // What it comes to is used by nothing, so its failure is told by this error alone.
    after.then(undefined, () => {})
    throw new TypeError('session.update: the function must not be async')
  }
  draft.set(key, asJson(key, after))
  return after
}

/** A copy of the value as JSON keeps it, with its size. Throws an error in words if it is none, or something in it would be lost. */
function asJson(key: string, value: unknown): Measured {
  try {
    if (value === undefined) throw new TypeError('it is undefined; use delete to remove a key')
    const text = JSON.stringify(value, asKept)
    return { value: JSON.parse(text) as JsonValue, bytes: Buffer.byteLength(text) }
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
